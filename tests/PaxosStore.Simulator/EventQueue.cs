namespace PaxosStore.Simulator;

/// <summary>
/// What is due when, in the order of time and, at the same time, of planning. The heap moves small numbers about; the events themselves stay where they
/// were put.
/// </summary>
internal sealed class EventQueue
{
    private const int PlannedBits = 24;

    private readonly PriorityQueue<int, ulong> _order = new(256);
    private readonly Stack<int> _free = new(256);
    private Event[] _events = new Event[256];
    private int _used;
    private ulong _planned;

    /// <summary>Adds an event. Throws <see cref="OverflowException"/> beyond 2^40 µs or 2^24 events in one run, where the order would be lost.</summary>
    public void Add(long time, in Event e)
    {
        if ((ulong)time >> (64 - PlannedBits) != 0 || _planned >> PlannedBits != 0) throw new OverflowException("The run is too long for its event queue.");
        if (!_free.TryPop(out var place))
        {
            if (_used == _events.Length) Array.Resize(ref _events, _used * 2);
            place = _used++;
        }

        _events[place] = e;
        _order.Enqueue(place, ((ulong)time << PlannedBits) | _planned++);
    }

    /// <summary>Takes the next event when it is due by <paramref name="end"/>; false when none is.</summary>
    public bool TryTake(long end, out long time, out Event e)
    {
        if (!_order.TryPeek(out var place, out var due) || (time = (long)(due >> PlannedBits)) > end)
        {
            (time, e) = (end, default);
            return false;
        }

        _order.Dequeue();
        _free.Push(place);
        e = _events[place];
        return true;
    }
}

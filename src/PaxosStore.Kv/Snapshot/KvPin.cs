namespace PaxosStore.Kv;

/// <summary>A view whose history is kept until this is disposed. Dispose it soon: until then compaction gives no memory back above it.</summary>
public sealed class KvPin : IDisposable
{
    private readonly ViewPins _pins;

    internal KvPin(ViewPins pins, KvView view) => (_pins, View) = (pins, view);

    /// <summary>The pinned view.</summary>
    public KvView View { get; }

    /// <summary>Lets go of the history; a second time does nothing.</summary>
    public void Dispose() => _pins.Remove(this);
}

/// <summary>Pins of one machine: how far its history may be trimmed.</summary>
internal sealed class ViewPins
{
    private readonly Lock _gate = new();
    private readonly List<KvPin> _pins = [];

    /// <summary>
    /// Reading the view and entering the pin are one step for <see cref="Floor"/>: so whoever trims either sees the pin, or has published the view
    /// he trims by before the pin read it.
    /// </summary>
    public KvPin Pin(WatchHub hub)
    {
        lock (_gate)
        {
            var pin = new KvPin(this, hub.View);
            _pins.Add(pin);
            return pin;
        }
    }

    public void Remove(KvPin pin)
    {
        lock (_gate) _pins.Remove(pin);
    }

    /// <summary>Revision at and above which history must stay.</summary>
    public long Floor()
    {
        lock (_gate)
        {
            var floor = long.MaxValue;
            foreach (var pin in _pins) floor = Math.Min(floor, pin.View.CompactRevision);
            return floor;
        }
    }
}

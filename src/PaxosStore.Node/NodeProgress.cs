namespace PaxosStore.Node;

/// <summary>Where the node stands, written by its actors and read from any thread.</summary>
internal sealed class NodeProgress(KvView initial)
{
    private sealed record Point(KvView View, TimeSpan At);

    private Point _applied = new(initial, TimeSpan.Zero);
    private ulong _leader;
    private long _chosenSlot;

    public KvView View => Volatile.Read(ref _applied).View;

    public ulong Leader
    {
        get => Volatile.Read(ref _leader);
        set => Volatile.Write(ref _leader, value);
    }

    public long ChosenSlot
    {
        get => Volatile.Read(ref _chosenSlot);
        set => Volatile.Write(ref _chosenSlot, value);
    }

    public void Applied(KvView view, TimeSpan now) => Volatile.Write(ref _applied, new Point(view, now));

    /// <summary>The same state, held in less memory.</summary>
    public void Shrunk(KvView view) => Volatile.Write(ref _applied, new Point(view, Volatile.Read(ref _applied).At));

    /// <summary>Log time as it would be had something been applied just now: for showing remaining TTLs on an idle cluster.</summary>
    public TimeSpan EstimatedLogTime(TimeSpan now)
    {
        var point = Volatile.Read(ref _applied);
        return point.View.LogTime + (now - point.At);
    }
}

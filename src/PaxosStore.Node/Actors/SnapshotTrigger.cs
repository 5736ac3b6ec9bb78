namespace PaxosStore.Node.Actors;

/// <summary>
/// When the next snapshot is due: when the log since the last one weighs half as much as the state, so that two generations of both take about three times the
/// state on disk, and a restart costs in proportion to it.
/// </summary>
/// <param name="mostSlots">From so many slots on the log need not weigh as much as the state: an eighth is enough.</param>
/// <param name="bytes">Size of the last one.</param>
/// <param name="leastLogBytes">A small state is not written again for every few writes.</param>
internal sealed class SnapshotTrigger(long mostSlots, long bytes, long leastLogBytes = 8 << 20)
{
    private long _slots;
    private long _logBytes;
    private bool _running;

    public void Applied(long valueBytes)
    {
        _slots++;
        _logBytes += valueBytes;
    }

    public bool Due(long stateBytes)
    {
        var weight = Math.Max(stateBytes, bytes);
        return !_running && (_logBytes >= Math.Max(leastLogBytes, weight / 2) || (_slots >= mostSlots && _logBytes >= weight / 8));
    }

    /// <summary>One is being made of the state as it is now.</summary>
    public void Begun() => (_running, _slots, _logBytes) = (true, 0, 0);

    /// <summary>It is done; it failed when <paramref name="size"/> is 0, and is due again as the log grows on.</summary>
    public void Taken(long size)
    {
        _running = false;
        if (size > 0) bytes = size;
    }
}

namespace PaxosStore.Consensus;

/// <summary>
/// Log time under one ballot: the leader's elapsed time since it took over, added to the log time it took over at. It is told to the acceptors with
/// every confirmation, and they tell the next leader. While no quorum has heard it for long it stands still: so a leader that was replaced without
/// knowing can't run ahead of its successor by more than the limit, and time that a leader slept through does not count.
/// </summary>
internal sealed class LeaderClock(SafetyRules rules, TimeSpan start, TimeSpan now, TimeSpan limit)
{
    // Invariant: ascending; as long as the confirmations that no quorum has answered, so bounded by stepping down.
    private readonly Queue<(long Number, TimeSpan Time)> _told = new();
    private TimeSpan _offset = start - now;
    private TimeSpan _heard = start;

    /// <summary>
    /// No quorum has heard the leader for so long that its clock stands still. What it proposed now would be stamped with a time that may be long past: a successor may
    /// adopt it, and key leases renewed in it would be as much shorter.
    /// </summary>
    public bool StandsStill(TimeSpan elapsed) => _offset + elapsed >= _heard + limit;

    /// <summary>What a value proposed now is stamped with. Never decreases as long as <paramref name="elapsed"/> does not.</summary>
    public TimeSpan Read(TimeSpan elapsed)
    {
        var reading = rules.LogTime(_offset + elapsed, _heard + limit);
        _offset = reading - elapsed;
        return reading;
    }

    /// <summary>The time to tell with confirmation <paramref name="number"/>.</summary>
    public TimeSpan Tell(long number, TimeSpan elapsed)
    {
        var reading = Read(elapsed);
        _told.Enqueue((number, reading));
        return reading;
    }

    /// <summary>A quorum has answered all confirmations up to <paramref name="number"/>.</summary>
    public void Heard(long number)
    {
        while (_told.TryPeek(out var told) && told.Number <= number) _heard = _told.Dequeue().Time;
    }
}

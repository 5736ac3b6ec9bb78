namespace PaxosStore.Consensus;

/// <summary>
/// Log time under one ballot: the leader's elapsed time since it took over, added to the log time it took over at. It is told to the acceptors with every
/// confirmation, and they tell the next leader; so it can get ahead of that leader's by no more than the time it may go on unheard.
/// </summary>
internal sealed class LeaderClock(SafetyRules rules, TimeSpan start, TimeSpan now)
{
    // Invariant: ascending; as long as the confirmations that no quorum has answered, so bounded by stepping down.
    private readonly Queue<(long Number, TimeSpan Time)> _told = new();
    private readonly TimeSpan _offset = start - now;
    private TimeSpan _heard = start;

    /// <summary>What a value proposed now is stamped with.</summary>
    public TimeSpan Reading(TimeSpan elapsed) => _offset + elapsed;

    /// <summary>Whether values may be stamped now.</summary>
    public bool MayStamp(TimeSpan elapsed, TimeSpan limit) => rules.MayStamp(Reading(elapsed) - _heard, limit);

    /// <summary>The time to tell with confirmation <paramref name="number"/>.</summary>
    public TimeSpan Tell(long number, TimeSpan elapsed)
    {
        var reading = Reading(elapsed);
        _told.Enqueue((number, reading));
        return reading;
    }

    /// <summary>A quorum has answered all confirmations up to <paramref name="number"/>.</summary>
    public void Heard(long number)
    {
        while (_told.TryPeek(out var told) && told.Number <= number) _heard = _told.Dequeue().Time;
    }
}

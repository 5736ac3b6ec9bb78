namespace PaxosStore.Node.Actors;

/// <summary>When a leader moves log time on although nobody asks for anything.</summary>
internal sealed class LogTimePace
{
    // While key leases exist log time is written down this often: what a crash of all acceptors can make it forget.
    private static readonly TimeSpan LongestQuiet = TimeSpan.FromSeconds(1);

    private TimeSpan _said;

    /// <summary>
    /// Whether a batch without commands is due: a key lease has lapsed, or the log has been quiet for long while there are any. One said to be due is given time to be
    /// applied: a leader that lags behind its own log would lengthen it with each tick.
    /// </summary>
    /// <param name="logTime">What a batch proposed now would carry; null when this node does not lead.</param>
    /// <param name="applied">The state so far.</param>
    public bool IsDue(TimeSpan? logTime, KvView applied)
    {
        if (logTime is null) _said = default;
        if (logTime is not { } now || applied.NextLeaseDeadline is not { } deadline) return false;
        var isUnderWay = applied.LogTime < _said && now - _said < LongestQuiet;
        if (isUnderWay || (now >= deadline ? applied.LogTime >= now : now - applied.LogTime < LongestQuiet)) return false;
        _said = now;
        return true;
    }
}

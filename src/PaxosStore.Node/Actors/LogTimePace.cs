namespace PaxosStore.Node.Actors;

/// <summary>When a leader moves log time on although nobody asks for anything.</summary>
internal static class LogTimePace
{
    // While key leases exist log time is written down this often: what a crash of all acceptors can make it forget.
    private static readonly TimeSpan LongestQuiet = TimeSpan.FromSeconds(1);

    /// <summary>Whether a batch without commands is due: a key lease has lapsed, or the log has been quiet for long while there are any.</summary>
    /// <param name="logTime">What a batch proposed now would carry; null when this node does not lead.</param>
    /// <param name="applied">The state so far.</param>
    public static bool IsDue(TimeSpan? logTime, KvView applied)
    {
        if (logTime is not { } now || applied.NextLeaseDeadline is not { } deadline) return false;
        return now >= deadline ? applied.LogTime < now : now - applied.LogTime >= LongestQuiet;
    }
}

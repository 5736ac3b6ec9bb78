namespace PaxosStore.Cluster.Tests.Blackbox;

/// <summary>What happens to the bytes that one node sends another. The default lets them pass.</summary>
/// <param name="Delay">How much later they arrive.</param>
/// <param name="Stalled">They don't arrive while this holds; the connection stays.</param>
/// <param name="Refused">Connections of this pair are cut, new ones too.</param>
/// <param name="BytesPerSecond">At most so many a second; 0: no bound.</param>
internal readonly record struct LinkRule(TimeSpan Delay, bool Stalled, bool Refused, int BytesPerSecond)
{
    /// <summary>Two faults on one link add up.</summary>
    public static LinkRule operator +(LinkRule a, LinkRule b) => new(
        a.Delay + b.Delay,
        a.Stalled || b.Stalled,
        a.Refused || b.Refused,
        a.BytesPerSecond == 0 || (b.BytesPerSecond > 0 && b.BytesPerSecond < a.BytesPerSecond) ? b.BytesPerSecond : a.BytesPerSecond);
}

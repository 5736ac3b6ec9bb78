namespace PaxosStore.Node.Facade;

/// <summary>How patient a <see cref="PaxosStoreClient"/> is.</summary>
public sealed record PaxosStoreClientOptions
{
    /// <summary>How long a request may take in all. Members give up after their own <c>request-timeout</c> (7 s): keep this above it.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>After this long without an answer, what may be repeated (reads, keep-alives, watches) is asked of another member.</summary>
    public TimeSpan AttemptTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How often a watch without events shows that it is still wanted; members forget a silent one after 45 s.</summary>
    public TimeSpan WatchKeepAlive { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Most requests waiting at a time; more are refused as <see cref="KvErrorCode.Overloaded"/>.</summary>
    public int MaxPendingRequests { get; init; } = 1_000;

    /// <summary>Largest encoded request; larger ones are refused as <see cref="KvErrorCode.RequestTooLarge"/>.</summary>
    public int MaxRequestBytes { get; init; } = 3 << 19;

    /// <summary>Act as the store's own nodes do: needed once users and roles are checked, and allowed everything then.</summary>
    public bool AsNode { get; init; }

    internal void Check()
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(RequestTimeout, TimeSpan.Zero, nameof(RequestTimeout));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(AttemptTimeout, TimeSpan.Zero, nameof(AttemptTimeout));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(WatchKeepAlive, TimeSpan.Zero, nameof(WatchKeepAlive));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(WatchKeepAlive, TimeSpan.FromSeconds(30), nameof(WatchKeepAlive));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxPendingRequests, 1, nameof(MaxPendingRequests));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxRequestBytes, 1, nameof(MaxRequestBytes));
    }
}

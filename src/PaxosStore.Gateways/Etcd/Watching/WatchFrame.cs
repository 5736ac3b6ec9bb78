using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Watching;

/// <summary>
/// One response of a watch stream: etcd's WatchResponse, holding the store's own events. It is written to the wire straight from them, so that an event
/// seen by a hundred watchers costs no object per watcher.
/// </summary>
internal sealed record WatchFrame(ulong ClusterId, ulong MemberId, long Revision, ulong Term, long WatchId)
{
    /// <summary>Answers a create request.</summary>
    internal bool Created { get; init; }

    /// <summary>The watcher is gone.</summary>
    internal bool Canceled { get; init; }

    /// <summary>The oldest revision still to be had, when the watcher's own has been compacted.</summary>
    internal long CompactRevision { get; init; }

    /// <summary>Why the watcher was refused.</summary>
    internal string CancelReason { get; init; } = "";

    /// <summary>More of the same revision follows.</summary>
    internal bool Fragment { get; init; }

    /// <summary>Events carry what the key was before.</summary>
    internal bool PreviousKv { get; init; }

    /// <summary>The events, in order.</summary>
    internal ReadOnlyMemory<KvEvent> Events { get; init; }
}

namespace PaxosStore.Kv;

/// <summary>
/// The store as a protocol door sees it: one node of the cluster that serves any request.
/// Writes are agreed by consensus, linearizable reads carry a barrier from the leader, watchers follow the event history.
/// All members are safe to call from any thread and never block.
/// </summary>
public interface IKvStore
{
    /// <summary>Who this node is and how the cluster looks from here; local, without a quorum.</summary>
    StoreStatus Status { get; }

    /// <summary>The state as applied on this node at this moment: what a serializable (possibly stale) read sees.</summary>
    KvView View { get; }

    /// <summary>
    /// Log time as it would be if something were applied now. On an idle store the log stands still while key leases run on: this is what
    /// remaining TTLs are to be shown by. Nothing is decided by it.
    /// </summary>
    TimeSpan LogTimeEstimate => View.LogTime;

    /// <summary>
    /// Agrees on <paramref name="command"/> and applies it; completes once this node has applied it.
    /// </summary>
    /// <exception cref="KvException">
    /// The state machine refused it (did not happen), or the store could not decide it in time. <see cref="KvException.Outcome"/> tells
    /// <see cref="KvOutcome.DidNotHappen"/> from <see cref="KvOutcome.Unknown"/>.
    /// </exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> fired; the outcome is unknown.</exception>
    ValueTask<KvResult> ExecuteAsync(KvCommand command, CancellationToken cancellationToken);

    /// <summary>
    /// An immutable view that is at least as new as everything acknowledged before the call
    /// (<see cref="ReadConsistency.Linearizable"/>), or this node's newest (<see cref="ReadConsistency.Serializable"/>).
    /// Evaluate requests on it on the caller's own thread.
    /// </summary>
    /// <exception cref="KvException"><see cref="KvErrorCode.Unavailable"/>-like codes: no quorum within the request time-out.</exception>
    ValueTask<KvView> ReadAsync(ReadConsistency consistency, CancellationToken cancellationToken);

    /// <summary>Opens a watcher: a cursor into the event history plus a wake-up.</summary>
    IKvWatcher Watch(WatchSpec spec);
}

/// <summary>How fresh a read must be.</summary>
public enum ReadConsistency
{
    /// <summary>Reflects every write acknowledged before the read began; needs a quorum.</summary>
    Linearizable,

    /// <summary>Whatever this node has applied; needs nobody, may be stale.</summary>
    Serializable,
}

/// <summary>A node's view of itself and the cluster. Ids are opaque positive integers, equal on all members.</summary>
/// <param name="ClusterId">Identity of the cluster, equal on all members and stable for its life.</param>
/// <param name="MemberId">Identity of this node.</param>
/// <param name="LeaderId">The leader this node follows, or 0 when it knows none.</param>
/// <param name="Term">Ballot round of the applied log: what etcd's clients know as <c>raft_term</c>. Never decreases on a node.</param>
/// <param name="ChosenSlot">Highest slot this node knows to be chosen with all before it.</param>
/// <param name="AppliedSlot">Highest slot applied to the state.</param>
/// <param name="StorageBytes">Bytes the node's durable storage occupies.</param>
/// <param name="StorageBytesInUse">Bytes of it that hold live data.</param>
/// <param name="IsObserver">True while the node has no vote.</param>
/// <param name="LacksVote">
/// True while the node is a voter whose vote does not count: its journal is new, or lost records, and the other members have not told yet what it must know. Whoever
/// stops another member now may be left without a quorum.
/// </param>
/// <param name="Members">All members in the order of the configuration.</param>
public sealed record StoreStatus(
    ulong ClusterId,
    ulong MemberId,
    ulong LeaderId,
    ulong Term,
    long ChosenSlot,
    long AppliedSlot,
    long StorageBytes,
    long StorageBytesInUse,
    bool IsObserver,
    bool LacksVote,
    IReadOnlyList<MemberInfo> Members);

/// <summary>One member of the cluster.</summary>
/// <param name="Id">Its identity.</param>
/// <param name="Name">Its human name; empty until it has started once.</param>
/// <param name="PeerUrls">Where its peers reach it.</param>
/// <param name="ClientUrls">Where clients reach it; empty until it has started once.</param>
/// <param name="IsObserver">True when it has no vote (etcd: learner).</param>
public sealed record MemberInfo(ulong Id, string Name, IReadOnlyList<string> PeerUrls, IReadOnlyList<string> ClientUrls, bool IsObserver);

/// <summary>What to watch.</summary>
/// <param name="Range">Keys watched.</param>
/// <param name="StartRevision">First revision delivered; 0 = the one after the node's current revision.</param>
/// <param name="IncludePuts">False drops put events.</param>
/// <param name="IncludeDeletes">False drops delete events.</param>
public sealed record WatchSpec(KeyRange Range, long StartRevision, bool IncludePuts = true, bool IncludeDeletes = true);

/// <summary>
/// A cursor into the event history. Not safe for concurrent use by several consumers; <see cref="IDisposable.Dispose"/> may come from any thread.
/// It holds no queue: a slow consumer costs nothing but its cursor.
/// </summary>
public interface IKvWatcher : IDisposable
{
    /// <summary>The store's revision when the watcher was opened.</summary>
    long CreatedRevision { get; }

    /// <summary>
    /// Every event at or below this revision that the watcher is to see has been returned by <see cref="TryRead"/>.
    /// Starts at <c>StartRevision − 1</c>.
    /// </summary>
    long DeliveredThrough { get; }

    /// <summary>
    /// The next events in order, whole revisions only, at most about <paramref name="maxBytes"/> bytes unless a single revision is larger;
    /// empty when the watcher has caught up. Never blocks.
    /// </summary>
    /// <exception cref="KvException"><see cref="KvErrorCode.Compacted"/>: the cursor's revision is gone (<see cref="KvException.CompactRevision"/> says below which).</exception>
    WatchBatch TryRead(int maxBytes);

    /// <summary>
    /// Called (from any thread, cheaply, possibly spuriously) when <see cref="TryRead"/> may have something new or will fail. The callback must not block or throw.
    /// Set it before the first <see cref="TryRead"/>.
    /// </summary>
    void OnReady(Action callback);
}

/// <summary>Events returned by one read of a watcher.</summary>
/// <param name="Revision">The store's revision the read saw: at or above every event's revision; the cursor stands there when <paramref name="CaughtUp"/>.</param>
/// <param name="Events">Whole revisions in order.</param>
/// <param name="CaughtUp">Nothing is left up to <paramref name="Revision"/>.</param>
public readonly record struct WatchBatch(long Revision, IReadOnlyList<KvEvent> Events, bool CaughtUp)
{
    /// <summary>Users and roles at <see cref="Revision"/>, for whoever passes events on; null when there are no events.</summary>
    public AuthState? Auth { get; init; }
}

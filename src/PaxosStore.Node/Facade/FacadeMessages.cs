namespace PaxosStore.Node.Facade;

/// <summary>
/// A request to the facade actor (<c>/user/paxosstore/kv</c>) of any member, from any node of the same Akka cluster, voter or not. Every request is
/// answered to its sender by <see cref="FacadeReply"/>s with the same id. Delivery is at most once: ask with a time-out, or use
/// <see cref="PaxosStoreClient"/>, which does. A write whose reply is lost has an unknown outcome.
/// </summary>
/// <para>
/// Nodes of the Akka cluster are trusted: one that says that it acts as the store's own nodes (<see cref="Caller.Node"/> in a command,
/// <see cref="AsNode"/> in what is read) may do everything. One that does not is a client without credentials: once callers are checked, it may do nothing.
/// </para>
/// <param name="Id">The sender's number for the request.</param>
public abstract record FacadeRequest(long Id)
{
    /// <summary>Reads and watches as the store's own nodes do, whatever users and roles say.</summary>
    public bool AsNode { get; init; }
}

/// <summary>Agrees on a command; answered by <see cref="FacadeResult"/> or <see cref="FacadeFailure"/>.</summary>
public sealed record FacadeExecute(long Id, KvCommand Command) : FacadeRequest(Id);

/// <summary>
/// Reads: a <see cref="RangeOp"/> or a read-only <see cref="TxnOp"/>; answered by <see cref="FacadeResult"/> (a <see cref="WriteResult"/> holding
/// the operation's result).
/// </summary>
public sealed record FacadeRead(long Id, KvOp Op, ReadConsistency Consistency) : FacadeRequest(Id);

/// <summary>
/// Opens a watch; give it an id never used before. Answered by one <see cref="FacadeEvents"/> without events that tells the revision it starts
/// after; further ones follow as events happen, each only after one <see cref="FacadeWatchNext"/>. Each says where the one before ended, so a lost
/// one shows as a gap: open a new watch at the last revision received + 1 then.
/// </summary>
public sealed record FacadeWatch(long Id, WatchSpec Spec) : FacadeRequest(Id);

/// <summary>
/// The subscriber of watch <paramref name="Id"/> is ready for more: its back-pressure, and its sign of life, due every 45 seconds. Answered at
/// once: by events, by <see cref="FacadeEvents"/> without any, or by <see cref="FacadeFailure"/> with <see cref="KvErrorCode.Stopped"/> when the
/// member knows no such watch (any more).
/// </summary>
public sealed record FacadeWatchNext(long Id) : FacadeRequest(Id);

/// <summary>Ends watch <paramref name="Id"/>.</summary>
public sealed record FacadeWatchCancel(long Id) : FacadeRequest(Id);

/// <summary>An answer of the facade.</summary>
/// <param name="Id">The request's.</param>
public abstract record FacadeReply(long Id);

/// <summary>It worked.</summary>
public sealed record FacadeResult(long Id, KvResult Result) : FacadeReply(Id);

/// <summary>It did not; see <see cref="KvException"/> for the meaning of each part.</summary>
public sealed record FacadeFailure(long Id, KvErrorCode Code, KvOutcome Outcome, long CompactRevision) : FacadeReply(Id);

/// <summary>All events of a watch above <paramref name="After"/> and up to <paramref name="Revision"/>: whole revisions in order.</summary>
public sealed record FacadeEvents(long Id, long After, long Revision, IReadOnlyList<KvEvent> Events) : FacadeReply(Id);

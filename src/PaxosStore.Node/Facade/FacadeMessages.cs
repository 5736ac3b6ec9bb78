namespace PaxosStore.Node.Facade;

/// <summary>
/// A request to the facade actor (<c>/user/paxosstore/kv</c>) of any member, from any node of the same Akka cluster, voter or not.
/// Every request is answered to its sender by <see cref="FacadeReply"/>s with the same id. Delivery is at most once: ask with a time-out,
/// or use <see cref="PaxosStoreClient"/>, which does. A write whose reply is lost has an unknown outcome.
/// </summary>
/// <param name="Id">The sender's number for the request.</param>
public abstract record FacadeRequest(long Id);

/// <summary>Agrees on a command; answered by <see cref="FacadeResult"/> or <see cref="FacadeFailure"/>.</summary>
public sealed record FacadeExecute(long Id, KvCommand Command) : FacadeRequest(Id);

/// <summary>Reads: a <see cref="RangeOp"/> or a read-only <see cref="TxnOp"/>; answered by <see cref="FacadeResult"/> (a <see cref="WriteResult"/> holding the operation's result).</summary>
public sealed record FacadeRead(long Id, KvOp Op, ReadConsistency Consistency) : FacadeRequest(Id);

/// <summary>
/// Opens a watch. Answered by one <see cref="FacadeEvents"/> without events that tells the revision it starts at; further ones follow as
/// events happen, each only after the one before was acknowledged by <see cref="FacadeWatchNext"/>.
/// </summary>
public sealed record FacadeWatch(long Id, WatchSpec Spec) : FacadeRequest(Id);

/// <summary>The subscriber of watch <paramref name="Id"/> is ready for more: its back-pressure.</summary>
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

/// <summary>Events of a watch, whole revisions in order, up to <paramref name="Revision"/>.</summary>
public sealed record FacadeEvents(long Id, long Revision, IReadOnlyList<KvEvent> Events) : FacadeReply(Id);

using System.Collections.Immutable;

namespace PaxosStore.Kv;

/// <summary>A key with its value and metadata, as protocol doors show it. Immutable; byte memory is shared and never written.</summary>
/// <param name="Key">The key.</param>
/// <param name="Value">The value (empty when dropped by keys-only).</param>
/// <param name="CreateRevision">Revision that created the current generation.</param>
/// <param name="ModRevision">Revision of the last change.</param>
/// <param name="Version">Changes since creation, from 1.</param>
/// <param name="Lease">Attached key lease or 0.</param>
public sealed record KeyValue(
    ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value, long CreateRevision, long ModRevision, long Version, long Lease);

/// <summary>One change of one key.</summary>
/// <param name="IsDelete">Delete, else put.</param>
/// <param name="Kv">The key after the change; after a delete only key and mod revision are set.</param>
/// <param name="Previous">The key before the change; null when it did not exist or that version is compacted.</param>
public sealed record KvEvent(bool IsDelete, KeyValue Kv, KeyValue? Previous);

/// <summary>Reply to one operation of a transaction.</summary>
public abstract record KvOpResult;

/// <summary>Reply to <see cref="RangeOp"/>.</summary>
/// <param name="Kvs">Keys after filters, sort and limit.</param>
/// <param name="More">More keys were there than the limit let through.</param>
/// <param name="Count">Live keys in the range at that revision, before filters and limit.</param>
public sealed record RangeResult(ImmutableArray<KeyValue> Kvs, bool More, long Count) : KvOpResult;

/// <summary>Reply to <see cref="PutOp"/>.</summary>
public sealed record PutResult(KeyValue? Previous) : KvOpResult;

/// <summary>Reply to <see cref="DeleteRangeOp"/>.</summary>
public sealed record DeleteRangeResult(long Deleted, ImmutableArray<KeyValue> Previous) : KvOpResult;

/// <summary>Reply to <see cref="TxnOp"/>.</summary>
public sealed record TxnResult(bool Succeeded, ImmutableArray<KvOpResult> Responses) : KvOpResult;

/// <summary>Reply to a command. <see cref="Revision"/> is the store's revision right after it was applied (etcd's header).</summary>
public abstract record KvResult
{
    /// <summary>Store revision right after the command.</summary>
    public required long Revision { get; init; }

    /// <summary>Ballot round of the log up to the command.</summary>
    public required ulong Term { get; init; }
}

/// <summary>Reply to <see cref="WriteCommand"/>.</summary>
public sealed record WriteResult(KvOpResult Op) : KvResult;

/// <summary>Reply to <see cref="CompactCommand"/>, <see cref="AuthCommand"/>, <see cref="PublishMemberCommand"/> and <see cref="OpenClientSessionCommand"/>.</summary>
public sealed record DoneResult : KvResult;

/// <summary>Reply to <see cref="LeaseGrantCommand"/>.</summary>
public sealed record LeaseGrantResult(long Id, long TtlSeconds) : KvResult;

/// <summary>Reply to <see cref="LeaseRevokeCommand"/>.</summary>
public sealed record LeaseRevokeResult(long DeletedKeys) : KvResult;

/// <summary>
/// Reply to <see cref="LeaseKeepAliveCommand"/>: the granted TTL in seconds per asked id, 0 where the lease does not exist, <see cref="Denied"/> where
/// the caller may not renew it.
/// </summary>
public sealed record LeaseKeepAliveResult(ImmutableArray<long> TtlSeconds) : KvResult
{
    /// <summary>Stands for a TTL: the caller may not write all keys of the lease, and it was not renewed.</summary>
    public const long Denied = -1;
}

/// <summary>Reply to <see cref="AlarmCommand"/>.</summary>
/// <param name="Changed">The alarm raised, also when it was up already; or those disarmed, by member and kind.</param>
public sealed record AlarmResult(ImmutableArray<AlarmInfo> Changed) : KvResult;

/// <summary>The state machine refused the command: it changed nothing.</summary>
public sealed record RefusedResult(KvErrorCode Code) : KvResult;

/// <summary>What a reader learns of a key lease.</summary>
/// <param name="Id">Its id.</param>
/// <param name="GrantedTtlSeconds">TTL it was granted.</param>
/// <param name="RemainingSeconds">Whole seconds left by the view's log time; may be ≤ 0 just before expiry is applied.</param>
/// <param name="Keys">Attached keys in byte order.</param>
public sealed record LeaseInfo(long Id, long GrantedTtlSeconds, long RemainingSeconds, ImmutableArray<ReadOnlyMemory<byte>> Keys);

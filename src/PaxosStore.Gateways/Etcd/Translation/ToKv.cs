using System.Collections.Immutable;
using Etcdserverpb;
using Google.Protobuf;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Translation;

/// <summary>Requests of etcd's API as operations of the store. Requests are checked before; see <see cref="RequestChecks"/>.</summary>
internal static class ToKv
{
    /// <summary>etcd's convention: no end = the key itself, the single byte 0 = everything from the key on.</summary>
    internal static KeyRange Range(ByteString key, ByteString end)
    {
        if (end.IsEmpty) return KeyRange.SingleKey(key.Memory);
        var unbounded = end.Length == 1 && end[0] == 0;
        return new KeyRange(key.Memory, unbounded ? ReadOnlyMemory<byte>.Empty : end.Memory);
    }

    internal static RangeOp Op(RangeRequest request) => new(Range(request.Key, request.RangeEnd))
    {
        Limit = Math.Max(0, request.Limit),
        Revision = Math.Max(0, request.Revision),
        Order = (SortOrder)request.SortOrder,
        Target = (SortTarget)request.SortTarget,
        KeysOnly = request.KeysOnly,
        CountOnly = request.CountOnly,
        MinModRevision = request.MinModRevision,
        MaxModRevision = request.MaxModRevision,
        MinCreateRevision = request.MinCreateRevision,
        MaxCreateRevision = request.MaxCreateRevision,
    };

    internal static PutOp Op(PutRequest request) => new(request.Key.Memory, request.Value.Memory)
    {
        Lease = request.Lease,
        PreviousKv = request.PrevKv,
        IgnoreValue = request.IgnoreValue,
        IgnoreLease = request.IgnoreLease,
    };

    internal static DeleteRangeOp Op(DeleteRangeRequest request) =>
        new(Range(request.Key, request.RangeEnd)) { PreviousKvs = request.PrevKv };

    internal static TxnOp Op(TxnRequest request) => new(
        [.. request.Compare.Select(Condition)],
        [.. request.Success.Select(Op)],
        [.. request.Failure.Select(Op)]);

    private static KvOp Op(RequestOp op) => op.RequestCase switch
    {
        RequestOp.RequestOneofCase.RequestRange => Op(op.RequestRange),
        RequestOp.RequestOneofCase.RequestPut => Op(op.RequestPut),
        RequestOp.RequestOneofCase.RequestDeleteRange => Op(op.RequestDeleteRange),
        RequestOp.RequestOneofCase.RequestTxn => Op(op.RequestTxn),
        _ => throw EtcdErrors.KeyNotFound,
    };

    // An operand of another target than the one named counts as absent: zero or empty.
    private static Comparison Condition(Compare compare)
    {
        var number = compare.Target switch
        {
            Compare.Types.CompareTarget.Version => compare.Version,
            Compare.Types.CompareTarget.Create => compare.CreateRevision,
            Compare.Types.CompareTarget.Mod => compare.ModRevision,
            Compare.Types.CompareTarget.Lease => compare.Lease,
            _ => 0,
        };
        return new Comparison(
            Range(compare.Key, compare.RangeEnd), (CompareTarget)compare.Target, (CompareResult)compare.Result, number, compare.Value.Memory);
    }
}

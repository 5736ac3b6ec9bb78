using Etcdserverpb;
using Mvccpb;
using SortOrder = Etcdserverpb.RangeRequest.Types.SortOrder;
using SortTarget = Etcdserverpb.RangeRequest.Types.SortTarget;

namespace PaxosStore.Testing.Differential;

/// <summary>Every difference from etcd 3.4 that is meant, with its reason. Whatever is not listed here fails the comparison.</summary>
internal static class NamedExceptions
{
    /// <summary>
    /// A put that keeps value or lease, after a delete with an open end in the same transaction: etcd lets it pass by the duplicate rule, finds the key gone
    /// when it applies the entry, and every member panics. Here the key counts as it was before the transaction. Not asked of etcd.
    /// </summary>
    internal static void DeleteThenKeep(TxnRequest txn)
    {
        if (!Ops(txn).Any(op => op.RequestDeleteRange is { } delete && delete.RangeEnd.Length == 1 && delete.RangeEnd[0] == 0)) return;
        foreach (var put in Ops(txn).Select(op => op.RequestPut).OfType<PutRequest>()) (put.IgnoreLease, put.IgnoreValue) = (false, false);
    }

    private static IEnumerable<RequestOp> Ops(TxnRequest txn) =>
        txn.Success.Concat(txn.Failure).SelectMany(op => op.RequestTxn is { } nested ? Ops(nested) : [op]);

    /// <summary>
    /// Sorted by something else than the key, without an order but with a limit: etcd takes the first keys up to the limit and one more, and sorts only
    /// those, so which keys come back depends on neither order. Here the whole range is sorted. How many there are must agree.
    /// </summary>
    internal static void SortWithoutOrder(RangeRequest request, RangeResponse reply)
    {
        var filtered = request.MinModRevision | request.MaxModRevision | request.MinCreateRevision | request.MaxCreateRevision;
        if (request.SortTarget == SortTarget.Key || request.SortOrder != SortOrder.None || !reply.More || filtered != 0) return;
        for (var i = 0; i < reply.Kvs.Count; i++) reply.Kvs[i] = new KeyValue();
    }
}

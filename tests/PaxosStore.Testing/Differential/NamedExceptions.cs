using Etcdserverpb;
using Google.Protobuf;
using Mvccpb;
using SortOrder = Etcdserverpb.RangeRequest.Types.SortOrder;
using SortTarget = Etcdserverpb.RangeRequest.Types.SortTarget;

namespace PaxosStore.Testing.Differential;

/// <summary>
/// Every difference from etcd 3.4 that is meant, with its reason. Whatever is not listed here fails the comparison. Each counts how often it was applied, in
/// the report; docs/etcd.md tells users of them.
/// </summary>
internal static class NamedExceptions
{
    /// <summary>A failed precondition was HTTP status 412 in the gateway of etcd 3.4; here it is 400, as in later ones.</summary>
    internal const string PreconditionStatus = "HTTP status of FailedPrecondition is 400, not 412";

    /// <summary>While nobody is checked, etcd 3.4 still refuses tokens it does not know; later ones don't, nor is it done here. None is sent then.</summary>
    internal const string TokenUnchecked = "no token sent while nobody is checked";

    /// <summary>
    /// A put that keeps value or lease, after a delete with an open end in the same transaction: etcd lets it pass by the duplicate rule, finds the key gone
    /// when it applies the entry, and every member panics. Here the key counts as it was before the transaction. Not asked of etcd.
    /// </summary>
    internal static void DeleteThenKeep(World world, TxnRequest txn)
    {
        if (!Ops(txn).Any(op => op.RequestDeleteRange is { } delete && delete.RangeEnd.Length == 1 && delete.RangeEnd[0] == 0)) return;
        foreach (var put in Ops(txn).Select(op => op.RequestPut).OfType<PutRequest>().Where(put => put.IgnoreLease || put.IgnoreValue))
        {
            (put.IgnoreLease, put.IgnoreValue) = (false, false);
            world.Exempt("put that keeps what an open-ended delete of its transaction took (etcd panics)");
        }
    }

    private static IEnumerable<RequestOp> Ops(TxnRequest txn) =>
        txn.Success.Concat(txn.Failure).SelectMany(op => op.RequestTxn is { } nested ? Ops(nested) : [op]);

    /// <summary>
    /// Sorted by something else than the key, without an order but with a limit: etcd takes the first keys up to the limit and one more, and sorts only
    /// those, so which keys come back depends on neither order. Here the whole range is sorted. How many there are must agree.
    /// </summary>
    internal static void SortWithoutOrder(World world, RangeRequest request, RangeResponse reply)
    {
        var filtered = request.MinModRevision | request.MaxModRevision | request.MinCreateRevision | request.MaxCreateRevision;
        if (request.SortTarget == SortTarget.Key || request.SortOrder != SortOrder.None || !reply.More || filtered != 0) return;
        for (var i = 0; i < reply.Kvs.Count; i++) reply.Kvs[i] = new KeyValue();
        world.Exempt("sorted without an order, cut by a limit");
    }

    /// <summary>etcd 3.4 shows what the role root was granted, later ones and this store that it may do everything.</summary>
    internal static void RootRole(World world, AuthRoleGetResponse reply)
    {
        reply.Perm.Clear();
        world.Exempt("permissions of the role root");
    }

    /// <summary>A range without keys is permitted or not by how etcd's tree happens to be built: a caller asks for its first key alone instead.</summary>
    internal static ByteString Forward(World world, ByteString key, ByteString end)
    {
        var open = end.Length == 1 && end[0] == 0;
        if (end.IsEmpty || open || end.Span.SequenceCompareTo(key.Span) > 0) return end;
        world.Exempt("permission for a range without keys");
        return ByteString.Empty;
    }

    /// <summary>A put that keeps neither value nor lease: to do so is to read, which etcd 3.4 does not ask permission for.</summary>
    internal static PutRequest KeepNothing(World world, PutRequest put)
    {
        if (put.IgnoreValue || put.IgnoreLease) world.Exempt("permission to keep a value or lease");
        put.IgnoreValue = put.IgnoreLease = false;
        return put;
    }

    /// <summary>
    /// A transaction without what etcd 3.4 forgets to judge: transactions inside (CVE-2026-33343), puts inside that read the old value or attach a lease,
    /// and whether there is a caller at all when there is nothing to do.
    /// </summary>
    internal static TxnRequest JudgedByEtcd(World world, KvGenerator keys)
    {
        var txn = keys.Txn(depth: 3);
        world.Exempt("permission for transactions inside transactions (none sent)");
        foreach (var compare in txn.Compare) compare.RangeEnd = Forward(world, compare.Key, compare.RangeEnd);
        foreach (var op in txn.Success.Concat(txn.Failure))
        {
            if (op.RequestPut is { } put) PlainPut(world, put);
            if (op.RequestRange is { } range) range.RangeEnd = Forward(world, range.Key, range.RangeEnd);
            if (op.RequestDeleteRange is { } delete) delete.RangeEnd = Forward(world, delete.Key, delete.RangeEnd);
        }

        if (txn.Compare.Count + txn.Success.Count + txn.Failure.Count > 0) return txn;
        txn.Success.Add(new RequestOp { RequestRange = keys.Range(insideTxn: true) });
        world.Exempt("caller of a transaction without anything in it");
        return txn;
    }

    private static void PlainPut(World world, PutRequest put)
    {
        KeepNothing(world, put);
        if (put.PrevKv || put.Lease != 0) world.Exempt("permission for prev_kv and leases of puts inside transactions");
        (put.PrevKv, put.Lease) = (false, 0);
    }
}

using Etcdserverpb;

namespace PaxosStore.Gateways.Etcd.Translation;

/// <summary>What etcd refuses before looking at any state, in etcd's order.</summary>
internal static class RequestChecks
{
    internal static void Check(RangeRequest request)
    {
        if (request.Key.IsEmpty) throw EtcdErrors.EmptyKey;
        if (request.SortOrder is < RangeRequest.Types.SortOrder.None or > RangeRequest.Types.SortOrder.Descend
            || request.SortTarget is < RangeRequest.Types.SortTarget.Key or > RangeRequest.Types.SortTarget.Value)
        {
            throw EtcdErrors.InvalidSort;
        }
    }

    /// <summary>What a range in pieces can't do: its keys come in key order, and all of them count.</summary>
    internal static void CheckStream(RangeRequest request)
    {
        if (request.SortTarget != RangeRequest.Types.SortTarget.Key || request.SortOrder == RangeRequest.Types.SortOrder.Descend) throw EtcdErrors.StreamSort;
        if (request.MinModRevision != 0 || request.MaxModRevision != 0 || request.MinCreateRevision != 0 || request.MaxCreateRevision != 0)
            throw EtcdErrors.StreamFilter;
    }

    internal static void Check(PutRequest request)
    {
        if (request.Key.IsEmpty) throw EtcdErrors.EmptyKey;
        if (request.IgnoreValue && !request.Value.IsEmpty) throw EtcdErrors.ValueProvided;
        if (request.IgnoreLease && request.Lease != 0) throw EtcdErrors.LeaseProvided;
    }

    internal static void Check(DeleteRangeRequest request)
    {
        if (request.Key.IsEmpty) throw EtcdErrors.EmptyKey;
    }

    /// <summary>Shape of a transaction, then the rule that no key is written twice.</summary>
    internal static void Check(TxnRequest request, int maxOps)
    {
        CheckShape(request, maxOps);
        DuplicateKeys.Check(request.Success);
        DuplicateKeys.Check(request.Failure);
    }

    // Nested transactions get what the outer ones leave of the allowance.
    private static void CheckShape(TxnRequest request, int maxOps)
    {
        var ops = Math.Max(request.Compare.Count, Math.Max(request.Success.Count, request.Failure.Count));
        if (ops > maxOps) throw EtcdErrors.TooManyOps;
        foreach (var compare in request.Compare)
        {
            if (compare.Key.IsEmpty) throw EtcdErrors.EmptyKey;
            if (compare.Result is < Compare.Types.CompareResult.Equal or > Compare.Types.CompareResult.NotEqual
                || compare.Target is < Compare.Types.CompareTarget.Version or > Compare.Types.CompareTarget.Lease)
            {
                throw EtcdErrors.InvalidCompare;
            }
        }

        foreach (var op in request.Success) CheckShape(op, maxOps - ops);
        foreach (var op in request.Failure) CheckShape(op, maxOps - ops);
    }

    private static void CheckShape(RequestOp op, int maxOps)
    {
        switch (op.RequestCase)
        {
            case RequestOp.RequestOneofCase.RequestRange:
                Check(op.RequestRange);
                break;
            case RequestOp.RequestOneofCase.RequestPut:
                Check(op.RequestPut);
                break;
            case RequestOp.RequestOneofCase.RequestDeleteRange:
                Check(op.RequestDeleteRange);
                break;
            case RequestOp.RequestOneofCase.RequestTxn:
                CheckShape(op.RequestTxn, maxOps);
                break;
            default:
                throw EtcdErrors.KeyNotFound;
        }
    }
}

using Etcdserverpb;
using Google.Protobuf;

namespace PaxosStore.Gateways.Etcd.Translation;

/// <summary>
/// etcd's rule that one transaction branch writes no key twice: no two puts of a key, no put under a delete. It looks at both branches, taken or not.
/// The branches of one nested transaction exclude each other and may overlap. A nested put is held against the deletes of its parents and of
/// <em>earlier</em> siblings only, so an earlier sibling's put under a later sibling's delete passes, as it does in etcd. Nor does the rule know the
/// range end of a single zero byte: it takes it for a key like any other, so a delete "from here on" clashes with nothing.
/// </summary>
internal static class DuplicateKeys
{
    internal static void Check(IReadOnlyList<RequestOp> ops)
    {
        // One operation that is no transaction can't clash with anything: the usual case.
        if (ops.Count == 0 || (ops.Count == 1 && ops[0].RequestCase != RequestOp.RequestOneofCase.RequestTxn)) return;
        Collect(ops);
    }

    private static Writes Collect(IReadOnlyList<RequestOp> ops)
    {
        var writes = new Writes([], []);
        foreach (var op in ops)
        {
            if (op.RequestCase == RequestOp.RequestOneofCase.RequestDeleteRange) writes.Deletes.Add(op.RequestDeleteRange);
        }

        foreach (var op in ops)
        {
            if (op.RequestCase == RequestOp.RequestOneofCase.RequestTxn) AddNested(writes, op.RequestTxn);
        }

        foreach (var op in ops)
        {
            if (op.RequestCase != RequestOp.RequestOneofCase.RequestPut) continue;
            if (writes.Deleted(op.RequestPut.Key) || !writes.Puts.Add(op.RequestPut.Key)) throw EtcdErrors.DuplicateKey;
        }

        return writes;
    }

    private static void AddNested(Writes writes, TxnRequest nested)
    {
        var success = Collect(nested.Success);
        var failure = Collect(nested.Failure);
        foreach (var key in success.Puts)
        {
            if (writes.Deleted(key) || !writes.Puts.Add(key)) throw EtcdErrors.DuplicateKey;
        }

        foreach (var key in failure.Puts)
        {
            if (writes.Deleted(key)) throw EtcdErrors.DuplicateKey;
            if (!writes.Puts.Add(key) && !success.Puts.Contains(key)) throw EtcdErrors.DuplicateKey;
        }

        writes.Deletes.AddRange(success.Deletes);
        writes.Deletes.AddRange(failure.Deletes);
    }

    private sealed record Writes(HashSet<ByteString> Puts, List<DeleteRangeRequest> Deletes)
    {
        internal bool Deleted(ByteString key)
        {
            foreach (var delete in Deletes)
            {
                var fromStart = key.Span.SequenceCompareTo(delete.Key.Span);
                if (delete.RangeEnd.IsEmpty ? fromStart == 0 : fromStart >= 0 && key.Span.SequenceCompareTo(delete.RangeEnd.Span) < 0) return true;
            }

            return false;
        }
    }
}

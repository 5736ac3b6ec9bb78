using System.Collections.Immutable;
using Etcdserverpb;
using Google.Protobuf;
using PaxosStore.Kv;
using KeyValue = PaxosStore.Kv.KeyValue;

namespace PaxosStore.Gateways.Etcd.Translation;

/// <summary>Results of the store as replies of etcd's API. Byte memory is shared, never copied.</summary>
internal static class FromKv
{
    internal static RangeResponse Reply(RangeResult result)
    {
        var reply = new RangeResponse { More = result.More, Count = result.Count };
        Add(reply.Kvs, result.Kvs);
        return reply;
    }

    internal static PutResponse Reply(PutResult result)
    {
        var reply = new PutResponse();
        if (result.Previous is { } previous) reply.PrevKv = Wire(previous);
        return reply;
    }

    internal static DeleteRangeResponse Reply(DeleteRangeResult result)
    {
        var reply = new DeleteRangeResponse { Deleted = result.Deleted };
        Add(reply.PrevKvs, result.Previous);
        return reply;
    }

    /// <summary>
    /// The reply to a whole transaction. Replies inside carry the revision as it stood after them: the one before the transaction until its first change,
    /// then the new one; nested transactions carry none.
    /// </summary>
    /// <param name="result">Outcome.</param>
    /// <param name="revision">The store's revision after the transaction.</param>
    internal static TxnResponse Reply(TxnResult result, long revision)
    {
        var running = Changes(result) ? revision - 1 : revision;
        return Reply(result, ref running, revision);
    }

    private static TxnResponse Reply(TxnResult result, ref long running, long final)
    {
        var reply = new TxnResponse { Header = new ResponseHeader(), Succeeded = result.Succeeded };
        foreach (var op in result.Responses)
        {
            if (op is not TxnResult && Changes(op)) running = final;
            reply.Responses.Add(Inner(op, ref running, final));
        }

        return reply;
    }

    private static ResponseOp Inner(KvOpResult op, ref long running, long final)
    {
        switch (op)
        {
            case RangeResult range:
                var ranged = Reply(range);
                ranged.Header = new ResponseHeader { Revision = running };
                return new ResponseOp { ResponseRange = ranged };
            case PutResult put:
                var written = Reply(put);
                written.Header = new ResponseHeader { Revision = running };
                return new ResponseOp { ResponsePut = written };
            case DeleteRangeResult delete:
                var deleted = Reply(delete);
                deleted.Header = new ResponseHeader { Revision = running };
                return new ResponseOp { ResponseDeleteRange = deleted };
            case TxnResult txn:
                return new ResponseOp { ResponseTxn = Reply(txn, ref running, final) };
            default:
                throw new InvalidOperationException($"No reply for {op.GetType().Name}.");
        }
    }

    private static bool Changes(KvOpResult op) => op switch
    {
        PutResult => true,
        DeleteRangeResult delete => delete.Deleted > 0,
        TxnResult txn => txn.Responses.Any(Changes),
        _ => false,
    };

    private static void Add(Google.Protobuf.Collections.RepeatedField<Mvccpb.KeyValue> target, ImmutableArray<KeyValue> kvs)
    {
        if (kvs.IsDefaultOrEmpty) return;
        target.Capacity = kvs.Length;
        foreach (var kv in kvs) target.Add(Wire(kv));
    }

    internal static Mvccpb.KeyValue Wire(KeyValue kv) => new()
    {
        Key = UnsafeByteOperations.UnsafeWrap(kv.Key),
        Value = UnsafeByteOperations.UnsafeWrap(kv.Value),
        CreateRevision = kv.CreateRevision,
        ModRevision = kv.ModRevision,
        Version = kv.Version,
        Lease = kv.Lease,
    };
}

using Etcdserverpb;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Mvccpb;
using SortTarget = Etcdserverpb.RangeRequest.Types.SortTarget;

namespace PaxosStore.Testing.Differential;

/// <summary>Takes out of replies what two right servers may answer differently.</summary>
internal static class Normaliser
{
    /// <summary>Identities and terms in headers differ between any two clusters; revisions must not.</summary>
    internal static void Headers(IMessage message)
    {
        if (message is ResponseHeader header)
        {
            header.ClusterId = 0;
            header.MemberId = 0;
            header.RaftTerm = 0;
            return;
        }

        foreach (var field in message.Descriptor.Fields.InDeclarationOrder())
        {
            if (field.FieldType != FieldType.Message) continue;
            var value = field.Accessor.GetValue(message);
            if (value is IMessage inner) Headers(inner);
            else if (value is System.Collections.IEnumerable list) foreach (var item in list.OfType<IMessage>()) Headers(item);
        }
    }

    /// <summary>The ranges inside a transaction's reply.</summary>
    internal static void Ties(World world, TxnRequest request, TxnResponse reply)
    {
        var ops = reply.Succeeded ? request.Success : request.Failure;
        for (var i = 0; i < Math.Min(ops.Count, reply.Responses.Count); i++)
        {
            var (op, answer) = (ops[i], reply.Responses[i]);
            if (answer.ResponseRange is { } range && op.RequestRange is not null) Ties(world, op.RequestRange, range);
            if (answer.ResponseTxn is { } txn && op.RequestTxn is not null) Ties(world, op.RequestTxn, txn);
        }
    }

    /// <summary>
    /// Keys equal in what a range was sorted by come in no promised order: order them by key. Where the limit cuts through such a group,
    /// which of its keys are returned is open too, so only what they were sorted by is kept.
    /// </summary>
    internal static void Ties(World world, RangeRequest request, RangeResponse reply)
    {
        if (request.SortTarget == SortTarget.Key || reply.Kvs.Count == 0) return;
        NamedExceptions.SortWithoutOrder(world, request, reply);
        var last = SortKey(reply.Kvs[^1], request.SortTarget);
        var sorted = reply.Kvs
            .Select(kv => reply.More && SortKey(kv, request.SortTarget).Equals(last) ? Blank(kv, request.SortTarget) : kv)
            .Select((kv, place) => (kv, place))
            .ToList();

        // Group by runs of equal sort keys, without changing the order of the runs: that order is under test.
        var run = 0;
        var runs = new int[sorted.Count];
        for (var i = 1; i < sorted.Count; i++)
        {
            if (!SortKey(sorted[i].kv, request.SortTarget).Equals(SortKey(sorted[i - 1].kv, request.SortTarget))) run++;
            runs[i] = run;
        }

        var ordered = sorted.OrderBy(x => runs[x.place]).ThenBy(x => x.kv.Key, Bytes.Order).Select(x => x.kv).ToList();
        reply.Kvs.Clear();
        reply.Kvs.AddRange(ordered);
    }

    private static KeyValue Blank(KeyValue kv, SortTarget target) => target switch
    {
        SortTarget.Version => new KeyValue { Version = kv.Version },
        SortTarget.Create => new KeyValue { CreateRevision = kv.CreateRevision },
        SortTarget.Mod => new KeyValue { ModRevision = kv.ModRevision },
        _ => new KeyValue { Value = kv.Value },
    };

    private static object SortKey(KeyValue kv, SortTarget target) => target switch
    {
        SortTarget.Version => kv.Version,
        SortTarget.Create => kv.CreateRevision,
        SortTarget.Mod => kv.ModRevision,
        _ => kv.Value,
    };

    /// <summary>Byte-wise order of keys.</summary>
    internal sealed class Bytes : IComparer<ByteString>
    {
        internal static readonly Bytes Order = new();

        public int Compare(ByteString? x, ByteString? y) => (x ?? ByteString.Empty).Span.SequenceCompareTo((y ?? ByteString.Empty).Span);
    }
}

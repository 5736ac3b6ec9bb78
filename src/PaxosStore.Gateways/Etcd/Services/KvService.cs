using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Options;
using PaxosStore.Gateways.Etcd.Callers;
using PaxosStore.Gateways.Etcd.Translation;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Services;

/// <summary>Reads, writes, transactions and compaction.</summary>
internal sealed class KvService(Doorkeeper doorkeeper, Headers headers, IOptions<EtcdDoorOptions> options) : KV.KVBase
{
    private readonly EtcdDoorOptions limits = options.Value;

    /// <inheritdoc/>
    public override async Task<RangeResponse> Range(RangeRequest request, ServerCallContext context)
    {
        RequestChecks.Check(request);
        var op = ToKv.Op(request);
        var view = await ReadAsync(op, request.Serializable, context);
        var reply = FromKv.Reply(view.Range(op));
        reply.Header = headers.At(view);
        return reply;
    }

    /// <summary>
    /// A range in pieces of one state: keys in every one, the header and the totals in the last. Nothing but the piece on its way is held, however much is read.
    /// </summary>
    public override async Task RangeStream(RangeRequest request, IServerStreamWriter<RangeStreamResponse> responseStream, ServerCallContext context)
    {
        RequestChecks.Check(request);
        RequestChecks.CheckStream(request);
        var op = ToKv.Op(request);
        var view = await ReadAsync(op, request.Serializable, context);
        var pieces = new RangePieces(view, op, limits.MaxRequestBytes);
        while (pieces.Next() is { } piece)
        {
            var reply = FromKv.Reply(piece);
            if (pieces.AtEnd) reply.Header = headers.At(view);
            await responseStream.WriteAsync(new RangeStreamResponse { RangeResponse = reply }, context.CancellationToken);
        }
    }

    /// <inheritdoc/>
    public override async Task<PutResponse> Put(PutRequest request, ServerCallContext context)
    {
        RequestChecks.Check(request);
        var result = await WriteAsync(request, ToKv.Op(request), context);
        var reply = FromKv.Reply((PutResult)result.Op);
        reply.Header = headers.At(result);
        return reply;
    }

    /// <inheritdoc/>
    public override async Task<DeleteRangeResponse> DeleteRange(DeleteRangeRequest request, ServerCallContext context)
    {
        RequestChecks.Check(request);
        var result = await WriteAsync(request, ToKv.Op(request), context);
        var reply = FromKv.Reply((DeleteRangeResult)result.Op);
        reply.Header = headers.At(result);
        return reply;
    }

    /// <inheritdoc/>
    public override async Task<TxnResponse> Txn(TxnRequest request, ServerCallContext context)
    {
        RequestChecks.Check(request, limits.MaxTxnOps);
        var op = ToKv.Op(request);
        TxnResult outcome;
        ResponseHeader header;
        if (op.IsReadOnly)
        {
            var view = await ReadAsync(op, AllSerializable(request), context);
            outcome = view.Evaluate(op);
            header = headers.At(view);
        }
        else
        {
            var result = await WriteAsync(request, op, context);
            outcome = (TxnResult)result.Op;
            header = headers.At(result);
        }

        var reply = FromKv.Reply(outcome, header.Revision);
        reply.Header = header;
        return reply;
    }

    /// <inheritdoc/>
    public override async Task<CompactionResponse> Compact(CompactionRequest request, ServerCallContext context)
    {
        // "Physical" asks to wait until the space is free. It is given back in the background, soon; who needs it at once defragments, which waits for it.
        var result = await doorkeeper.ExecuteAsync(new CompactCommand(request.Revision), context, context.CancellationToken);
        return new CompactionResponse { Header = headers.At(result) };
    }

    private async ValueTask<WriteResult> WriteAsync(IMessage request, KvOp op, ServerCallContext context)
    {
        if (request.CalculateSize() > limits.MaxRequestBytes) throw EtcdErrors.RequestTooLarge;
        return (WriteResult)await doorkeeper.ExecuteAsync(new WriteCommand(op), context, context.CancellationToken);
    }

    // Members whose states differ can't both be right: while that alarm is up, nobody is told that what he reads is the truth.
    private async ValueTask<KvView> ReadAsync(KvOp op, bool serializable, ServerCallContext context)
    {
        var consistency = serializable ? ReadConsistency.Serializable : ReadConsistency.Linearizable;
        var seen = await doorkeeper.ReadAsync(consistency, context, context.CancellationToken);
        seen.Demand(op);
        var view = seen.View;
        return !serializable && view.Alarms.Count > 0 && view.Alarms.Any(a => a.Kind == AlarmKind.Corrupt) ? throw EtcdErrors.CorruptCluster : view;
    }

    // A transaction of comparisons alone is served linearizably: nobody asked for a stale answer.
    private static bool AllSerializable(TxnRequest request)
    {
        var any = false;
        foreach (var op in request.Success.Concat(request.Failure))
        {
            if (!op.RequestRange.Serializable) return false;
            any = true;
        }

        return any;
    }
}

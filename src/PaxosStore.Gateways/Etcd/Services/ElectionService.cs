using Google.Protobuf;
using Grpc.Core;
using PaxosStore.Gateways.Etcd.Callers;
using PaxosStore.Gateways.Etcd.Recipes;
using PaxosStore.Kv;
using V3Electionpb;

namespace PaxosStore.Gateways.Etcd.Services;

/// <summary>Elections: candidates queue up below the election's name, the oldest one leads and may change what it proclaims.</summary>
internal sealed class ElectionService(IKvStore store, Doorkeeper doorkeeper, Headers headers, StreamEnds ends, TimeProvider? time = null) : Election.ElectionBase
{
    /// <inheritdoc/>
    public override async Task<CampaignResponse> Campaign(CampaignRequest request, ServerCallContext context)
    {
        using var end = ends.Begin(context);
        var caller = new CallerStore(store, doorkeeper, context);
        var call = new QueueCall(caller, time ?? TimeProvider.System, end);
        return await call.RunAsync(request.Name.Memory, request.Lease, request.Value.Memory, async (queue, place) =>
        {
            var leader = new LeaderKey { Name = request.Name, Key = ByteString.CopyFrom(place.Key.Span), Rev = place.Created, Lease = place.Lease };
            if (!place.Value.Span.SequenceEqual(request.Value.Span)) await ProclaimAsync(caller, leader, request.Value, end.Token);
            if (!place.IsFirst && await queue.WaitTurnAsync(place, end.Token) is null) throw EtcdErrors.CandidateExpired;
            return new CampaignResponse { Header = headers.At(place.Result), Leader = leader };
        });
    }

    /// <inheritdoc/>
    public override async Task<ProclaimResponse> Proclaim(ProclaimRequest request, ServerCallContext context)
    {
        if (request.Leader is null) throw EtcdErrors.MissingLeaderKey;
        return new ProclaimResponse { Header = headers.At(await ProclaimAsync(new CallerStore(store, doorkeeper, context), request.Leader, request.Value, context.CancellationToken)) };
    }

    /// <inheritdoc/>
    public override async Task<LeaderResponse> Leader(LeaderRequest request, ServerCallContext context)
    {
        var caller = new CallerStore(store, doorkeeper, context);
        var view = await caller.ReadAsync(KeyQueue.Oldest(request.Name.Memory), context.CancellationToken);
        return Oldest(view, request) is { } oldest ? Reply(oldest, view.Revision) : throw EtcdErrors.ElectionNoLeader;
    }

    /// <inheritdoc/>
    public override async Task Observe(LeaderRequest request, IServerStreamWriter<LeaderResponse> responseStream, ServerCallContext context)
    {
        using var end = ends.Begin(context);
        var caller = new CallerStore(store, doorkeeper, context);
        try
        {
            while (true) await ObserveOneAsync(caller, request, responseStream, end.Token);
        }
        catch (OperationCanceledException) when (end.Reason() is { } reason)
        {
            throw reason;
        }
    }

    /// <inheritdoc/>
    public override async Task<ResignResponse> Resign(ResignRequest request, ServerCallContext context)
    {
        if (request.Leader is not { } leader) throw EtcdErrors.MissingLeaderKey;
        var delete = new DeleteRangeOp(KeyRange.SingleKey(leader.Key.Memory));
        var txn = new TxnOp([KeyQueue.CreatedAt(leader.Key.Memory, leader.Rev)], [delete], []);
        return new ResignResponse { Header = headers.At(await doorkeeper.ExecuteAsync(new WriteCommand(txn), context, context.CancellationToken)) };
    }

    private static async ValueTask<KvResult> ProclaimAsync(CallerStore caller, LeaderKey leader, ByteString value, CancellationToken cancellation)
    {
        var put = new PutOp(leader.Key.Memory, value.Memory) { Lease = leader.Lease };
        var txn = new TxnOp([KeyQueue.CreatedAt(leader.Key.Memory, leader.Rev)], [put], []);
        var result = (WriteResult)await caller.ExecuteAsync(new WriteCommand(txn), cancellation);
        return ((TxnResult)result.Op).Succeeded ? result : throw EtcdErrors.ElectionNotLeader;
    }

    /// <summary>Tells who leads, or is the next to, and what it proclaims, until it is gone.</summary>
    private async Task ObserveOneAsync(CallerStore caller, LeaderRequest request, IServerStreamWriter<LeaderResponse> writer, CancellationToken cancellation)
    {
        var view = await caller.ReadAsync(KeyQueue.Oldest(request.Name.Memory), cancellation);
        var kv = Oldest(view, request);
        var revision = view.Revision;
        try
        {
            if (kv is null)
            {
                using var first = new EventCursor(caller, new WatchSpec(KeyQueue.Keys(request.Name.Memory), revision + 1, IncludeDeletes: false));
                kv = (await first.NextAsync(cancellation))[0].Kv;
                revision = kv.ModRevision;
            }

            await writer.WriteAsync(Reply(kv, revision), cancellation);
            using var changes = new EventCursor(caller, new WatchSpec(KeyRange.SingleKey(kv.Key), revision + 1));
            while (true)
            {
                foreach (var change in await changes.NextAsync(cancellation))
                {
                    if (change.IsDelete) return;
                    await writer.WriteAsync(Reply(change.Kv, change.Kv.ModRevision), cancellation);
                }
            }
        }
        catch (KvException e) when (e.Code == KvErrorCode.Compacted)
        {
            // What a slow observer has missed is gone; who leads now is what it wants to know.
            return;
        }
    }

    private static KeyValue? Oldest(KvView view, LeaderRequest request) => view.Range(KeyQueue.Oldest(request.Name.Memory)).Kvs is [var oldest] ? oldest : null;

    private LeaderResponse Reply(KeyValue kv, long revision) => new() { Header = headers.At(revision, store.View.Term), Kv = Translation.FromKv.Wire(kv) };
}

using Google.Protobuf;
using Grpc.Core;
using PaxosStore.Gateways.Etcd.Callers;
using PaxosStore.Gateways.Etcd.Recipes;
using PaxosStore.Kv;
using V3Lockpb;

namespace PaxosStore.Gateways.Etcd.Services;

/// <summary>
/// Locks: whoever's key is the oldest below the lock's name holds it, as long as its lease lives. A lock alone protects nothing outside the store: who
/// writes elsewhere under it must send the key's create revision along as a fence.
/// </summary>
internal sealed class LockService(IKvStore store, Doorkeeper doorkeeper, Headers headers, StreamEnds ends, TimeProvider? time = null) : V3Lockpb.Lock.LockBase
{
    /// <inheritdoc/>
    public override async Task<LockResponse> Lock(LockRequest request, ServerCallContext context)
    {
        using var end = ends.Begin(context);
        var call = new QueueCall(new CallerStore(store, doorkeeper, context), time ?? TimeProvider.System, end);
        return await call.RunAsync(request.Name.Memory, request.Lease, default, async (queue, place) =>
        {
            var header = headers.At(place.Result);
            if (!place.IsFirst) header = headers.At(await queue.WaitTurnAsync(place, end.Token) ?? throw EtcdErrors.LockExpired);
            return new LockResponse { Header = header, Key = ByteString.CopyFrom(place.Key.Span) };
        });
    }

    /// <inheritdoc/>
    public override async Task<UnlockResponse> Unlock(UnlockRequest request, ServerCallContext context)
    {
        if (request.Key.IsEmpty) throw EtcdErrors.OfRecipe(EtcdErrors.EmptyKey);
        var delete = new WriteCommand(new DeleteRangeOp(KeyRange.SingleKey(request.Key.Memory)));
        return new UnlockResponse { Header = headers.At(await doorkeeper.ExecuteAsync(delete, context, context.CancellationToken)) };
    }
}

using Grpc.Core;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Callers;

/// <summary>The store as one caller may use it, for services that do several things within one call.</summary>
internal sealed class CallerStore(IKvStore store, Doorkeeper doorkeeper, ServerCallContext context)
{
    /// <summary>Has a command agreed on, on behalf of the caller.</summary>
    /// <exception cref="KvException">As for <see cref="IKvStore.ExecuteAsync"/>.</exception>
    internal ValueTask<KvResult> ExecuteAsync(KvCommand command, CancellationToken cancellation) => doorkeeper.ExecuteAsync(command, context, cancellation);

    /// <summary>A fresh view, if the caller may read <paramref name="range"/> in it.</summary>
    /// <exception cref="KvException">As for <see cref="IKvStore.ReadAsync"/>, or the caller may not.</exception>
    internal async ValueTask<KvView> ReadAsync(KeyRange range, CancellationToken cancellation)
    {
        var seen = await doorkeeper.ReadAsync(ReadConsistency.Linearizable, context, cancellation);
        seen.Demand(new RangeOp(range));
        return seen.View;
    }

    /// <summary>Goes on only if the caller may read <paramref name="range"/> as this member knows it now.</summary>
    /// <exception cref="KvException">It may not.</exception>
    internal async ValueTask DemandAsync(KeyRange range, CancellationToken cancellation) =>
        (await doorkeeper.ReadAsync(ReadConsistency.Serializable, context, cancellation)).Demand(new RangeOp(range));

    /// <summary>Opens a watcher. What it tells is not judged: it serves to know when to look again, or is told after <see cref="DemandAsync"/>.</summary>
    internal IKvWatcher Watch(WatchSpec spec) => store.Watch(spec);
}

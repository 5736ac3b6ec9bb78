using System.Threading.Channels;
using PaxosStore.Gateways.Etcd.Callers;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Recipes;

/// <summary>Events of the store as something to wait for. For one reader.</summary>
internal sealed class EventCursor : IDisposable
{
    private const int BatchBytes = 64 * 1024;

    private readonly CallerStore store;
    private readonly KeyRange range;
    private readonly IKvWatcher watcher;

    // At most one wake-up is pending; what there is to read is found by reading.
    private readonly Channel<bool> wake = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { SingleReader = true, FullMode = BoundedChannelFullMode.DropWrite });

    internal EventCursor(CallerStore store, WatchSpec spec)
    {
        (this.store, range) = (store, spec.Range);
        watcher = store.Watch(spec);
        watcher.OnReady(() => wake.Writer.TryWrite(true));
    }

    /// <summary>The next events, at least one; whole revisions in order.</summary>
    /// <exception cref="KvException"><see cref="KvErrorCode.Compacted"/>: they are gone; or the caller may not read them any more.</exception>
    internal async ValueTask<IReadOnlyList<KvEvent>> NextAsync(CancellationToken cancellation)
    {
        while (true)
        {
            var before = watcher.DeliveredThrough;
            var batch = watcher.TryRead(BatchBytes);
            if (batch.Events.Count > 0) return store.Passed(batch, range);
            if (!batch.CaughtUp && watcher.DeliveredThrough > before) continue;
            await wake.Reader.ReadAsync(cancellation);
        }
    }

    public void Dispose() => watcher.Dispose();
}

using Grpc.Core;
using PaxosStore.Gateways.Etcd.Callers;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Recipes;

/// <summary>
/// The lease a place in a queue hangs on: the client's own, or one granted for this call because the client named none. Such a one is kept alive while the
/// call waits and left to end by itself after, since only the client knows how long it needs it; when the call fails it is revoked.
/// </summary>
internal sealed class SessionLease : IAsyncDisposable
{
    private const long TtlSeconds = 60;

    private readonly CallerStore store;
    private readonly CancellationTokenSource? done;
    private readonly Task keeping = Task.CompletedTask;

    private SessionLease(CallerStore store, long id, TimeProvider? time)
    {
        (this.store, Id) = (store, id);
        if (time is null) return;
        done = new CancellationTokenSource();
        keeping = KeepAliveAsync(time, done.Token);
    }

    /// <summary>The lease.</summary>
    internal long Id { get; }

    /// <param name="store">The store.</param>
    /// <param name="lease">The client's lease, or 0 when it named none.</param>
    /// <param name="time">Clock.</param>
    /// <param name="cancellation">The call's end.</param>
    internal static async ValueTask<SessionLease> OpenAsync(CallerStore store, long lease, TimeProvider time, CancellationToken cancellation)
    {
        if (lease != 0) return new SessionLease(store, lease, time: null);
        var granted = (LeaseGrantResult)await store.ExecuteAsync(new LeaseGrantCommand(0, TtlSeconds), cancellation);
        return new SessionLease(store, granted.Id, time);
    }

    /// <summary>Ends a lease that was granted for this call, with all its keys; the client's own is left alone.</summary>
    internal async ValueTask GiveUpAsync()
    {
        if (done is null) return;
        try
        {
            await store.UndoAsync(new LeaseRevokeCommand(Id));
        }
        catch (KvException)
        {
            // It ends by its TTL.
        }
    }

    /// <summary>Stops keeping it alive.</summary>
    public async ValueTask DisposeAsync()
    {
        if (done is null) return;
        await done.CancelAsync();
        await keeping;
        done.Dispose();
    }

    private async Task KeepAliveAsync(TimeProvider time, CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(TtlSeconds / 3), time);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellation))
            {
                try
                {
                    await store.ExecuteAsync(new LeaseKeepAliveCommand([Id]), cancellation);
                }
                catch (Exception e) when (e is KvException or RpcException)
                {
                    // The next tick tries again; whoever waits on the lease looks for its key itself.
                }
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return;
        }
    }
}

using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd;

/// <summary>
/// Refuses requests that would add data to a node whose storage is over its quota, and raises the alarm that makes every member refuse them. Whether
/// a request is refused after that is decided by the alarm in the replicated state alone, which stays up until it is disarmed.
/// </summary>
internal sealed class QuotaGuard(IKvStore store, IStoreAdmin admin, RecentStatus recent, ILogger<QuotaGuard> logger)
{
    // What etcd counts: metadata of a key, and a lease.
    private const int KeyCost = 256;
    private const int LeaseCost = 64;

    private int raising;

    /// <summary>Whether a command is bounded by the quota at all.</summary>
    internal bool Bounds(KvCommand command) => admin.QuotaBytes != 0 && Cost(command) > 0;

    /// <summary>Lets a command pass unless it adds data for which there is no room.</summary>
    /// <exception cref="KvException"><see cref="KvErrorCode.NoSpace"/>.</exception>
    internal ValueTask AdmitAsync(KvCommand command, CancellationToken cancellation) => AdmitAsync(Cost(command), cancellation);

    private static long Cost(KvCommand command) => command switch
    {
        WriteCommand write => Cost(write.Op),
        LeaseGrantCommand => LeaseCost,
        _ => 0,
    };

    /// <summary>Bytes an operation may add, as etcd estimates them; 0 when it adds none.</summary>
    internal static long Cost(KvOp op) => op switch
    {
        PutOp put => KeyCost + put.Key.Length + put.Value.Length,
        TxnOp txn => Math.Max(Cost(txn.Success), Cost(txn.Failure)),
        _ => 0,
    };

    private static long Cost(ImmutableArray<KvOp> ops)
    {
        long cost = 0;
        foreach (var op in ops) cost += Cost(op);
        return cost;
    }

    private ValueTask AdmitAsync(long cost, CancellationToken cancellation)
    {
        var quota = admin.QuotaBytes;
        if (quota == 0 || cost == 0) return default;
        if (Fits(recent.Value)) return default;

        // An alarm stays up: whoever has just made room and disarmed it must not find it raised again by an old figure.
        var status = recent.Refresh();
        return Fits(status) ? default : RefuseAsync(status, quota, cancellation);

        bool Fits(StoreStatus now) => now.StorageBytesInUse + cost <= quota;
    }

    private async ValueTask RefuseAsync(StoreStatus status, long quota, CancellationToken cancellation)
    {
        var alarm = new AlarmInfo(status.MemberId, AlarmKind.NoSpace);
        if (!store.View.Alarms.Contains(alarm) && Interlocked.Exchange(ref raising, 1) == 0)
        {
            try
            {
                await store.ExecuteAsync(new AlarmCommand(Raise: true, alarm.MemberId, alarm.Kind) { Caller = store.View.Auth.ThisNode }, cancellation);
                Log.QuotaExceeded(logger, status.StorageBytesInUse, quota);
            }
            catch (KvException e)
            {
                // The request is refused all the same, and the next one raises it again.
                Log.AlarmNotRaised(logger, alarm.Kind, e.Code);
            }
            finally
            {
                Volatile.Write(ref raising, 0);
            }
        }

        throw new KvException(KvErrorCode.NoSpace);
    }
}

using Microsoft.Extensions.Options;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd;

/// <summary>
/// Notices that this node has had no leader for the grace time, and then ends the streams that asked for one.
/// One timer for all streams; a stream holds the token that was current when it began.
/// </summary>
internal sealed class LeaderMonitor : IDisposable
{
    private readonly IKvStore store;
    private readonly TimeProvider time;
    private readonly TimeSpan grace;
    private readonly ITimer timer;
    private readonly Lock gate = new();
    private CancellationTokenSource lost = new();
    private long lastSeen;

    public LeaderMonitor(IKvStore store, IOptions<EtcdDoorOptions> options, TimeProvider? time = null)
    {
        this.store = store;
        this.time = time ?? TimeProvider.System;
        grace = options.Value.LeaderLossGrace;
        lastSeen = this.time.GetTimestamp();
        var period = TimeSpan.FromMilliseconds(Math.Max(10, grace.TotalMilliseconds / 6));
        timer = this.time.CreateTimer(_ => Check(), null, period, period);
    }

    /// <summary>Fires when the leader has been unknown for the grace time from now on.</summary>
    internal CancellationToken LeaderLost
    {
        get
        {
            lock (gate) return lost.Token;
        }
    }

    private void Check()
    {
        CancellationTokenSource? fire = null;
        lock (gate)
        {
            if (store.Status.LeaderId != 0)
            {
                lastSeen = time.GetTimestamp();
            }
            else if (time.GetElapsedTime(lastSeen) >= grace)
            {
                fire = lost;
                lost = new CancellationTokenSource();
                lastSeen = time.GetTimestamp();
            }
        }

        fire?.Cancel();
    }

    public void Dispose()
    {
        timer.Dispose();
        lock (gate) lost.Dispose();
    }
}

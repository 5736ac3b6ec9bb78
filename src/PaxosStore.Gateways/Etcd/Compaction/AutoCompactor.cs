using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Compaction;

/// <summary>
/// Compacts history by a rule. Every member keeps the rule's books, so that a new leader goes on where the last one stopped; only the leader's acts.
/// </summary>
internal sealed class AutoCompactor(IKvStore store, AutoCompaction setting, ILogger<AutoCompactor> logger, TimeProvider time) : BackgroundService
{
    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (CompactionRule.For(setting) is not { } rule) return;
        var start = time.GetTimestamp();
        using var timer = new PeriodicTimer(rule.Interval, time);
        do
        {
            await CompactAsync(rule.Target(time.GetElapsedTime(start), store.View.Revision), stoppingToken);
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task CompactAsync(long target, CancellationToken cancellation)
    {
        if (target <= 0 || target <= store.View.CompactRevision) return;
        var status = store.Status;
        if (status.LeaderId != status.MemberId) return;
        try
        {
            await store.ExecuteAsync(new CompactCommand(target) { Caller = store.View.Auth.ThisNode }, cancellation);
            Log.Compacted(logger, target);
        }
        catch (KvException e) when (e.Code == KvErrorCode.Compacted)
        {
            // A client was faster.
        }
        catch (KvException e)
        {
            Log.CompactionFailed(logger, target, e.Code);
        }
    }
}

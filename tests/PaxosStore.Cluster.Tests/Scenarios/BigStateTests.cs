using System.Diagnostics;
using PaxosStore.Cluster.Tests.Load;
using PaxosStore.Cluster.Tests.Processes;
using Xunit.Abstractions;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>Much live data: snapshots hardly delay writes, a member that has nothing gets all of it while writes go on, and a restart is short.</summary>
[Collection(ProcessCollection.Name)]
public class BigStateTests(ITestOutputHelper output)
{
    private const int ValueBytes = 256;
    private const int Clients = 32;

    /// <summary>
    /// PAXOSSTORE_BIG_KEYS says how many keys, PAXOSSTORE_BIG_SECONDS how long writes are timed, PAXOSSTORE_BIG_SNAPSHOT_COUNT how many log entries lie at most
    /// between snapshots, PAXOSSTORE_READY_MS how long a node may take to serve again after a kill.
    /// </summary>
    [SkippableFact]
    public async Task A_large_state_is_snapshotted_transferred_and_loaded()
    {
        var keys = Amount.From("PAXOSSTORE_BIG_KEYS", usual: 30_000);
        var seconds = Amount.From("PAXOSSTORE_BIG_SECONDS", usual: 5);
        await using var cluster = await TestCluster.StartAsync("big-state", 3, "--snapshot-count", $"{Amount.From("PAXOSSTORE_BIG_SNAPSHOT_COUNT", usual: 100)}", "--quota-backend-bytes", $"{8L << 30}");
        await cluster.RunAsync(async () =>
        {
            using var load = new BulkLoad(cluster, keys, ValueBytes);
            var watch = Stopwatch.StartNew();
            await load.FillAsync();
            Figures.Tell(output, $"{keys} keys, {load.LiveBytes >> 20} MB: filled in {watch.Elapsed.TotalSeconds:F1} s");
            await TimeWritesAsync(cluster, load, TimeSpan.FromSeconds(seconds));
            await ReplaceAsync(cluster, load);
            await load.AssertAllThereAsync();
            await Restarts.MeasureAsync(cluster, output);
            await load.AssertAllThereAsync();
            foreach (var node in cluster.Nodes)
                Figures.Tell(output, $"{node}: data {node.DataBytes >> 20} MB, resident {node.ResidentMegabytes:F0} MB, live {load.LiveBytes >> 20} MB");
        });
    }

    /// <summary>
    /// Times writes while any node writes a snapshot and while none does, for a while longer until each has two: the log is cut only below the older one, and a
    /// newcomer could have all of an uncut one.
    /// </summary>
    private async Task TimeWritesAsync(TestCluster cluster, BulkLoad load, TimeSpan time)
    {
        using var stop = new CancellationTokenSource(time * 8);
        await using var activity = new SnapshotActivity(cluster);
        var watch = Stopwatch.StartNew();
        var writing = load.PutAsync(long.MaxValue, Clients, stop.Token);
        while (!stop.IsCancellationRequested && (watch.Elapsed < time || !(cluster.Target.IsEtcd || cluster.Nodes.All(n => SnapshotsOf(n) >= 2))))
            await Task.Delay(100);
        await stop.CancelAsync();
        var times = await writing;
        var elapsed = watch.Elapsed.TotalSeconds;
        await activity.StopAsync();
        var during = times.Where(t => activity.Covers(t.Began)).ToArray();
        var beside = times.Where(t => !activity.Covers(t.Began)).ToArray();
        double with = PutTime.Percentile(during, 0.99), without = PutTime.Percentile(beside, 0.99);
        Figures.Tell(
            output,
            $"{times.Count / elapsed:F0} puts/s for {elapsed:F0} s; snapshots written for {activity.Total.TotalSeconds:F1} s of them; p99 {with:F1} ms then ({during.Length} puts), {without:F1} ms else; ratio {with / without:F2}");
        Assert.True(cluster.Target.IsEtcd || (during.Length > 0 && cluster.Nodes.All(n => SnapshotsOf(n) >= 2)), "too few snapshots were taken while writes were timed: the scenario tested nothing");
        Assert.Equal(0, load.Errors);
    }

    private static int SnapshotsOf(NodeProcess node) => node.LogSinceStart.Split("snapshot written").Length - 1;

    /// <summary>A member is wiped: it goes, and another with an empty directory comes and gets everything while writes go on.</summary>
    private async Task ReplaceAsync(TestCluster cluster, BulkLoad load)
    {
        var membership = new Membership(cluster);
        await membership.RemoveAsync(cluster.Nodes[0]);
        using var stop = new CancellationTokenSource();
        var writing = load.PutAsync(long.MaxValue, Clients, stop.Token);
        var watch = Stopwatch.StartNew();
        var added = await membership.AddAsync();
        var taken = watch.Elapsed;
        await stop.CancelAsync();
        var times = await writing;
        Figures.Tell(output, $"replaced member votes after {taken.TotalSeconds:F1} s; meanwhile {times.Count / taken.TotalSeconds:F0} puts/s, p99 {PutTime.Percentile(times, 0.99):F1} ms");
        Assert.True(cluster.Target.IsEtcd || added.LogSinceStart.Contains("caught up from a snapshot", StringComparison.Ordinal), $"{added} got no snapshot\n{added.LogTail}");
    }
}

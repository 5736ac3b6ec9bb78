using System.Diagnostics;
using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Judges;
using PaxosStore.Cluster.Tests.Load;
using PaxosStore.Cluster.Tests.Processes;
using Xunit.Abstractions;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>kill -9 under load: nothing acknowledged is lost, nothing stale is read, and the store comes back by itself.</summary>
[Collection(ProcessCollection.Name)]
public class LeaderKillTests(ITestOutputHelper output)
{
    private static readonly TimeSpan RecoveryBound = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LoadBound = TimeSpan.FromSeconds(30);

    /// <summary>PAXOSSTORE_KILLS says how often.</summary>
    [SkippableFact]
    public async Task Killing_the_leader_again_and_again_loses_nothing()
    {
        var kills = Amount.From("PAXOSSTORE_KILLS", usual: 4);
        var recorder = new HistoryRecorder();
        await using var cluster = await TestCluster.StartAsync("leader-kill");
        await cluster.RunAsync(async () =>
        {
            var recoveries = new List<double>();
            var probes = new List<Task>();
            await using var watches = new WatchRecorders(cluster);
            await using (var load = new LoadGenerator(cluster, recorder, seed: 1))
            {
                for (var i = 0; i < kills; i++)
                {
                    await load.WaitAcknowledgedAsync(200, LoadBound);
                    recoveries.Add(await KillLeaderAsync(cluster, recorder, probes));
                    await cluster.StartAllAsync();
                    load.NextKeys();
                }

                await load.WaitAcknowledgedAsync(200, LoadBound);
            }

            await Task.WhenAll(probes);
            Report("leader killed -> writes resume", recoveries);
            var log = await cluster.DumpAsync();
            Court.Judge(recorder, log, atLeast: kills * 200);
            await watches.AssertCompleteAsync(log, RecoveryBound);
        });
    }

    /// <summary>PAXOSSTORE_CLUSTER_KILLS says how often.</summary>
    [SkippableFact]
    public async Task Killing_all_nodes_at_once_loses_nothing()
    {
        var kills = Amount.From("PAXOSSTORE_CLUSTER_KILLS", usual: 2);
        var recorder = new HistoryRecorder();
        await using var cluster = await TestCluster.StartAsync("all-killed");
        await cluster.RunAsync(async () =>
        {
            var recoveries = new List<double>();
            await using var watches = new WatchRecorders(cluster);
            await using (var load = new LoadGenerator(cluster, recorder, seed: 2))
            {
                for (var i = 0; i < kills; i++)
                {
                    await load.WaitAcknowledgedAsync(300, LoadBound);
                    foreach (var node in cluster.Nodes)
                        node.Kill();
                    var watch = Stopwatch.StartNew();
                    await cluster.StartAllAsync();
                    recoveries.Add(watch.Elapsed.TotalMilliseconds);
                    load.NextKeys();
                }

                await load.WaitAcknowledgedAsync(300, LoadBound);
            }

            Report("all killed -> every node serves", recoveries);
            var log = await cluster.DumpAsync();
            Court.Judge(recorder, log, atLeast: kills * 300);
            await watches.AssertCompleteAsync(log, RecoveryBound);
        });
    }

    /// <summary>Kills the leader and fires a write at a survivor every 20 ms; the milliseconds until one of them was acknowledged.</summary>
    private static async Task<double> KillLeaderAsync(TestCluster cluster, HistoryRecorder recorder, List<Task> probes)
    {
        var leader = await cluster.LeaderAsync(RecoveryBound);
        var survivors = cluster.Clients.Where((_, i) => i != leader).ToArray();
        cluster.Nodes[leader].Kill();
        var watch = Stopwatch.StartNew();
        var resumed = new TaskCompletionSource<double>(TaskCreationOptions.RunContinuationsAsynchronously);
        for (var i = 0; !resumed.Task.IsCompleted && watch.Elapsed < RecoveryBound; i++)
        {
            probes.Add(ProbeAsync(survivors[i % survivors.Length], recorder, watch, resumed));
            await Task.WhenAny(resumed.Task, Task.Delay(20));
        }

        Assert.True(resumed.Task.IsCompletedSuccessfully, $"no write was acknowledged within {RecoveryBound.TotalSeconds} s of the leader's death");
        return await resumed.Task;
    }

    private static async Task ProbeAsync(NodeClient node, HistoryRecorder recorder, Stopwatch watch, TaskCompletionSource<double> resumed)
    {
        var done = await new RecordingClient(recorder).PutAsync(node, "probe", RecoveryBound);
        if (done.Outcome == Outcome.Ok)
            resumed.TrySetResult(watch.Elapsed.TotalMilliseconds);
    }

    private void Report(string what, List<double> milliseconds)
    {
        var sorted = milliseconds.Order().ToArray();
        Figures.Tell(output, $"{what}: n={sorted.Length} median={sorted[sorted.Length / 2]:F0} ms min={sorted[0]:F0} ms max={sorted[^1]:F0} ms");
    }
}

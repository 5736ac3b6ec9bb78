using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Judges;
using PaxosStore.Cluster.Tests.Load;
using PaxosStore.Cluster.Tests.Processes;
using Xunit.Abstractions;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>One node after the other is stopped by SIGTERM and started again, as for an upgrade: clients that ask another node once notice nothing.</summary>
[Collection(ProcessCollection.Name)]
public class RollingRestartTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    /// <summary>PAXOSSTORE_ROLLING_ROUNDS says how often each node is restarted.</summary>
    [SkippableFact]
    public async Task A_rolling_restart_costs_clients_no_more_than_one_retry()
    {
        var rounds = Amount.From("PAXOSSTORE_ROLLING_ROUNDS", usual: 1);
        var recorder = new HistoryRecorder();
        await using var cluster = await TestCluster.StartAsync("rolling", 3, "--snapshot-count", "1000");
        await cluster.RunAsync(async () =>
        {
            await using var watches = new WatchRecorders(cluster);
            await using var load = new LoadGenerator(cluster, recorder, seed: 21, retryOnce: true);
            await using var probe = new WriteProbe(cluster, recorder);
            await load.WaitAcknowledgedAsync(200, Limit);
            for (var i = 0; i < rounds * cluster.Nodes.Length; i++)
            {
                // The leader first and last, so that leadership is handed over at least twice in a round.
                var node = cluster.Nodes[i % cluster.Nodes.Length == 0 ? await cluster.LeaderAsync(Limit) : i % cluster.Nodes.Length];
                var code = await node.StopAsync(Limit);
                Assert.Equal(cluster.Target.IsEtcd ? 128 + Signals.Terminate : 0, code);
                await cluster.StartAllAsync();
                await load.WaitAcknowledgedAsync(200, Limit);
            }

            await load.StopAsync();
            var silence = await probe.StopAsync();
            var slowest = recorder.Snapshot().Where(o => o.Outcome == Outcome.Ok).Max(o => o.Return - o.Call) / 1e6;
            Figures.Tell(output, $"rolling restart: {load.Failed.Count} failed requests; slowest answer {slowest:F0} ms; {silence}");
            var log = await cluster.DumpAsync();
            Court.Judge(recorder, log, atLeast: 200 * (1 + rounds * cluster.Nodes.Length));
            await watches.AssertCompleteAsync(log, Limit);
            Assert.True(load.Failed.Count == 0, $"{load.Failed.Count} requests failed at two nodes:\n{string.Join('\n', load.Failed.Take(10))}");
        });
    }
}

using System.Collections.Concurrent;
using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Judges;
using PaxosStore.Cluster.Tests.Load;
using PaxosStore.Cluster.Tests.Processes;
using Xunit.Abstractions;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>
/// A node that dies at any of its writes and flushes, from the very first, comes back with everything it acknowledged. The few entries between its
/// snapshots bring those, and the cutting of the log behind them, among the calls that are hit.
/// </summary>
[Collection(ProcessCollection.Name)]
public class KillSweepTests(ITestOutputHelper output)
{
    private const int AtOnce = 2;
    private static readonly int[] Usual = [1, 2, 4, 7, 23, 71, 140, 290];
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan WriteLimit = TimeSpan.FromSeconds(3);

    /// <summary>PAXOSSTORE_KILL_SWEEP=N hits each of the first N calls instead of some.</summary>
    [SkippableFact]
    public async Task A_node_killed_at_its_nth_durable_call_loses_nothing()
    {
        Skip.If(Target.UnderTest.IsEtcd, "etcd makes its system calls without the C library");
        using var kill = await KillAtCall.PrepareAsync();
        var all = Amount.From("PAXOSSTORE_KILL_SWEEP", usual: 0);
        var acknowledged = new ConcurrentDictionary<int, int>();
        var options = new ParallelOptions { MaxDegreeOfParallelism = AtOnce };
        await Parallel.ForEachAsync(all > 0 ? Enumerable.Range(1, all) : Usual, options, async (call, _) => acknowledged[call] = await KillAndReturnAsync(kill, call));
        Figures.Tell(output, $"killed at each of {acknowledged.Count} durable calls up to number {acknowledged.Keys.Max()}; {acknowledged.Values.Sum()} acknowledged writes, none lost");
        Assert.True(acknowledged[acknowledged.Keys.Max()] > 0, "no write was acknowledged before the last kill: the sweep tested nothing");
    }

    private static async Task<int> KillAndReturnAsync(KillAtCall kill, int call)
    {
        var recorder = new HistoryRecorder();
        await using var cluster = TestCluster.Prepare(new ClusterPlan($"kill-{call}", 1, "--snapshot-count", "20") { Wrapper = _ => kill.Wrapper(call) });
        await cluster.RunAsync(async () =>
        {
            var node = cluster.Nodes[0];
            node.Start();
            var end = node.WaitExitAsync(Limit);
            var writers = Enumerable.Range(0, 2).Select(i => WriteUntilAsync(end, cluster.Clients[0], recorder, $"kill/{i}")).ToArray();
            Assert.Equal(128 + Signals.Kill, await end);
            await Task.WhenAll(writers);

            node.Wrapper = [];
            await cluster.StartAllAsync();
            Court.Judge(recorder, await cluster.DumpAsync(), atLeast: 0);
        });
        return recorder.Acknowledged;
    }

    private static async Task WriteUntilAsync(Task<int> end, NodeClient node, HistoryRecorder recorder, string key)
    {
        var client = new RecordingClient(recorder);
        string? last = null;
        while (!end.IsCompleted)
        {
            var done = last is null ? await client.PutAsync(node, key, WriteLimit) : await client.CompareAndSetAsync(node, key, last, WriteLimit);
            last = done is { Outcome: Outcome.Ok, Kind: OperationKind.Put } or { Outcome: Outcome.Ok, Succeeded: true } ? done.Value : null;
            if (done.Outcome != Outcome.Ok)
                await Task.WhenAny(end, Task.Delay(20));
        }
    }
}

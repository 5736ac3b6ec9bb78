using System.Diagnostics;
using PaxosStore.Cluster.Tests.Load;
using PaxosStore.Cluster.Tests.Processes;
using Xunit.Abstractions;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>How long nodes are away when they are killed.</summary>
internal static class Restarts
{
    /// <summary>
    /// Kills each node in turn, which must serve again within PAXOSSTORE_READY_MS, and then all at once. The latter is only told: nodes that start together share
    /// this machine's processors, as those of a cluster do not.
    /// </summary>
    public static async Task MeasureAsync(TestCluster cluster, ITestOutputHelper output)
    {
        var watch = new Stopwatch();
        foreach (var node in cluster.Nodes)
        {
            node.Kill();
            watch.Restart();
            await cluster.StartAllAsync();
            Figures.Tell(output, $"{node.Name} killed, serves again after {watch.Elapsed.TotalSeconds:F1} s");
            Assert.InRange(watch.Elapsed.TotalMilliseconds, 0, Amount.From("PAXOSSTORE_READY_MS", usual: 30_000));
        }

        foreach (var node in cluster.Nodes)
            node.Kill();
        watch.Restart();
        await cluster.StartAllAsync();
        Figures.Tell(output, $"all killed at once, all serve again after {watch.Elapsed.TotalSeconds:F1} s");
    }
}

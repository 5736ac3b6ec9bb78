using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Judges;
using PaxosStore.Cluster.Tests.Load;
using PaxosStore.Cluster.Tests.Processes;
using Xunit.Abstractions;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>Members come and go under load: nothing acknowledged is lost, nothing stale is read, and writes hardly notice.</summary>
[Collection(ProcessCollection.Name)]
public class MembershipTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    /// <summary>PAXOSSTORE_SILENCE_MS says how long at most no write may be acknowledged; 1800 is three election time-outs.</summary>
    [SkippableFact]
    public async Task Growing_replacing_and_shrinking_lose_nothing()
    {
        var recorder = new HistoryRecorder();
        await using var cluster = await TestCluster.StartAsync("membership", size: 1, "--snapshot-count", "500");
        await cluster.RunAsync(async () =>
        {
            await using var watches = new WatchRecorders(cluster);
            await UnderLoadAsync(cluster, recorder, seed: 11, async (membership, step) =>
            {
                await GrowAsync(cluster, membership, step, size: 3);
                await ReplaceEachAsync(cluster, membership, step);
                await GrowAsync(cluster, membership, step, size: 5);
            });
            await UnderLoadAsync(cluster, recorder, seed: 12, (membership, step) => ShrinkAsync(cluster, membership, step));
            await watches.AssertCompleteAsync(await cluster.DumpAsync(), Limit);
        });
    }

    /// <summary>One by one, every second newcomer as a learner that is promoted by hand.</summary>
    private static async Task GrowAsync(TestCluster cluster, Membership membership, Func<Task> step, int size)
    {
        while (cluster.Nodes.Length < size)
        {
            await membership.AddAsync(learner: cluster.Nodes.Length % 2 == 1);
            await step();
        }
    }

    /// <summary>Every member is replaced by a new one with an empty directory; at some time it is the leader's turn.</summary>
    private static async Task ReplaceEachAsync(TestCluster cluster, Membership membership, Func<Task> step)
    {
        foreach (var old in cluster.Nodes)
        {
            await RemoveAsync(membership, old, cluster);
            await membership.AddAsync();
            await step();
        }
    }

    /// <summary>Down to one; it is always the leader that goes.</summary>
    private static async Task ShrinkAsync(TestCluster cluster, Membership membership, Func<Task> step)
    {
        while (cluster.Nodes.Length > 1)
        {
            await RemoveAsync(membership, cluster.Nodes[await cluster.LeaderAsync(Limit)], cluster);
            await step();
        }
    }

    private static async Task RemoveAsync(Membership membership, NodeProcess node, TestCluster cluster)
    {
        var code = await membership.RemoveAsync(node);
        Assert.Contains("removed", node.LogSinceStart, StringComparison.Ordinal);
        if (!cluster.Target.IsEtcd)
            Assert.NotEqual(0, code);
    }

    private async Task UnderLoadAsync(TestCluster cluster, HistoryRecorder recorder, int seed, Func<Membership, Func<Task>, Task> changes)
    {
        Silence silence;
        await using (var load = new LoadGenerator(cluster, recorder, seed, clients: 4))
        await using (var probe = new WriteProbe(cluster, recorder))
        {
            await load.WaitAcknowledgedAsync(100, Limit);
            await changes(new Membership(cluster), () => load.WaitAcknowledgedAsync(100, Limit));
            silence = await probe.StopAsync();
        }

        Figures.Tell(output, $"members changed ({cluster.Nodes.Length} now): {silence}");
        Court.Judge(recorder, await cluster.DumpAsync(), atLeast: 400);
        Assert.InRange(silence.Milliseconds, 0, Amount.From("PAXOSSTORE_SILENCE_MS", usual: 5_000));
    }
}

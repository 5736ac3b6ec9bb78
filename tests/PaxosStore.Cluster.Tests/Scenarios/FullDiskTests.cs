using System.Diagnostics;
using Etcdserverpb;
using Google.Protobuf;
using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Judges;
using PaxosStore.Cluster.Tests.Load;
using PaxosStore.Cluster.Tests.Processes;
using Xunit.Abstractions;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>A full disk, unlike one that fails, comes back: the node stays up, shows what it has, and goes on by itself when there is space.</summary>
[Collection(ProcessCollection.Name)]
public class FullDiskTests(ITestOutputHelper output)
{
    private const int PaddingBytes = 100_000;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan WriteLimit = TimeSpan.FromSeconds(3);
    private static readonly ByteString FromFirstKey = ByteString.CopyFrom(0);

    [SkippableFact]
    public async Task Full_disks_keep_reads_up_and_recover_without_a_restart()
    {
        Skip.If(Target.UnderTest.IsEtcd, "etcd ends where its disk is full");
        await SmallDisk.RequireAsync();
        var recorder = new HistoryRecorder();
        await using var cluster = await TestCluster.StartAsync(new ClusterPlan("full-disk", 3) { Wrapper = SmallDisk.Wrapper });
        await cluster.RunAsync(async () =>
        {
            await using (var load = new LoadGenerator(cluster, recorder, seed: 31))
            {
                await load.WaitAcknowledgedAsync(200, Limit);
                await OneFullAsync(cluster, load);
                await AllFullAsync(cluster, recorder, load);
            }

            Court.Judge(recorder, await cluster.DumpAsync(), atLeast: 600);
        });
    }

    /// <summary>The leader's disk is full: the others go on, and it catches up when it can.</summary>
    private async Task OneFullAsync(TestCluster cluster, LoadGenerator load)
    {
        var leader = await cluster.LeaderAsync(Limit);
        await SmallDisk.FillAsync(cluster.Nodes[leader]);
        await load.WaitAcknowledgedAsync(1_000, Limit);
        await AssertReadsAsync(cluster.Clients[leader]);
        SmallDisk.Free(cluster.Nodes[leader]);
        var watch = Stopwatch.StartNew();
        await CaughtUpAsync(cluster, leader);
        Figures.Tell(output, $"disk of the leader full, then freed: it has caught up after {watch.Elapsed.TotalSeconds:F1} s");
    }

    private async Task AllFullAsync(TestCluster cluster, HistoryRecorder recorder, LoadGenerator load)
    {
        await Task.WhenAll(cluster.Nodes.Select(SmallDisk.FillAsync));
        var refusal = await WriteUntilRefusedAsync(cluster, recorder);
        foreach (var client in cluster.Clients)
            await AssertReadsAsync(client);
        foreach (var node in cluster.Nodes)
            SmallDisk.Free(node);
        var watch = Stopwatch.StartNew();
        await load.WaitAcknowledgedAsync(200, Limit);
        await Task.WhenAll(cluster.Nodes.Select(n => cluster.WaitServingAsync(n, Limit)));
        Figures.Tell(output, $"all disks full: \"{refusal}\"; freed: writes go on after {watch.Elapsed.TotalSeconds:F1} s");
        Assert.All(cluster.Nodes, n => Assert.True(n.IsRunning, n.LogTail));
    }

    /// <summary>What little room the files have inside is soon used up by large values.</summary>
    private static async Task<string> WriteUntilRefusedAsync(TestCluster cluster, HistoryRecorder recorder)
    {
        var client = new RecordingClient(recorder);
        for (var i = 0; i < 300; i++)
        {
            var done = await client.PutAsync(cluster.Clients[i % 3], $"large/{i}", WriteLimit, PaddingBytes);
            if (done.Outcome != Outcome.Ok)
                return done.Error!;
        }

        throw new InvalidOperationException("300 large values fitted on full disks");
    }

    private static async Task AssertReadsAsync(NodeClient client)
    {
        var request = new RangeRequest { Key = FromFirstKey, RangeEnd = FromFirstKey, Limit = 10, Serializable = true };
        var reply = await client.Kv.RangeAsync(request, deadline: NodeClient.Within(WriteLimit));
        Assert.Equal(10, reply.Kvs.Count);
    }

    private static async Task CaughtUpAsync(TestCluster cluster, int index)
    {
        var goal = await cluster.Clients[(index + 1) % 3].ReadRevisionAsync(WriteLimit);
        var watch = Stopwatch.StartNew();
        while (true)
        {
            var request = new RangeRequest { Key = FromFirstKey, Limit = 1, Serializable = true };
            var reply = await cluster.Clients[index].Kv.RangeAsync(request, deadline: NodeClient.Within(WriteLimit));
            if (reply.Header.Revision >= goal)
                return;
            Assert.True(watch.Elapsed < Limit, $"{cluster.Nodes[index]} is at revision {reply.Header.Revision} of {goal} after {watch.Elapsed.TotalSeconds:F0} s");
            await Task.Delay(20);
        }
    }
}

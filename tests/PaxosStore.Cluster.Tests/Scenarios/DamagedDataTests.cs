using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Judges;
using PaxosStore.Cluster.Tests.Load;
using PaxosStore.Cluster.Tests.Processes;
using Xunit.Abstractions;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>
/// Data that rots or is gone on a minority: the node repairs itself from its peers or refuses to start and says what to do; it never serves wrong data, and
/// never votes as if it had promised nothing.
/// </summary>
[Collection(ProcessCollection.Name)]
public class DamagedDataTests(ITestOutputHelper output)
{
    private const string Journal = "journal.db";
    private const string WriteAheadLog = "journal.db-wal";
    private const string Snapshots = "snapshots.db";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan WriteLimit = TimeSpan.FromSeconds(3);

    [SkippableFact]
    public async Task A_node_whose_data_is_damaged_or_gone_repairs_itself_or_names_the_way_back()
    {
        var recorder = new HistoryRecorder();
        await using var cluster = await TestCluster.StartAsync("damage", 3, "--snapshot-count", "300");
        await cluster.RunAsync(async () =>
        {
            var membership = new Membership(cluster);
            await using (var load = new LoadGenerator(cluster, recorder, seed: 41, clients: 4))
            {
                await load.WaitAcknowledgedAsync(2_000, Limit);
                if (!cluster.Target.IsEtcd)
                {
                    foreach (var file in (string[])[Journal, WriteAheadLog, Snapshots])
                        await DamageAsync(cluster, membership, file, load);
                }

                await DeleteAsync(cluster, membership, load);
            }

            Court.Judge(recorder, await cluster.DumpAsync(), atLeast: 2_100);
        });
    }

    [SkippableFact]
    public async Task A_write_ahead_log_with_a_bad_middle_makes_no_node_forget_its_votes()
    {
        Skip.If(Target.UnderTest.IsEtcd, "etcd has other files");
        var recorder = new HistoryRecorder();
        await using var cluster = await TestCluster.StartAsync("forgetful");
        await cluster.RunAsync(async () =>
        {
            var leader = await cluster.LeaderAsync(Limit);
            NodeProcess other = cluster.Nodes[(leader + 1) % 3], absent = cluster.Nodes[(leader + 2) % 3];
            await WriteAsync(cluster, recorder, leader, "before");
            await absent.StopAsync(Limit);
            await WriteAsync(cluster, recorder, leader, "without-the-third");
            cluster.Nodes[leader].Kill();
            other.Kill();
            DataFiles.FlipBits(Path.Combine(other.DataDirectory, WriteAheadLog), count: 5, from: 0.4, to: 0.8);

            // The two that are left know nothing of the last writes any more, whatever the damaged node makes of its file.
            other.Start();
            absent.Start();
            await ReadFromSurvivorsAsync(cluster, recorder, leader);
            var outcome = other.IsRunning ? "stays up" : "ended: " + LastError(other);
            Figures.Tell(output, $"damaged write-ahead log where only the dead leader has the rest: {outcome}");
            cluster.Nodes[leader].Start();
            await cluster.WaitServingAsync(leader, Limit);
            if (!other.IsRunning)
                cluster.Retire(other);
            await cluster.StartAllAsync();
            Court.Judge(recorder, await cluster.DumpAsync(), atLeast: 40);
        });
    }

    private static async Task WriteAsync(TestCluster cluster, HistoryRecorder recorder, int node, string key)
    {
        for (var i = 0; i < 20; i++)
            await new RecordingClient(recorder).PutAsync(cluster.Clients[node], $"{key}/{i}", WriteLimit);
    }

    /// <summary>Reads that are answered must show what was acknowledged; the judges see to that.</summary>
    private static async Task ReadFromSurvivorsAsync(TestCluster cluster, HistoryRecorder recorder, int leader)
    {
        for (var i = 0; i < 8; i++)
        {
            var reads = Enumerable.Range(0, 3).Where(n => n != leader)
                .Select(n => new RecordingClient(recorder).GetAsync(cluster.Clients[n], $"without-the-third/{i}", TimeSpan.FromSeconds(1)));
            await Task.WhenAll([.. reads, Task.Delay(500)]);
        }
    }

    private async Task DamageAsync(TestCluster cluster, Membership membership, string file, LoadGenerator load)
    {
        var victim = cluster.Nodes[0];
        victim.Kill();
        DataFiles.FlipBits(Path.Combine(victim.DataDirectory, file), count: 8);
        await load.WaitAcknowledgedAsync(100, Limit);
        victim.Start();
        if (await ComesUpAsync(cluster, victim))
        {
            Figures.Tell(output, $"8 flipped bits in {file}: repaired");
        }
        else
        {
            Figures.Tell(output, $"8 flipped bits in {file}: refused: {LastError(victim)}");
            await ReplaceAsync(membership, victim);
        }

        await load.WaitAcknowledgedAsync(100, Limit);
    }

    private async Task DeleteAsync(TestCluster cluster, Membership membership, LoadGenerator load)
    {
        var victim = cluster.Nodes[0];
        await victim.StopAsync(Limit);
        Directory.Delete(victim.DataDirectory, recursive: true);
        victim.Start();
        Assert.False(await ComesUpAsync(cluster, victim), $"a node without its data took part as if nothing had happened\n{victim.LogTail}");
        Figures.Tell(output, $"deleted data directory: refused: {LastError(victim)}");
        await ReplaceAsync(membership, victim);
        await load.WaitAcknowledgedAsync(100, Limit);
    }

    private static async Task<bool> ComesUpAsync(TestCluster cluster, NodeProcess node)
    {
        try
        {
            await node.WaitReadyAsync(Limit);
            await cluster.WaitServingAsync(node, Limit);
            return true;
        }
        catch (Exception e) when (e is InvalidOperationException or TimeoutException && !node.IsRunning)
        {
            return false;
        }
    }

    /// <summary>A node that refuses ends with an error that names the way back, and the way works.</summary>
    private static async Task ReplaceAsync(Membership membership, NodeProcess victim)
    {
        var code = await membership.RemoveAsync(victim);
        if (!Target.UnderTest.IsEtcd)
            Assert.NotEqual(0, code);
        var way = Target.UnderTest.IsEtcd ? "has already been bootstrapped" : "member remove";
        Assert.Contains(way, victim.LogSinceStart, StringComparison.Ordinal);
        await membership.AddAsync();
    }

    private static string LastError(NodeProcess node) =>
        node.LogSinceStart.Split('\n').LastOrDefault(l => l.Contains(" CRT ", StringComparison.Ordinal) || l.Contains(" ERR ", StringComparison.Ordinal)) ?? "(no error line)";
}

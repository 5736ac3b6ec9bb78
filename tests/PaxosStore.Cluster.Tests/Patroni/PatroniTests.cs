using System.Diagnostics;
using Etcdserverpb;
using Google.Protobuf;
using PaxosStore.Cluster.Tests.Processes;
using PaxosStore.Cluster.Tests.Scenarios;
using Xunit.Abstractions;

namespace PaxosStore.Cluster.Tests.Patroni;

/// <summary>Patroni and PostgreSQL from Debian's packages on a store of three nodes, through all that may go wrong with either.</summary>
[Collection(ProcessCollection.Name)]
public sealed class PatroniTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Recovery = PatroniCluster.Ttl + TimeSpan.FromSeconds(40);

    [SkippableFact]
    public async Task PostgreSQL_fails_over_by_this_store_and_only_when_it_must()
    {
        PatroniCluster.RequirePrograms();
        Programs.Require("etcdctl");
        await using var store = await TestCluster.StartAsync("patroni");
        await store.RunAsync(async () =>
        {
            await using var patroni = new PatroniCluster([$"hosts: {string.Join(',', store.Nodes.Select(n => $"127.0.0.1:{n.Ports.Client}"))}"]);
            await patroni.RunAsync(async () =>
            {
                await patroni.StartAsync();
                await ReplicatesAsync(patroni);
                await SwitchesOverAsync(patroni);
                await SurvivesTheLossOfTheLeaderAsync(patroni);
                await KeepsItsRoleWhileTheStoreChangesLeadersAsync(store, patroni);
                await DemotesWithoutTheStoreAsync(store, patroni);
                await RunsOnWithoutTheStoreInFailsafeModeAsync(store, patroni);
            });
        });
    }

    private static async Task ReplicatesAsync(PatroniCluster patroni)
    {
        var leader = await patroni.WaitHealthyAsync(Recovery);
        Assert.Equal(0, (await leader.SqlAsync("CREATE TABLE t (id bigserial, at timestamptz DEFAULT now())")).ExitCode);
        Assert.Equal(0, (await leader.SqlAsync("INSERT INTO t SELECT FROM generate_series(1, 100)")).ExitCode);
        foreach (var replica in patroni.Members.Where(m => m != leader))
        {
            await PatroniCluster.UntilAsync(
                $"{replica.Name} has the rows", Recovery, async () => (await replica.SqlAsync("SELECT count(*) FROM t")).Output.Trim() == "100");
        }
    }

    private async Task SwitchesOverAsync(PatroniCluster patroni)
    {
        var leader = await patroni.WaitHealthyAsync(Recovery);
        var candidate = patroni.Members.First(m => m != leader);
        var watch = Stopwatch.StartNew();
        var result = await patroni.ControlAsync("switchover", PatroniMember.Scope, "--candidate", candidate.Name, "--force");
        Assert.True(result.ExitCode == 0 && result.Output.Contains("Successfully switched over", StringComparison.Ordinal), result.ToString());
        Assert.Equal(candidate, await patroni.WaitHealthyAsync(Recovery));
        Figures.Tell(output, $"patroni: switched over after {watch.Elapsed.TotalSeconds:F1} s");
    }

    private async Task SurvivesTheLossOfTheLeaderAsync(PatroniCluster patroni)
    {
        var leader = await patroni.WaitHealthyAsync(Recovery);
        var rows = (await leader.SqlAsync("SELECT count(*) FROM t")).Output;
        var watch = Stopwatch.StartNew();
        leader.Kill();
        var successor = await patroni.WaitFailoverAsync(leader, Recovery);
        Figures.Tell(output, $"patroni: failed over {watch.Elapsed.TotalSeconds:F1} s after kill -9 of the leader (TTL {PatroniCluster.Ttl.TotalSeconds} s)");
        Assert.Equal(rows, (await successor.SqlAsync("SELECT count(*) FROM t")).Output);
        leader.Start();
        await patroni.WaitHealthyAsync(Recovery, except: leader.Name);
    }

    private static async Task KeepsItsRoleWhileTheStoreChangesLeadersAsync(TestCluster store, PatroniCluster patroni)
    {
        var leader = await patroni.WaitHealthyAsync(Recovery);
        var killed = store.Nodes[await store.LeaderAsync(TimeSpan.FromSeconds(20))];
        killed.Kill();
        await PatroniCluster.StaysLeaderAsync(leader, TimeSpan.FromSeconds(12));
        await store.StartAllAsync();

        var paused = store.Nodes[await store.LeaderAsync(TimeSpan.FromSeconds(20))];
        paused.Pause();
        await PatroniCluster.StaysLeaderAsync(leader, PatroniCluster.Ttl + TimeSpan.FromSeconds(5));
        paused.Resume();
        await PatroniCluster.StaysLeaderAsync(leader, TimeSpan.FromSeconds(5));
    }

    private async Task DemotesWithoutTheStoreAsync(TestCluster store, PatroniCluster patroni)
    {
        var leader = await patroni.WaitHealthyAsync(Recovery);
        foreach (var node in store.Nodes.Take(2)) node.Kill();
        var watch = Stopwatch.StartNew();
        await PatroniCluster.UntilAsync("the leader demotes itself", Recovery, async () => await leader.IsPrimaryAsync() == false);
        Figures.Tell(output, $"patroni: demoted {watch.Elapsed.TotalSeconds:F1} s after the store lost its quorum");
        Assert.Null(await patroni.LeaderAsync());
        watch.Restart();
        await store.StartAllAsync();
        await patroni.WaitHealthyAsync(Recovery);
        Figures.Tell(output, $"patroni: healthy again {watch.Elapsed.TotalSeconds:F1} s after the store's nodes were started");
    }

    private static async Task RunsOnWithoutTheStoreInFailsafeModeAsync(TestCluster store, PatroniCluster patroni)
    {
        var leader = await patroni.WaitHealthyAsync(Recovery);
        await leader.ConfigureAsync("""{ "failsafe_mode": true }""");

        // The leader tells by this key that it has taken the mode up, and who belongs to it.
        var key = ByteString.CopyFromUtf8($"/service/{PatroniMember.Scope}/failsafe");
        await PatroniCluster.UntilAsync(
            "the leader has taken the failsafe mode up", Recovery,
            async () => (await store.Clients[0].Kv.RangeAsync(new RangeRequest { Key = key })).Count == 1);
        foreach (var node in store.Nodes.Take(2)) node.Kill();
        await PatroniCluster.StaysLeaderAsync(leader, PatroniCluster.Ttl + TimeSpan.FromSeconds(10));
        await store.StartAllAsync();
        Assert.Equal(leader, await patroni.WaitHealthyAsync(Recovery));
    }
}

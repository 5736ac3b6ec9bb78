using System.Diagnostics;
using Akka.Cluster;
using PaxosStore.Node.Facade;

namespace PaxosStore.Node.Tests.MultiNode;

/// <summary>A node of the Akka cluster that has no vote uses the store through the facade.</summary>
public sealed class AkkaClientScenarios
{
    private readonly MultiNodeConfig _config = new() { CommonConfig = "request-timeout = 3s" };
    private readonly RoleName _app;

    public AkkaClientScenarios()
    {
        _config.Role("first");
        _config.Role("second");
        _config.Role("third");
        _app = _config.ClientRole("app");
    }

    private Task RunAsync(Func<MultiNode, Task> script) => TestConductor.RunAsync(_config, n => n.RunOn(() => script(n), _app));

    [Fact]
    public Task The_sample_elects_watches_and_lets_go() => RunAsync(async n =>
    {
        var printed = new List<string>();
        await AkkaClientSample.ElectAndAnnounceAsync(n.System, "app-1", printed.Add, n.Conductor.End);
        Assert.Equal(["app-1 leads", "the leader is app-1", "put service/leader", "deleted service/leader"], printed);
        Assert.DoesNotContain(PaxosStoreClient.MemberRole, Cluster.Get(n.System).SelfRoles);
        var status = n.Conductor.Node(_config.Members[0]).Store.Status;
        Assert.Equal(3, status.Members.Count);
    });

    [Fact]
    public Task A_watch_goes_on_at_another_member_without_a_gap() => RunAsync(async n =>
    {
        await using var store = new PaxosStoreClient(n.System);
        var value = new string('v', 4_000);
        await Task.WhenAll(Enumerable.Range(0, 200).Select(i => store.ExecuteAsync(Commands.Put($"w/{i}", value))));

        var seen = new List<KvEvent>();
        await using var watch = await store.OpenWatchAsync(new WatchSpec(Commands.Prefix("w/"), 2));
        seen.AddRange((await watch.NextAsync(n.Conductor.End)).Events);
        Assert.InRange(seen.Count, 1, 199);

        var serving = _config.Members.Single(r => MultiNodeConfig.AddressOf(n.Conductor.System(r)) == store.ChooseMember());
        await n.Exit(serving);
        n.StartNewSystem(serving);
        var writer = _config.Members.First(r => r != serving);
        await new MultiNode(n.Conductor, writer).Put("w/last", "x");
        while (Commands.Text(seen[^1].Kv.Key) != "w/last") seen.AddRange((await watch.NextAsync(n.Conductor.End)).Events);

        Assert.Equal(201, seen.Count);
        Assert.Equal(seen.Select(e => e.Kv.ModRevision).Order(), seen.Select(e => e.Kv.ModRevision));
        Assert.Equal(201, seen.Select(e => Commands.Text(e.Kv.Key)).Distinct().Count());
    });

    [Fact]
    public Task Requests_go_on_while_one_member_after_another_is_gone() => RunAsync(async n =>
    {
        await using var store = new PaxosStoreClient(n.System, new PaxosStoreClientOptions { AttemptTimeout = TimeSpan.FromSeconds(1) });
        await store.ExecuteAsync(Commands.Put("key", "0"), n.Conductor.End);
        for (var round = 1; round <= 2; round++)
        {
            var serving = _config.Members.Single(r => MultiNodeConfig.AddressOf(n.Conductor.System(r)) == store.ChooseMember());
            await n.Exit(serving);
            Assert.Equal($"{round - 1}", Commands.Text((await ReadAsync()).Result));
            await store.ExecuteAsync(Commands.Put("key", $"{round}"), n.Conductor.End);
            n.StartNewSystem(serving);
            await n.Conductor.Node(serving).Ready.WaitAsync(TimeSpan.FromSeconds(30), n.Conductor.End);
        }

        Assert.Equal("2", Commands.Text((await ReadAsync()).Result));
        var swap = new TxnOp(
            [new Comparison(Commands.Range("key").Range, CompareTarget.Value, CompareResult.Equal, 0, Commands.Bytes("2"))],
            [new PutOp(Commands.Bytes("key"), Commands.Bytes("3"))], []);
        Assert.True((await store.TxnAsync(swap, n.Conductor.End)).Result.Succeeded);
        Assert.False((await store.TxnAsync(swap, n.Conductor.End)).Result.Succeeded);

        Task<KvReply<RangeResult>> ReadAsync() => store.RangeAsync(Commands.Range("key"), cancellationToken: n.Conductor.End);
    });

    [Fact]
    public Task A_lease_lives_as_long_as_its_holder_and_is_lost_without_a_quorum() => RunAsync(async n =>
    {
        await using var store = new PaxosStoreClient(n.System);
        await using var kept = await store.GrantLeaseAsync(TimeSpan.FromSeconds(4), n.Conductor.End);
        await store.ExecuteAsync(Commands.Put("kept", "x", kept.Id), n.Conductor.End);
        var alive = Stopwatch.StartNew();
        await n.Eventually("more than its TTL has passed", () =>
        {
            Assert.True(kept.IsHeld);
            return alive.Elapsed > kept.Ttl * 1.5;
        });
        Assert.NotEmpty((await store.RangeAsync(Commands.Range("kept"), cancellationToken: n.Conductor.End)).Result.Kvs);

        var revoked = await store.GrantLeaseAsync(TimeSpan.FromSeconds(60), n.Conductor.End);
        await store.ExecuteAsync(Commands.Put("revoked", "x", revoked.Id), n.Conductor.End);
        await revoked.DisposeAsync();
        Assert.Empty((await store.RangeAsync(Commands.Range("revoked"), cancellationToken: n.Conductor.End)).Result.Kvs);

        await Task.WhenAll(n.Exit(_config.Members[1]), n.Exit(_config.Members[2]));
        await n.Eventually("the lease is lost", () => kept.Lost.IsCancellationRequested);
        Assert.False(kept.IsHeld);
        Assert.NotNull(n.Conductor.Node(_config.Members[0]).Store.View.Lease(kept.Id));
    });
}

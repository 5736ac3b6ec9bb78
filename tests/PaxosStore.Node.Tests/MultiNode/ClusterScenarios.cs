using Direction = Akka.Remote.Transport.ThrottleTransportAdapter.Direction;

namespace PaxosStore.Node.Tests.MultiNode;

/// <summary>Three members over real sockets: elections, cuts, restarts.</summary>
public sealed class ClusterScenarios
{
    private readonly MultiNodeConfig _config = new() { CommonConfig = "request-timeout = 2s" };
    private readonly RoleName _first;
    private readonly RoleName _second;
    private readonly RoleName _third;

    public ClusterScenarios()
    {
        _first = _config.Role("first");
        _second = _config.Role("second");
        _third = _config.Role("third");
    }

    private IEnumerable<RoleName> OthersThan(RoleName role) => _config.Members.Where(r => r != role);

    [Fact]
    public Task Three_nodes_elect_a_leader_and_each_serves() => TestConductor.RunAsync(_config, async n =>
    {
        await n.Conductor.LeaderAsync("start");
        await n.Put($"from-{n.Myself}", "hello");
        await n.EnterBarrier("written");
        foreach (var role in _config.Members) Assert.Equal("hello", await n.Get($"from-{role}"));
        await n.Eventually("all members have published themselves", () => n.Store.Status.Members.All(m => m.Name.Length > 0));
    });

    [Fact]
    public Task An_isolated_leader_answers_no_stale_read_and_catches_up() => IsolateLeader(Direction.Both);

    [Fact]
    public Task A_leader_that_cannot_be_heard_is_replaced() => IsolateLeader(Direction.Send);

    [Fact]
    public Task A_leader_that_hears_nobody_is_replaced() => IsolateLeader(Direction.Receive);

    private Task IsolateLeader(Direction direction) => TestConductor.RunAsync(_config, async n =>
    {
        var leader = await n.Conductor.LeaderAsync("start");
        RoleName[] others = [.. OthersThan(leader)];
        await n.RunOn(() => n.Put("key", "old"), leader);
        await n.EnterBarrier("before");

        await n.RunOn(() => Task.WhenAll(others.Select(other => n.Blackhole(leader, other, direction))), leader);
        await n.EnterBarrier("isolated");
        await n.RunOn(() => n.Put("key", "new"), others[0]);
        await n.EnterBarrier("went-on");
        Assert.NotEqual(leader, await n.Conductor.LeaderAsync("successor", others));
        await n.RunOn(async () => Assert.Equal("new", await n.Get("key")), others);
        await n.RunOn(
            async () =>
            {
                var refused = await Assert.ThrowsAsync<KvException>(() => n.TryGet("key"));
                Assert.True(refused.Code is KvErrorCode.Timeout or KvErrorCode.NoLeader, refused.Message);
            },
            leader);
        await n.EnterBarrier("refused");

        await n.RunOn(() => Task.WhenAll(others.Select(other => n.PassThrough(leader, other, direction))), leader);
        await n.EnterBarrier("healed");
        Assert.Equal("new", await n.Get("key"));
        await n.Eventually("the old leader has caught up", () => n.Local("key") == "new");
        await n.Put($"after-{n.Myself}", "x");
    });

    [Fact]
    public Task A_follower_restarts_from_its_journal_and_catches_up() => TestConductor.RunAsync(_config, async n =>
    {
        var leader = await n.Conductor.LeaderAsync("start");
        var follower = OthersThan(leader).First();
        await n.RunOn(() => n.Put("before", "1"), follower);
        await n.EnterBarrier("before");

        await n.RunOn(() => n.Exit(follower), leader);
        await n.RunOn(
            async () =>
            {
                for (var i = 0; i < 50; i++) await n.Put($"while-away-{i}", "2");
            },
            leader);
        await n.EnterBarrier("gone");

        await n.RunOn(
            () =>
            {
                n.StartNewSystem(follower);
                return n.Conductor.Node(follower).Ready.WaitAsync(TimeSpan.FromSeconds(30), n.Conductor.End);
            },
            leader);
        await n.EnterBarrier("back");
        await n.RunOn(
            async () =>
            {
                Assert.Equal("1", await n.Get("before"));
                Assert.Equal("2", await n.Get("while-away-49"));
                await n.Put("after", "3");
            },
            follower);
        await n.EnterBarrier("caught-up");
        Assert.Equal("3", await n.Get("after"));
        await n.Eventually("equal digests", () => _config.Members.Select(r => n.Conductor.Node(r).Store.View)
            .Select(v => (v.AppliedSlot, Convert.ToHexString(v.ComputeDigest()))).Distinct().Count() == 1);
    });

    [Fact]
    public Task A_minority_refuses_and_serves_again_when_a_quorum_is_back() => TestConductor.RunAsync(_config, async n =>
    {
        await n.RunOn(() => n.Put("key", "old"), _first);
        await n.EnterBarrier("written");

        // Who leads has been admitted: a member that has met only half of a new cluster would wait for the other half.
        await n.RunOn(() => LeadAsync(n, _second), _first);
        await n.RunOn(() => Task.WhenAll(n.Exit(_second), n.Exit(_third)), _first);
        await n.EnterBarrier("alone");
        await n.RunOn(
            async () =>
            {
                var reading = Assert.ThrowsAsync<KvException>(() => n.TryGet("key"));
                var put = Commands.Put("key", "new");
                var write = await Assert.ThrowsAsync<KvException>(async () => await n.Store.ExecuteAsync(put, n.Conductor.End));
                Assert.True(write.Code is KvErrorCode.Timeout or KvErrorCode.NoLeader, write.Message);
                await reading;
                Assert.Equal("old", n.Local("key"));
                n.StartNewSystem(_second);
                await n.Put("key", "newer");
                Assert.Equal("newer", await n.Get("key"));
            },
            _first);
    });

    private static async Task LeadAsync(MultiNode n, RoleName role)
    {
        var id = n.Conductor.Node(role).Store.Status.MemberId;
        while (n.Conductor.Node(role).Store.Status.LeaderId != id)
        {
            var leader = await n.Conductor.LeaderAsync($"before {role} {Guid.NewGuid()}");
            try
            {
                await n.Conductor.Node(leader).Admin.MoveLeaderAsync(id, n.Conductor.End);
            }
            catch (KvException)
            {
                await Task.Delay(20, n.Conductor.End);
            }
        }
    }

    [Fact]
    public Task A_slow_link_slows_down_but_loses_nothing() => TestConductor.RunAsync(_config, async n =>
    {
        var leader = await n.Conductor.LeaderAsync("start");
        var slow = OthersThan(leader).First();
        await n.RunOn(() => n.Throttle(leader, slow, Direction.Both, 100_000), leader);
        await n.EnterBarrier("slow");
        var value = new string('x', 2_000);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => n.Put($"{n.Myself}/{i}", value + i)));
        await n.EnterBarrier("written");
        for (var i = 0; i < 20; i++)
        {
            foreach (var role in _config.Members) Assert.Equal(value + i, await n.Get($"{role}/{i}"));
        }
    });
}

using Etcdserverpb;
using Grpc.Core;
using PaxosStore.Kv;
using PaxosStore.Testing;
using V3Electionpb;
using V3Lockpb;
using static PaxosStore.Gateways.Tests.Etcd.Expect;

namespace PaxosStore.Gateways.Tests.Etcd;

/// <summary>Locks and elections with waiting; each scenario must end the same way on a real etcd.</summary>
public sealed class LockElectionTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private DoorHost door = null!;

    public async Task InitializeAsync() => door = await DoorHost.StartAsync();

    public async Task DisposeAsync() => await door.DisposeAsync();

    [SkippableTheory, InlineData(false), InlineData(true)]
    public Task A_lock_is_handed_on_in_the_order_of_asking(bool real) => OnAsync(real, async client =>
    {
        await GrantAsync(client, 1, 2, 3);
        var first = await LockAsync(client, 1);
        var second = LockAsync(client, 2);
        await WaitForKeysAsync(client, "lock/", 2);
        var third = LockAsync(client, 3);
        await WaitForKeysAsync(client, "lock/", 3);
        Assert.False(second.IsCompleted || third.IsCompleted);
        Assert.Equal("lock/1", first.Key.ToStringUtf8());

        await client.Lock.UnlockAsync(new UnlockRequest { Key = first.Key });
        Assert.Equal("lock/2", (await second.WaitAsync(Patience)).Key.ToStringUtf8());
        Assert.False(third.IsCompleted);
        await client.Lease.LeaseRevokeAsync(new LeaseRevokeRequest { ID = 2 });
        var last = await third.WaitAsync(Patience);
        Assert.Equal("lock/3", last.Key.ToStringUtf8());
        Assert.Equal((await LockAsync(client, 3)).Key, last.Key);
    });

    [SkippableTheory, InlineData(false), InlineData(true)]
    public Task A_lock_without_a_lease_gets_one_of_a_minute(bool real) => OnAsync(real, async client =>
    {
        var held = await LockAsync(client, 0);
        var lease = Assert.Single((await client.Lease.LeaseLeasesAsync(new LeaseLeasesRequest())).Leases).ID;
        Assert.Equal($"lock/{lease:x}", held.Key.ToStringUtf8());
        Assert.Equal(60, (await client.Lease.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = lease })).GrantedTTL);
    });

    [SkippableTheory, InlineData(false), InlineData(true)]
    public Task Who_gives_up_waiting_leaves_the_queue(bool real) => OnAsync(real, async client =>
    {
        await GrantAsync(client, 1, 2);
        await LockAsync(client, 1);
        using var enough = new CancellationTokenSource();
        var waiting = client.Lock.LockAsync(new LockRequest { Name = Bytes("lock"), Lease = 2 }, cancellationToken: enough.Token).ResponseAsync;
        await WaitForKeysAsync(client, "lock/", 2);
        await enough.CancelAsync();
        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(() => waiting)).StatusCode);
        await WaitForKeysAsync(client, "lock/", 1);
    });

    [Fact]
    public async Task Who_gives_up_a_second_wait_leaves_the_first_one_its_place()
    {
        var client = door.Client;
        await GrantAsync(client, 1, 2);
        var held = await LockAsync(client, 1);
        var first = LockAsync(client, 2);
        await WaitForKeysAsync(client, "lock/", 2);
        using var enough = new CancellationTokenSource();
        var second = client.Lock.LockAsync(new LockRequest { Name = Bytes("lock"), Lease = 2 }, cancellationToken: enough.Token).ResponseAsync;
        await enough.CancelAsync();
        await Assert.ThrowsAsync<RpcException>(() => second);
        await client.Lock.UnlockAsync(new UnlockRequest { Key = held.Key });
        Assert.Equal("lock/2", (await first.WaitAsync(Patience)).Key.ToStringUtf8());
    }

    /// <summary>etcd #11408: the waiter's lease ended while it waited, and it was told that it held the lock. etcd 3.4.23 still says so.</summary>
    [Fact]
    public async Task A_waiter_whose_lease_has_ended_is_told_so()
    {
        var client = door.Client;
        await GrantAsync(client, 1, 2);
        var held = await LockAsync(client, 1);
        var waiting = LockAsync(client, 2);
        await WaitForKeysAsync(client, "lock/", 2);
        await client.Lease.LeaseRevokeAsync(new LeaseRevokeRequest { ID = 2 });
        await client.Lock.UnlockAsync(new UnlockRequest { Key = held.Key });
        await ErrorAsync(StatusCode.Unknown, "mutex: session is expired", () => waiting.WaitAsync(Patience));
    }

    [SkippableTheory, InlineData(false), InlineData(true)]
    public Task An_election_passes_to_the_next_candidate(bool real) => OnAsync(real, async client =>
    {
        await GrantAsync(client, 1, 2);
        var name = new LeaderRequest { Name = Bytes("vote") };
        await ErrorAsync(StatusCode.Unknown, "election: no leader", client.Election.LeaderAsync(name));
        using var observer = client.Election.Observe(name);
        var won = await CampaignAsync(client, 1, "one");
        var next = CampaignAsync(client, 2, "two");
        await WaitForKeysAsync(client, "vote/", 2);
        Assert.Equal("one", await ObservedAsync(observer));
        await client.Election.ProclaimAsync(new ProclaimRequest { Leader = won.Leader, Value = Bytes("uno") });
        Assert.Equal("uno", await ObservedAsync(observer));
        Assert.Equal("uno", (await client.Election.LeaderAsync(name)).Kv.Value.ToStringUtf8());

        await client.Election.ResignAsync(new ResignRequest { Leader = won.Leader });
        var leader = (await next.WaitAsync(Patience)).Leader;
        Assert.Equal(("vote/2", 2L), (leader.Key.ToStringUtf8(), leader.Lease));
        Assert.Equal("two", await ObservedAsync(observer));
        await ErrorAsync(
            StatusCode.Unknown, "election: not leader", client.Election.ProclaimAsync(new ProclaimRequest { Leader = won.Leader, Value = Bytes("late") }));
        await ErrorAsync(StatusCode.Unknown, "\"leader\" field must be provided", client.Election.ResignAsync(new ResignRequest()));
    });

    [Fact]
    public async Task A_candidate_whose_lease_has_ended_is_told_so()
    {
        var client = door.Client;
        await GrantAsync(client, 1, 2);
        await CampaignAsync(client, 1, "one");
        var waiting = CampaignAsync(client, 2, "two");
        await WaitForKeysAsync(client, "vote/", 2);
        await client.Lease.LeaseRevokeAsync(new LeaseRevokeRequest { ID = 2 });
        await ErrorAsync(StatusCode.Unknown, "election: session is expired", () => waiting.WaitAsync(Patience));
    }

    /// <summary>The lease that is granted for a lock without one stayed for its minute when the lock itself was refused.</summary>
    [Fact]
    public async Task A_refused_call_leaves_no_lease_behind()
    {
        door.Store.BeforeCommand = command =>
        {
            if (command is WriteCommand) throw new KvException(KvErrorCode.NoSpace);
        };
        await ErrorAsync(StatusCode.Unknown, "etcdserver: mvcc: database space exceeded", () => LockAsync(door.Client, 0));
        await ErrorAsync(StatusCode.Unknown, "etcdserver: mvcc: database space exceeded", () => CampaignAsync(door.Client, 0, "one"));
        Assert.Empty((await door.Client.Lease.LeaseLeasesAsync(new LeaseLeasesRequest())).Leases);
    }

    private async Task OnAsync(bool real, Func<EtcdClient, Task> scenario)
    {
        if (!real)
        {
            await scenario(door.Client);
            return;
        }

        var missing = RealEtcd.Missing();
        Skip.If(missing is not null, missing);
        await using var etcd = await RealEtcd.StartAsync();
        using var client = new EtcdClient(etcd.Endpoint);
        await scenario(client);
    }

    private static async Task GrantAsync(EtcdClient client, params long[] ids)
    {
        foreach (var id in ids) await client.Lease.LeaseGrantAsync(new LeaseGrantRequest { ID = id, TTL = 600 });
    }

    private static Task<LockResponse> LockAsync(EtcdClient client, long lease) =>
        client.Lock.LockAsync(new LockRequest { Name = Bytes("lock"), Lease = lease }).ResponseAsync;

    private static Task<CampaignResponse> CampaignAsync(EtcdClient client, long lease, string value) =>
        client.Election.CampaignAsync(new CampaignRequest { Name = Bytes("vote"), Lease = lease, Value = Bytes(value) }).ResponseAsync;

    private static async Task<string> ObservedAsync(AsyncServerStreamingCall<LeaderResponse> observer)
    {
        Assert.True(await observer.ResponseStream.MoveNext(default).WaitAsync(Patience));
        return observer.ResponseStream.Current.Kv.Value.ToStringUtf8();
    }

    private static async Task WaitForKeysAsync(EtcdClient client, string prefix, long count)
    {
        using var limit = new CancellationTokenSource(Patience);
        var request = new RangeRequest { Key = Bytes(prefix), RangeEnd = Bytes(prefix[..^1] + (char)(prefix[^1] + 1)), CountOnly = true };
        while ((await client.Kv.RangeAsync(request, cancellationToken: limit.Token)).Count != count) await Task.Yield();
    }
}

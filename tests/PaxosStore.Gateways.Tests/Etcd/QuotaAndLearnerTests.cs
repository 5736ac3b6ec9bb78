using Etcdserverpb;
using Grpc.Core;
using Grpc.Health.V1;
using PaxosStore.Kv;
using PaxosStore.Testing;
using static PaxosStore.Gateways.Tests.Etcd.Expect;

namespace PaxosStore.Gateways.Tests.Etcd;

/// <summary>What a member refuses because of what it is: too full, or without a vote.</summary>
public sealed class QuotaAndLearnerTests
{
    private const string NoSpace = "etcdserver: mvcc: database space exceeded";
    private const string NotForLearner = "etcdserver: rpc not supported for learner";

    [Fact]
    public async Task A_member_over_its_quota_raises_the_alarm_that_stays_when_there_is_room_again()
    {
        await using var door = await DoorHost.StartAsync();
        door.Store.QuotaBytes = 10_000;
        await door.Client.PutAsync("k");
        door.Store.StorageBytesInUse = 9_900;
        await WaitAsync(() => Refused(door));
        Assert.Equal([new AlarmInfo(InMemoryKvStore.Self, AlarmKind.NoSpace)], door.Store.View.Alarms);
        Assert.Single(door.Log.Lines, line => line.Contains("no room under the quota (10000 bytes)", StringComparison.Ordinal));

        // Deletes make room; the alarm is an operator's to end.
        await door.Client.Kv.DeleteRangeAsync(new DeleteRangeRequest { Key = Bytes("k") });
        door.Store.StorageBytesInUse = 100;
        await ErrorAsync(StatusCode.ResourceExhausted, NoSpace, door.Client.Kv.PutAsync(new PutRequest { Key = Bytes("k") }));
        await door.Client.Maintenance.AlarmAsync(new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Deactivate, Alarm = AlarmType.Nospace });
        await door.Client.PutAsync("k");
    }

    /// <summary>Locks and elections add keys and leases, too, and passed by the quota.</summary>
    [Fact]
    public async Task Locks_and_elections_count_against_the_quota()
    {
        await using var door = await DoorHost.StartAsync();
        await door.Client.Lease.LeaseGrantAsync(new LeaseGrantRequest { ID = 7, TTL = 600 });
        door.Store.QuotaBytes = 1;
        await ErrorAsync(StatusCode.Unknown, NoSpace, door.Client.Lock.LockAsync(new V3Lockpb.LockRequest { Name = Bytes("l"), Lease = 7 }));
        Assert.Equal([new AlarmInfo(InMemoryKvStore.Self, AlarmKind.NoSpace)], door.Store.View.Alarms);
        await ErrorAsync(StatusCode.Unknown, NoSpace, door.Client.Election.CampaignAsync(new V3Electionpb.CampaignRequest { Name = Bytes("e") }));
        Assert.Equal(0, (await door.Client.Kv.RangeAsync(new RangeRequest { Key = Bytes("l/"), RangeEnd = Bytes("l0") })).Count);
    }

    [Fact]
    public async Task Only_what_adds_data_counts_against_the_quota()
    {
        await using var door = await DoorHost.StartAsync();
        await door.Client.PutAsync("k");
        door.Store.QuotaBytes = 1;
        var kv = door.Client.Kv;
        await kv.TxnAsync(Txn([Range("k"), Delete("x")]));
        await kv.DeleteRangeAsync(new DeleteRangeRequest { Key = Bytes("x") });
        Assert.Empty(door.Store.View.Alarms);
        await ErrorAsync(StatusCode.ResourceExhausted, NoSpace, kv.TxnAsync(Txn([Range("k")], [Nested([Put("k")])])));
        Assert.Single(door.Store.View.Alarms);
    }

    [Fact]
    public async Task A_lease_counts_against_the_quota()
    {
        await using var door = await DoorHost.StartAsync();
        door.Store.QuotaBytes = 1024 + 63;
        await ErrorAsync(StatusCode.ResourceExhausted, NoSpace, door.Client.Lease.LeaseGrantAsync(new LeaseGrantRequest { TTL = 9 }));
        Assert.Single(door.Store.View.Alarms);
    }

    [Fact]
    public async Task An_alarm_that_can_not_be_raised_refuses_all_the_same()
    {
        await using var door = await DoorHost.StartAsync();
        door.Store.QuotaBytes = 1;
        door.Store.Fault = new KvException(KvErrorCode.NoLeader);
        await ErrorAsync(StatusCode.ResourceExhausted, NoSpace, door.Client.Kv.PutAsync(new PutRequest { Key = Bytes("k") }));
        door.Store.Fault = null;
        await ErrorAsync(StatusCode.ResourceExhausted, NoSpace, door.Client.Kv.PutAsync(new PutRequest { Key = Bytes("k") }));
        Assert.Single(door.Store.View.Alarms);
    }

    [Theory]
    [InlineData("3.5.21", StatusCode.Unavailable)]
    [InlineData("3.6.1", StatusCode.FailedPrecondition)]
    public async Task A_member_without_a_vote_serves_its_status_its_own_reads_and_its_state(string version, StatusCode code)
    {
        await using var door = await DoorHost.StartAsync(options => options.ReportedVersion = version);
        door.Store.IsObserver = true;
        var client = door.Client;
        Assert.True((await client.Maintenance.StatusAsync(new StatusRequest())).IsLearner);
        await client.Kv.RangeAsync(new RangeRequest { Key = Bytes("k"), Serializable = true });
        using var snapshot = client.Maintenance.Snapshot(new SnapshotRequest());
        Assert.True(await snapshot.ResponseStream.MoveNext(default));

        await ErrorAsync(code, NotForLearner, client.Kv.RangeAsync(new RangeRequest { Key = Bytes("k") }));
        await ErrorAsync(code, NotForLearner, client.Kv.PutAsync(new PutRequest { Key = Bytes("k") }));
        await ErrorAsync(code, NotForLearner, client.Kv.TxnAsync(Txn([Range("k", serializable: true)])));
        await ErrorAsync(code, NotForLearner, client.Cluster.MemberListAsync(new MemberListRequest()));
        await ErrorAsync(code, NotForLearner, client.Maintenance.HashKVAsync(new HashKVRequest()));
        await ErrorAsync(code, NotForLearner, client.Health.CheckAsync(new HealthCheckRequest()));
        using var watch = client.Watch.Watch();
        await ErrorAsync(code, NotForLearner, () => watch.ResponseStream.MoveNext(default));
        using var keepAlive = client.Lease.LeaseKeepAlive();
        await ErrorAsync(code, NotForLearner, () => keepAlive.ResponseStream.MoveNext(default));
    }

    private static async Task<bool> Refused(DoorHost door)
    {
        try
        {
            await door.Client.PutAsync("k");
            return false;
        }
        catch (RpcException e) when (e.Status.Detail == NoSpace)
        {
            return true;
        }
    }

    // The door looks at the node's storage ten times a second.
    private static async Task WaitAsync(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        while (!await condition()) await Task.Delay(20, limit.Token);
    }
}

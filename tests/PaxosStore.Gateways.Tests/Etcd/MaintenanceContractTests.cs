using System.Security.Cryptography;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using PaxosStore.Kv;
using PaxosStore.Testing;
using static Etcdserverpb.AlarmRequest.Types;
using static PaxosStore.Gateways.Tests.Etcd.Expect;

namespace PaxosStore.Gateways.Tests.Etcd;

/// <summary>What operators and their programs ask of a member.</summary>
public sealed class MaintenanceContractTests : IAsyncLifetime
{
    private const string NoSpace = "etcdserver: mvcc: database space exceeded";
    private const string Corrupt = "etcdserver: corrupt cluster";

    private DoorHost door = null!;

    private Maintenance.MaintenanceClient Maintenance => door.Client.Maintenance;

    public async Task InitializeAsync() => door = await DoorHost.StartAsync();

    public async Task DisposeAsync() => await door.DisposeAsync();

    [Fact]
    public async Task Status_comes_from_the_node()
    {
        door.Store.QuotaBytes = 1 << 20;
        var status = await Maintenance.StatusAsync(new StatusRequest());
        Assert.Equal(("3.5.21", 4096L, 1024L, 0x22ul, 7ul), (status.Version, status.DbSize, status.DbSizeInUse, status.Leader, status.RaftTerm));
        Assert.Equal((1L << 20, "", false), (status.DbSizeQuota, status.StorageVersion, status.IsLearner));
        Assert.Empty(status.Errors);
    }

    [Fact]
    public async Task Alarms_are_raised_listed_shown_and_disarmed()
    {
        Assert.Equal([(77ul, AlarmType.Nospace)], await AlarmAsync(AlarmAction.Activate, AlarmType.Nospace, 77));
        Assert.Equal([(77ul, AlarmType.Nospace)], await AlarmAsync(AlarmAction.Activate, AlarmType.Nospace, 77));
        Assert.Equal([(0ul, AlarmType.Nospace)], await AlarmAsync(AlarmAction.Activate, AlarmType.Nospace));
        (ulong, AlarmType)[] both = [(0ul, AlarmType.Nospace), (77ul, AlarmType.Nospace)];
        Assert.Equal(both, await AlarmAsync(AlarmAction.Get, AlarmType.None));
        Assert.Equal(both, await AlarmAsync(AlarmAction.Get, AlarmType.Nospace, 5));
        Assert.Empty(await AlarmAsync(AlarmAction.Get, AlarmType.Corrupt));
        Assert.Equal(["alarm:NOSPACE ", "memberID:77 alarm:NOSPACE "], (await Maintenance.StatusAsync(new StatusRequest())).Errors);

        Assert.Empty(await AlarmAsync(AlarmAction.Deactivate, AlarmType.Nospace, 78));
        Assert.Empty(await AlarmAsync(AlarmAction.Deactivate, AlarmType.None, 77));
        Assert.Equal([(77ul, AlarmType.Nospace)], await AlarmAsync(AlarmAction.Deactivate, AlarmType.Nospace, 77));
        Assert.Equal([(0ul, AlarmType.Nospace)], await AlarmAsync(AlarmAction.Deactivate, AlarmType.Nospace));
        Assert.Empty(await AlarmAsync(AlarmAction.Get, AlarmType.None));
    }

    [Theory]
    [InlineData(AlarmAction.Activate, AlarmType.None)]
    [InlineData(AlarmAction.Activate, (AlarmType)5)]
    [InlineData(AlarmAction.Deactivate, (AlarmType)5)]
    [InlineData((AlarmAction)3, AlarmType.Nospace)]
    public async Task An_alarm_that_is_none_is_refused(AlarmAction action, AlarmType alarm) =>
        await ErrorAsync(
            StatusCode.InvalidArgument, "etcdserver: unknown alarm", Maintenance.AlarmAsync(new AlarmRequest { Action = action, Alarm = alarm }));

    [Fact]
    public async Task Without_space_nothing_is_added_and_all_else_goes_on()
    {
        await door.Client.PutAsync("a");
        await AlarmAsync(AlarmAction.Activate, AlarmType.Nospace, 77);
        var kv = door.Client.Kv;
        await ErrorAsync(StatusCode.ResourceExhausted, NoSpace, kv.PutAsync(new PutRequest { Key = Bytes("a") }));
        await ErrorAsync(StatusCode.ResourceExhausted, NoSpace, kv.TxnAsync(Txn([Range("a")], [Put("a")])));
        await ErrorAsync(StatusCode.ResourceExhausted, NoSpace, door.Client.Lease.LeaseGrantAsync(new LeaseGrantRequest { TTL = 9 }));
        Assert.Equal(1, (await kv.RangeAsync(new RangeRequest { Key = Bytes("a") })).Count);
        await kv.TxnAsync(Txn([Range("a")]));
        await kv.TxnAsync(Txn([Delete("a")]));
        await kv.CompactAsync(new CompactionRequest { Revision = 2 });
        await AlarmAsync(AlarmAction.Deactivate, AlarmType.Nospace, 77);
        await door.Client.PutAsync("a");
    }

    [Fact]
    public async Task A_corrupt_cluster_serves_only_what_nobody_takes_for_the_truth()
    {
        await door.Client.PutAsync("a");
        await AlarmAsync(AlarmAction.Activate, AlarmType.Corrupt, 77);
        var kv = door.Client.Kv;
        await ErrorAsync(StatusCode.DataLoss, Corrupt, kv.PutAsync(new PutRequest { Key = Bytes("a") }));
        await ErrorAsync(StatusCode.DataLoss, Corrupt, kv.DeleteRangeAsync(new DeleteRangeRequest { Key = Bytes("a") }));
        await ErrorAsync(StatusCode.DataLoss, Corrupt, kv.CompactAsync(new CompactionRequest { Revision = 2 }));
        await ErrorAsync(StatusCode.DataLoss, Corrupt, kv.RangeAsync(new RangeRequest { Key = Bytes("a") }));
        await ErrorAsync(StatusCode.DataLoss, Corrupt, kv.TxnAsync(Txn([Range("a")])));
        await ErrorAsync(StatusCode.DataLoss, Corrupt, door.Client.Lease.LeaseGrantAsync(new LeaseGrantRequest { TTL = 9 }));
        Assert.Equal(1, (await kv.RangeAsync(new RangeRequest { Key = Bytes("a"), Serializable = true })).Count);
        Assert.True((await kv.TxnAsync(Txn([Range("a", serializable: true)]))).Succeeded);
        await door.Client.Cluster.MemberListAsync(new MemberListRequest { Linearizable = true });
        await Maintenance.HashKVAsync(new HashKVRequest());
    }

    [Fact]
    public async Task Health_tells_of_alarms_unless_asked_not_to()
    {
        using var http = new HttpClient { BaseAddress = new Uri(door.Endpoint) };
        await AlarmAsync(AlarmAction.Activate, AlarmType.Nospace, 77);
        var reply = await http.GetAsync("/health");
        Assert.Equal("""{"health":"false","reason":"ALARM NOSPACE"}""", await reply.Content.ReadAsStringAsync());
        Assert.Equal(503, (int)reply.StatusCode);
        Assert.Equal("""{"health":"true","reason":""}""", await http.GetStringAsync("/health?exclude=NOSPACE"));
    }

    [Fact]
    public async Task Hashes_tell_states_apart()
    {
        await door.Client.PutAsync("a");
        var first = await Maintenance.HashKVAsync(new HashKVRequest());
        var whole = await Maintenance.HashAsync(new HashRequest());
        await door.Client.PutAsync("a", "other");
        var second = await Maintenance.HashKVAsync(new HashKVRequest());
        Assert.Equal((2L, 3L, -1L), (first.HashRevision, second.HashRevision, second.CompactRevision));
        Assert.NotEqual(first.Hash, second.Hash);
        Assert.NotEqual(whole.Hash, (await Maintenance.HashAsync(new HashRequest())).Hash);
        Assert.Equal(first.Hash, (await Maintenance.HashKVAsync(new HashKVRequest { Revision = 2 })).Hash);
        await ErrorAsync(
            StatusCode.OutOfRange, "etcdserver: mvcc: required revision is a future revision", Maintenance.HashKVAsync(new HashKVRequest { Revision = 4 }));
        await door.Client.Kv.CompactAsync(new CompactionRequest { Revision = 3 });
        await ErrorAsync(
            StatusCode.OutOfRange, "etcdserver: mvcc: required revision has been compacted", Maintenance.HashKVAsync(new HashKVRequest { Revision = 2 }));
    }

    [Fact]
    public async Task The_leader_is_moved_by_the_leader_to_a_voter()
    {
        await ErrorAsync(
            StatusCode.FailedPrecondition, "etcdserver: bad leader transferee", Maintenance.MoveLeaderAsync(new MoveLeaderRequest { TargetID = 5 }));
        door.Store.Members = [.. door.Store.Members, new MemberInfo(5, "five", ["http://127.0.0.1:1"], [], false)];
        Assert.Null((await Maintenance.MoveLeaderAsync(new MoveLeaderRequest { TargetID = 5 })).Header);
        Assert.Equal(5ul, door.Store.LeaderId);
        await ErrorAsync(
            StatusCode.FailedPrecondition, "etcdserver: not leader", Maintenance.MoveLeaderAsync(new MoveLeaderRequest { TargetID = InMemoryKvStore.Self }));
    }

    [Fact]
    public async Task Defragmentation_reaches_the_node()
    {
        Assert.Null((await Maintenance.DefragmentAsync(new DefragmentRequest())).Header);
        Assert.Equal(1, door.Store.Defragmentations);
    }

    [Theory]
    [InlineData(DowngradeRequest.Types.DowngradeAction.Validate, "3.4", StatusCode.InvalidArgument, "invalid downgrade target version")]
    [InlineData(DowngradeRequest.Types.DowngradeAction.Enable, "3.4.0", StatusCode.InvalidArgument, "invalid downgrade target version")]
    [InlineData(DowngradeRequest.Types.DowngradeAction.Validate, "x", StatusCode.InvalidArgument, "wrong downgrade target version format")]
    [InlineData(DowngradeRequest.Types.DowngradeAction.Cancel, "", StatusCode.FailedPrecondition, "no inflight downgrade job")]
    public async Task No_version_is_a_target_of_a_downgrade(DowngradeRequest.Types.DowngradeAction action, string version, StatusCode code, string text) =>
        await ErrorAsync(code, "etcdserver: " + text, Maintenance.DowngradeAsync(new DowngradeRequest { Action = action, Version = version }));

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(512)]
    [InlineData(3_000_001)]
    public async Task A_snapshot_is_padded_to_pages_and_ends_with_its_hash(int size)
    {
        var content = RandomNumberGenerator.GetBytes(size);
        using var backup = new PlainBackup(content);
        door.Store.Backup = () => backup;
        using var call = Maintenance.Snapshot(new SnapshotRequest());
        var blobs = new List<SnapshotResponse>();
        while (await call.ResponseStream.MoveNext(default)) blobs.Add(call.ResponseStream.Current);

        var image = blobs.SkipLast(1).SelectMany(b => b.Blob.ToByteArray()).ToArray();
        Assert.Equal(content, image.Take(size));
        Assert.All(image.Skip(size), zero => Assert.Equal(0, zero));
        Assert.Equal((size + 511) / 512 * 512, image.Length);
        Assert.Equal(SHA256.HashData(image), blobs[^1].Blob.ToByteArray());
        Assert.Equal(0ul, blobs[^1].RemainingBytes);
        Assert.All(blobs, b => Assert.InRange(b.Blob.Length, 1, 32 * 1024));
        Assert.All(blobs.SkipLast(1), b => Assert.NotEqual(0ul, b.RemainingBytes));
        Assert.True(backup.Disposed);
    }

    private async Task<(ulong, AlarmType)[]> AlarmAsync(AlarmAction action, AlarmType alarm, ulong member = 0)
    {
        var reply = await Maintenance.AlarmAsync(new AlarmRequest { Action = action, Alarm = alarm, MemberID = member });
        return [.. reply.Alarms.Select(a => (a.MemberID, a.Alarm))];
    }

    private sealed class PlainBackup(byte[] content) : IStoreBackup
    {
        internal bool Disposed { get; private set; }

        public long EstimatedBytes => content.Length;

        public long Revision => 1;

        public IEnumerable<ReadOnlyMemory<byte>> Chunks() => content.Chunk(1_000_000).Select(c => new ReadOnlyMemory<byte>(c));

        public void Dispose() => Disposed = true;
    }
}

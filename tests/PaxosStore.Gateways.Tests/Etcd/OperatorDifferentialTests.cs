using System.Security.Cryptography;
using Etcdserverpb;
using Grpc.Core;
using PaxosStore.Testing;
using static Etcdserverpb.AlarmRequest.Types;
using static PaxosStore.Gateways.Tests.Etcd.Expect;

namespace PaxosStore.Gateways.Tests.Etcd;

/// <summary>The same requests of an operator, to a real etcd and to this door: the same answers.</summary>
public sealed class OperatorDifferentialTests
{
    // Some requests make etcd 3.4 itself fall over, so they can't be compared: a member updated to a bad URL, an unknown alarm action.
    private static readonly (string Name, Func<EtcdClient, Task<object>> Ask)[] Members =
    [
        ("add nothing", c => AddAsync(c)),
        ("add no url", c => AddAsync(c, "foo")),
        ("add another scheme", c => AddAsync(c, "ftp://127.0.0.1:1")),
        ("add no port", c => AddAsync(c, "http://127.0.0.1")),
        ("add a path", c => AddAsync(c, "http://127.0.0.1:1/path")),
        ("add a slash", c => AddAsync(c, "http://127.0.0.1:1/")),
        ("add a member's own url", async c => await AddAsync(c, (await FirstAsync(c)).PeerURLs[0])),
        ("add", c => AddAsync(c, "http://127.0.0.1:44")),
        ("add one more learner", c => AddAsync(c, "http://127.0.0.1:45")),
        ("promote unstarted", async c => await c.Cluster.MemberPromoteAsync(new MemberPromoteRequest { ID = (await LearnerAsync(c)).ID })),
        ("promote voter", async c => await c.Cluster.MemberPromoteAsync(new MemberPromoteRequest { ID = (await FirstAsync(c)).ID })),
        ("promote nobody", async c => await c.Cluster.MemberPromoteAsync(new MemberPromoteRequest { ID = 5 })),
        ("update nobody", async c => await c.Cluster.MemberUpdateAsync(new MemberUpdateRequest { ID = 5, PeerURLs = { "http://127.0.0.1:46" } })),
        ("update to a taken url", async c => await UpdateAsync(c, (await FirstAsync(c)).PeerURLs[0])),
        ("lead, learner", async c => await MoveAsync(c, (await LearnerAsync(c)).ID)),
        ("lead, nobody", c => MoveAsync(c, 5)),
        ("lead, leader", async c => await MoveAsync(c, (await FirstAsync(c)).ID)),
        ("remove the only voter", async c => await c.Cluster.MemberRemoveAsync(new MemberRemoveRequest { ID = (await FirstAsync(c)).ID })),
        ("remove nobody", async c => await c.Cluster.MemberRemoveAsync(new MemberRemoveRequest { ID = 5 })),

        // Behind all that asks for its vote: etcd 3.4 forgets that a member has none when its URL changes.
        ("update", c => UpdateAsync(c, "http://127.0.0.1:46")),
        ("remove", async c => (await c.Cluster.MemberRemoveAsync(new MemberRemoveRequest { ID = (await LearnerAsync(c)).ID })).Members.Count),
        ("list", async c => (await c.Cluster.MemberListAsync(new MemberListRequest())) is var list ? (list.Members.Count, list.Header.Revision) : default),
    ];

    private static readonly (string Name, Func<EtcdClient, Task<object>> Ask)[] Storage =
    [
        ("put", async c => (await c.PutAsync("a")).Header.Revision),
        ("raise", c => AlarmAsync(c, AlarmAction.Activate, AlarmType.Nospace, 77)),
        ("raise again", c => AlarmAsync(c, AlarmAction.Activate, AlarmType.Nospace, 77)),
        ("list", c => AlarmAsync(c, AlarmAction.Get, AlarmType.None)),
        ("list of another member", c => AlarmAsync(c, AlarmAction.Get, AlarmType.Nospace, 5)),
        ("list another kind", c => AlarmAsync(c, AlarmAction.Get, AlarmType.Corrupt)),
        ("status", async c => string.Join('|', (await c.Maintenance.StatusAsync(new StatusRequest())).Errors)),
        ("full: put", async c => await c.PutAsync("a")),
        ("full: put with a lease that is none", async c => await c.PutAsync("a", lease: 5)),
        ("full: grant", async c => await c.Lease.LeaseGrantAsync(new LeaseGrantRequest { TTL = 9 })),
        ("full: revoke", async c => await c.Lease.LeaseRevokeAsync(new LeaseRevokeRequest { ID = 9 })),
        ("full: put in the other branch", async c => await c.Kv.TxnAsync(Txn([Range("a")], [Put("a")]))),
        ("full: read", async c => (await c.Kv.TxnAsync(Txn([Range("a")]))).Header.Revision),
        ("full: delete", async c => (await c.Kv.TxnAsync(Txn([Delete("a")]))).Header.Revision),
        ("full: compact", async c => (await c.Kv.CompactAsync(new CompactionRequest { Revision = 2 })).Header.Revision),
        ("corrupt", c => AlarmAsync(c, AlarmAction.Activate, AlarmType.Corrupt, 77)),
        ("corrupt: put", async c => await c.PutAsync("a")),
        ("corrupt: delete", async c => await c.Kv.DeleteRangeAsync(new DeleteRangeRequest { Key = Bytes("a") })),
        ("corrupt: compact", async c => await c.Kv.CompactAsync(new CompactionRequest { Revision = 3 })),
        ("corrupt: grant", async c => await c.Lease.LeaseGrantAsync(new LeaseGrantRequest { TTL = 9 })),
        ("corrupt: revoke", async c => await c.Lease.LeaseRevokeAsync(new LeaseRevokeRequest { ID = 9 })),
        ("corrupt: own read", async c => (await c.Kv.RangeAsync(new RangeRequest { Key = Bytes("a"), Serializable = true })).Count),
        ("disarm no kind", c => AlarmAsync(c, AlarmAction.Deactivate, AlarmType.None, 77)),
        ("disarm another", c => AlarmAsync(c, AlarmAction.Deactivate, AlarmType.Nospace, 78)),
        ("disarm", c => AlarmAsync(c, AlarmAction.Deactivate, AlarmType.Nospace, 77)),
        ("disarm again", c => AlarmAsync(c, AlarmAction.Deactivate, AlarmType.Nospace, 77)),
        ("disarm corrupt", c => AlarmAsync(c, AlarmAction.Deactivate, AlarmType.Corrupt, 77)),
        ("put again", async c => (await c.PutAsync("a")).Header.Revision),
        ("hash of the past", async c => await c.Maintenance.HashKVAsync(new HashKVRequest { Revision = 1 })),
        ("hash of the future", async c => await c.Maintenance.HashKVAsync(new HashKVRequest { Revision = 99 })),
        ("hash", async c => (await c.Maintenance.HashKVAsync(new HashKVRequest())) is var hash ? (hash.CompactRevision, hash.Header.Revision) : default),
        ("defragment", async c => (await c.Maintenance.DefragmentAsync(new DefragmentRequest())).Header is null),
        ("snapshot", SnapshotAsync),
    ];

    [SkippableFact]
    public Task Members_come_and_go_as_with_etcd() => CompareAsync(Members);

    [SkippableFact]
    public Task Storage_is_kept_as_with_etcd() => CompareAsync(Storage);

    private static async Task CompareAsync((string Name, Func<EtcdClient, Task<object>> Ask)[] requests)
    {
        Skip.If(RealEtcd.Missing() is not null, RealEtcd.Missing());
        await using var etcd = await RealEtcd.StartAsync();
        await using var door = await DoorHost.StartAsync();
        using var real = new EtcdClient(etcd.Endpoint);
        foreach (var (name, ask) in requests) Assert.Equal($"{name}: {await AnswerAsync(ask, real)}", $"{name}: {await AnswerAsync(ask, door.Client)}");
    }

    private static async Task<string> AnswerAsync(Func<EtcdClient, Task<object>> ask, EtcdClient client)
    {
        try
        {
            return (await ask(client).WaitAsync(TimeSpan.FromSeconds(20))).ToString() ?? "";
        }
        catch (TimeoutException)
        {
            return "no answer";
        }
        catch (RpcException e)
        {
            return $"{e.StatusCode} {e.Status.Detail}";
        }
    }

    private static async Task<object> AddAsync(EtcdClient client, params string[] urls)
    {
        var request = new MemberAddRequest { IsLearner = true };
        request.PeerURLs.AddRange(urls);
        var reply = await client.Cluster.MemberAddAsync(request);
        var member = reply.Member;
        return (member.Name, string.Join(',', member.PeerURLs), member.ClientURLs.Count, member.IsLearner, reply.Members.Count, reply.Header.Revision);
    }

    private static async Task<object> UpdateAsync(EtcdClient client, string url)
    {
        var reply = await client.Cluster.MemberUpdateAsync(new MemberUpdateRequest { ID = (await LearnerAsync(client)).ID, PeerURLs = { url } });
        return string.Join(',', reply.Members.Single(m => m.Name.Length == 0).PeerURLs);
    }

    private static async Task<object> MoveAsync(EtcdClient client, ulong target) =>
        (await client.Maintenance.MoveLeaderAsync(new MoveLeaderRequest { TargetID = target })).Header is null;

    private static async Task<Member> FirstAsync(EtcdClient client) =>
        (await client.Cluster.MemberListAsync(new MemberListRequest())).Members.Single(m => m.Name.Length > 0);

    private static async Task<Member> LearnerAsync(EtcdClient client) =>
        (await client.Cluster.MemberListAsync(new MemberListRequest())).Members.Single(m => m.Name.Length == 0);

    private static async Task<object> AlarmAsync(EtcdClient client, AlarmAction action, AlarmType alarm, ulong member = 0)
    {
        var reply = await client.Maintenance.AlarmAsync(new AlarmRequest { Action = action, Alarm = alarm, MemberID = member });
        return string.Join(',', reply.Alarms.Select(a => $"{a.MemberID} {a.Alarm}"));
    }

    private static async Task<object> SnapshotAsync(EtcdClient client)
    {
        using var call = client.Maintenance.Snapshot(new SnapshotRequest());
        var (image, last, largest) = (new List<byte>(), Array.Empty<byte>(), 0);
        while (await call.ResponseStream.MoveNext(default))
        {
            image.AddRange(last);
            last = call.ResponseStream.Current.Blob.ToByteArray();
            largest = Math.Max(largest, last.Length);
        }

        return (image.Count % 512, SHA256.HashData(image.ToArray()).AsSpan().SequenceEqual(last), largest <= 32 * 1024);
    }
}

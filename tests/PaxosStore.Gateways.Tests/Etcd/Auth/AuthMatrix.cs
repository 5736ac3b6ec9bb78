using System.Reflection;
using Authpb;
using Etcdserverpb;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Health.V1;
using V3Electionpb;
using V3Lockpb;
using PaxosStore.Testing;
using static PaxosStore.Gateways.Tests.Etcd.Expect;
using AlarmAction = Etcdserverpb.AlarmRequest.Types.AlarmAction;

namespace PaxosStore.Gateways.Tests.Etcd.Auth;

/// <summary>
/// One row of the authorisation matrix: a request in one shape, and what comes of it per credential, one letter each in the order none, unknown token,
/// root while users and roles change, a user that may do nothing, one that reads, one that writes, one that does both, root.
/// <c>+</c> may; <c>e</c> user name is empty; <c>i</c> invalid token; <c>o</c> old revision; <c>d</c> denied.
/// </summary>
internal sealed record AuthRow(string Method, string Shape, string Expected, Func<EtcdClient, Metadata, Task> Call)
{
    private static readonly Dictionary<string, char> Verdicts = new()
    {
        ["etcdserver: user name is empty"] = 'e',
        ["etcdserver: invalid auth token"] = 'i',
        ["etcdserver: revision of auth store is old"] = 'o',
        ["etcdserver: permission denied"] = 'd',
    };

    /// <summary>What comes of the request with that credential.</summary>
    /// <param name="lenient">Whether a reply that says nothing counts, too.</param>
    internal async Task<char> JudgeAsync(EtcdClient client, Metadata credential, bool lenient = false)
    {
        try
        {
            await Call(client, credential).WaitAsync(TimeSpan.FromSeconds(20));
            return '+';
        }
        catch (RpcException e)
        {
            // Refused for another reason: whoever may ask learns it.
            Assert.NotEqual(StatusCode.Unimplemented, e.StatusCode);
            Assert.NotEqual(StatusCode.Internal, e.StatusCode);
            return Verdicts.GetValueOrDefault(e.Status.Detail, '+');
        }
        catch (Xunit.Sdk.XunitException) when (lenient)
        {
            return '+';
        }
    }

    public override string ToString() => $"{Method} {Shape}";
}

/// <summary>Every RPC with its rows.</summary>
internal static class AuthMatrix
{
    // What it takes, in the order of the credentials.
    private const string Everybody = "++++++++", User = "ei++++++", RootReads = "ei+dddd+", RootWrites = "eiodddd+";
    private const string Reads = "ei+d+d++", Writes = "eiodd+++", ReadsAndWrites = "eioddd++", OnlyTheReader = "ei+d+dd+";

    /// <summary>All methods of all services that are compiled into the door, as gRPC names them.</summary>
    internal static IEnumerable<string> Methods =>
        from type in typeof(RpcReflection).Assembly.GetTypes()
        where type.Name.EndsWith("Reflection", StringComparison.Ordinal)
        let file = type.GetProperty("Descriptor", BindingFlags.Public | BindingFlags.Static)?.GetValue(null) as FileDescriptor
        where file is not null
        from service in file.Services
        from method in service.Methods
        select $"/{service.FullName}/{method.Name}";

    internal static IReadOnlyList<AuthRow> Rows { get; } = [.. Kv(), .. Transactions(), .. Watches(), .. Leases(), .. Operators(), .. Users(), .. Recipes(), .. Others()];

    private static IEnumerable<AuthRow> Kv()
    {
        const string service = "/etcdserverpb.KV/";
        yield return Range("one key", Reads, new RangeRequest { Key = Bytes("k/1") });
        yield return Range("serializable", Reads, new RangeRequest { Key = Bytes("k/1"), Serializable = true });
        yield return Range("all of one's own", Reads, new RangeRequest { Key = Bytes("k/"), RangeEnd = Bytes("k0") });
        yield return Range("one key more", RootReads, new RangeRequest { Key = Bytes("k/"), RangeEnd = Bytes("k0\0") });
        yield return Range("open end", RootReads, new RangeRequest { Key = Bytes("k/1"), RangeEnd = Bytes("\0") });
        yield return Range("somebody else's", RootReads, new RangeRequest { Key = Bytes("x") });
        yield return Stream("all of one's own", Reads, new RangeRequest { Key = Bytes("k/"), RangeEnd = Bytes("k0") });
        yield return Stream("open end", RootReads, new RangeRequest { Key = Bytes("k/1"), RangeEnd = Bytes("\0") });
        yield return Put("plain", Writes, new PutRequest { Key = Bytes("k/2") });
        yield return Put("prev_kv", ReadsAndWrites, new PutRequest { Key = Bytes("k/2"), PrevKv = true });
        yield return Put("ignore_value", ReadsAndWrites, new PutRequest { Key = Bytes("k/1"), IgnoreValue = true });
        yield return Put("ignore_lease", ReadsAndWrites, new PutRequest { Key = Bytes("k/1"), IgnoreLease = true });
        yield return Put("lease of one's own", Writes, new PutRequest { Key = Bytes("k/2"), Lease = 7 });
        yield return Put("lease of somebody else", RootWrites, new PutRequest { Key = Bytes("k/2"), Lease = 8 });
        yield return Put("somebody else's", RootWrites, new PutRequest { Key = Bytes("x") });
        yield return Delete("one key", Writes, new DeleteRangeRequest { Key = Bytes("k/1") });
        yield return Delete("prev_kv", ReadsAndWrites, new DeleteRangeRequest { Key = Bytes("k/1"), PrevKv = true });
        yield return Delete("open end", RootWrites, new DeleteRangeRequest { Key = Bytes("k/1"), RangeEnd = Bytes("\0") });
        yield return new AuthRow(
            service + "Compact", "plain", RootWrites, async (c, m) => await c.Kv.CompactAsync(new CompactionRequest { Revision = 2 }, m));

        AuthRow Range(string shape, string expected, RangeRequest request) =>
            new(service + "Range", shape, expected, async (c, m) => await c.Kv.RangeAsync(request, m));
        AuthRow Stream(string shape, string expected, RangeRequest request) => new(service + "RangeStream", shape, expected, async (c, m) =>
        {
            using var call = c.Kv.RangeStream(request, m);
            Assert.True(await call.ResponseStream.MoveNext(default));
        });
        AuthRow Put(string shape, string expected, PutRequest request) =>
            new(service + "Put", shape, expected, async (c, m) => await c.Kv.PutAsync(request, m));
        AuthRow Delete(string shape, string expected, DeleteRangeRequest request) =>
            new(service + "DeleteRange", shape, expected, async (c, m) => await c.Kv.DeleteRangeAsync(request, m));
    }

    private static IEnumerable<AuthRow> Transactions()
    {
        yield return Row("empty", User, new TxnRequest());
        yield return Row("reads", Reads, Txn([Expect.Range("k/1")]));
        yield return Row("reads, in the branch not taken", RootReads, Txn([], [Expect.Range("x")]));
        yield return Row("compares", RootReads, new TxnRequest { Compare = { new Compare { Key = Bytes("x") } } });
        yield return Row("compares a range", RootReads, new TxnRequest { Compare = { new Compare { Key = Bytes("k/"), RangeEnd = Bytes("l") } } });
        yield return Row("writes", Writes, Txn([Expect.Put("k/1")]));
        yield return Row("writes, in the branch not taken", RootWrites, Txn([Expect.Put("k/1")], [Expect.Put("x")]));
        yield return Row("compares and writes", ReadsAndWrites, new TxnRequest { Compare = { new Compare { Key = Bytes("k/1") } }, Success = { Expect.Put("k/2") } });
        yield return Row("prev_kv", ReadsAndWrites, Txn([new RequestOp { RequestPut = new PutRequest { Key = Bytes("k/1"), PrevKv = true } }]));
        yield return Row("deletes", RootWrites, Txn([Expect.Delete("k/", "l")]));
        yield return Row("nested, writes", Writes, Txn([Nested([Expect.Put("k/1")])]));
        yield return Row("nested, reads", RootWrites, Txn([Nested([Expect.Range("x")])]));
        yield return Row("nested, writes in the branch not taken", RootWrites, Txn([Nested([], [Expect.Put("x")])]));
        yield return Row("nested in the branch not taken", RootWrites, Txn([Expect.Put("k/1")], [Nested([Nested([Expect.Delete("x")])])]));
        yield return Row("nested, prev_kv", ReadsAndWrites, Txn([Nested([new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Bytes("k/1"), PrevKv = true } }])]));
        yield return Row("nested, lease", RootWrites, Txn([Nested([new RequestOp { RequestPut = new PutRequest { Key = Bytes("k/1"), Lease = 8 } }])]));
        yield return Row(
            "nested, compares", RootWrites, Txn([new RequestOp { RequestTxn = new TxnRequest { Compare = { new Compare { Key = Bytes("x") } } } }]));

        static AuthRow Row(string shape, string expected, TxnRequest request) =>
            new("/etcdserverpb.KV/Txn", shape, expected, async (c, m) => await c.Kv.TxnAsync(request, m));
    }

    private static IEnumerable<AuthRow> Watches()
    {
        yield return Row("one key", Reads, new WatchCreateRequest { Key = Bytes("k/1") });
        yield return Row("prev_kv, from the past", Reads, new WatchCreateRequest { Key = Bytes("k/"), RangeEnd = Bytes("k0"), PrevKv = true, StartRevision = 1 });
        yield return Row("open end", RootReads, new WatchCreateRequest { Key = Bytes("k/1"), RangeEnd = Bytes("\0") });
        yield return Row("everything", RootReads, new WatchCreateRequest { RangeEnd = Bytes("\0") });

        static AuthRow Row(string shape, string expected, WatchCreateRequest request) => new("/etcdserverpb.Watch/Watch", shape, expected, async (c, m) =>
        {
            using var call = c.Watch.Watch(m);
            await call.RequestStream.WriteAsync(new WatchRequest { CreateRequest = request });
            Assert.True(await call.ResponseStream.MoveNext(default));
            var reply = call.ResponseStream.Current;
            Assert.True(reply.Created);
            Assert.Equal(reply.Canceled, reply.CancelReason.Length > 0);
            if (!reply.Canceled) return;
            var parts = reply.CancelReason.Split(" desc = ");
            throw new RpcException(new Status(Enum.Parse<StatusCode>(parts[0]["rpc error: code = ".Length..]), parts[1]));
        });
    }

    private static IEnumerable<AuthRow> Leases()
    {
        const string service = "/etcdserverpb.Lease/";
        yield return new AuthRow(service + "LeaseGrant", "plain", "eio+++++", async (c, m) => await c.Lease.LeaseGrantAsync(new LeaseGrantRequest { TTL = 60 }, m));
        yield return Revoke("of one's own", Writes, 7);
        yield return Revoke("of somebody else", RootWrites, 8);
        yield return Revoke("unknown", "eio+++++", 9);
        yield return KeepAlive("of one's own", Writes, 7);
        yield return KeepAlive("of somebody else", RootWrites, 8);
        yield return TimeToLive("without keys", User, 8, keys: false);
        yield return TimeToLive("keys of one's own", Reads, 7, keys: true);
        yield return TimeToLive("keys of somebody else", RootReads, 8, keys: true);
        yield return new AuthRow(service + "LeaseLeases", "plain", RootReads, async (c, m) => await c.Lease.LeaseLeasesAsync(new LeaseLeasesRequest(), m));

        AuthRow Revoke(string shape, string expected, long id) => new(
            service + "LeaseRevoke", shape, expected, async (c, m) => await c.Lease.LeaseRevokeAsync(new LeaseRevokeRequest { ID = id }, m));
        AuthRow KeepAlive(string shape, string expected, long id) => new(service + "LeaseKeepAlive", shape, expected, async (c, m) =>
        {
            using var call = c.Lease.LeaseKeepAlive(m);
            await call.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = id });
            Assert.True(await call.ResponseStream.MoveNext(default));
            Assert.Equal(600, call.ResponseStream.Current.TTL);
        });
        AuthRow TimeToLive(string shape, string expected, long id, bool keys) => new(
            service + "LeaseTimeToLive", shape, expected,
            async (c, m) => await c.Lease.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = id, Keys = keys }, m));
    }

    private static IEnumerable<AuthRow> Operators()
    {
        const string cluster = "/etcdserverpb.Cluster/", maintenance = "/etcdserverpb.Maintenance/";
        const string url = "http://127.0.0.1:2390";
        yield return Row(cluster + "MemberList", Everybody, (c, m) => c.Cluster.MemberListAsync(new MemberListRequest { Linearizable = true }, m));
        yield return Row(cluster + "MemberAdd", RootReads, (c, m) => c.Cluster.MemberAddAsync(new MemberAddRequest { PeerURLs = { url }, IsLearner = true }, m));
        yield return Row(cluster + "MemberUpdate", RootReads, (c, m) => c.Cluster.MemberUpdateAsync(new MemberUpdateRequest { ID = 5, PeerURLs = { url } }, m));
        yield return Row(cluster + "MemberRemove", RootReads, (c, m) => c.Cluster.MemberRemoveAsync(new MemberRemoveRequest { ID = 5 }, m));
        yield return Row(cluster + "MemberPromote", RootReads, (c, m) => c.Cluster.MemberPromoteAsync(new MemberPromoteRequest { ID = 5 }, m));
        yield return Row(maintenance + "Status", User, (c, m) => c.Maintenance.StatusAsync(new StatusRequest(), m));
        yield return Row(maintenance + "Alarm", User, (c, m) => c.Maintenance.AlarmAsync(new AlarmRequest(), m), "list");
        yield return Row(
            maintenance + "Alarm", RootWrites,
            (c, m) => c.Maintenance.AlarmAsync(new AlarmRequest { Action = AlarmAction.Activate, Alarm = AlarmType.Nospace }, m), "raise");
        yield return Row(
            maintenance + "Alarm", RootWrites,
            (c, m) => c.Maintenance.AlarmAsync(new AlarmRequest { Action = AlarmAction.Deactivate, Alarm = AlarmType.Nospace }, m), "disarm");
        yield return Row(maintenance + "Defragment", RootReads, (c, m) => c.Maintenance.DefragmentAsync(new DefragmentRequest(), m));
        yield return Row(maintenance + "Hash", RootReads, (c, m) => c.Maintenance.HashAsync(new HashRequest(), m));
        yield return Row(maintenance + "HashKV", RootReads, (c, m) => c.Maintenance.HashKVAsync(new HashKVRequest(), m));
        yield return Row(maintenance + "MoveLeader", RootReads, (c, m) => c.Maintenance.MoveLeaderAsync(new MoveLeaderRequest { TargetID = 5 }, m));
        yield return Row(maintenance + "Downgrade", RootReads, (c, m) => c.Maintenance.DowngradeAsync(new DowngradeRequest { Version = "3.4.0" }, m));
        yield return new AuthRow(maintenance + "Snapshot", "plain", RootReads, async (c, m) =>
        {
            using var call = c.Maintenance.Snapshot(new SnapshotRequest(), m);
            Assert.True(await call.ResponseStream.MoveNext(default));
        });
    }

    private static IEnumerable<AuthRow> Users()
    {
        const string service = "/etcdserverpb.Auth/";
        var permission = new Permission { Key = Bytes("q") };
        yield return Row(service + "AuthStatus", Everybody, (c, m) => c.Auth.AuthStatusAsync(new AuthStatusRequest(), m));
        yield return Row(
            service + "Authenticate", "++o+++++", (c, m) => c.Auth.AuthenticateAsync(new AuthenticateRequest { Name = "reader", Password = "reader" }, m));
        yield return Row(service + "AuthEnable", RootWrites, (c, m) => c.Auth.AuthEnableAsync(new AuthEnableRequest(), m));
        yield return Row(service + "AuthDisable", RootWrites, (c, m) => c.Auth.AuthDisableAsync(new AuthDisableRequest(), m));
        yield return Row(service + "UserAdd", RootWrites, (c, m) => c.Auth.UserAddAsync(new AuthUserAddRequest { Name = "new", Password = "p" }, m));
        yield return Row(service + "UserGet", OnlyTheReader, (c, m) => c.Auth.UserGetAsync(new AuthUserGetRequest { Name = "reader" }, m), "the reader");
        yield return Row(service + "UserGet", RootReads, (c, m) => c.Auth.UserGetAsync(new AuthUserGetRequest { Name = "unknown" }, m), "unknown");
        yield return Row(service + "UserList", RootReads, (c, m) => c.Auth.UserListAsync(new AuthUserListRequest(), m));
        yield return Row(service + "UserDelete", RootWrites, (c, m) => c.Auth.UserDeleteAsync(new AuthUserDeleteRequest { Name = "both" }, m));
        yield return Row(
            service + "UserChangePassword", RootWrites,
            (c, m) => c.Auth.UserChangePasswordAsync(new AuthUserChangePasswordRequest { Name = "reader", Password = "p" }, m));
        yield return Row(
            service + "UserGrantRole", RootWrites, (c, m) => c.Auth.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = "reader", Role = "root" }, m));
        yield return Row(
            service + "UserRevokeRole", RootWrites, (c, m) => c.Auth.UserRevokeRoleAsync(new AuthUserRevokeRoleRequest { Name = "reader", Role = "reader" }, m));
        yield return Row(service + "RoleAdd", RootWrites, (c, m) => c.Auth.RoleAddAsync(new AuthRoleAddRequest { Name = "new" }, m));
        yield return Row(service + "RoleGet", OnlyTheReader, (c, m) => c.Auth.RoleGetAsync(new AuthRoleGetRequest { Role = "reader" }, m), "the reader's");
        yield return Row(service + "RoleGet", RootReads, (c, m) => c.Auth.RoleGetAsync(new AuthRoleGetRequest { Role = "root" }, m), "root");
        yield return Row(service + "RoleList", RootReads, (c, m) => c.Auth.RoleListAsync(new AuthRoleListRequest(), m));
        yield return Row(service + "RoleDelete", RootWrites, (c, m) => c.Auth.RoleDeleteAsync(new AuthRoleDeleteRequest { Role = "both" }, m));
        yield return Row(
            service + "RoleGrantPermission", RootWrites,
            (c, m) => c.Auth.RoleGrantPermissionAsync(new AuthRoleGrantPermissionRequest { Name = "reader", Perm = permission }, m));
        yield return Row(
            service + "RoleGrantPermission", RootReads,
            (c, m) => c.Auth.RoleGrantPermissionAsync(new AuthRoleGrantPermissionRequest { Name = "reader", Perm = new Permission() }, m), "without a key");
        yield return Row(
            service + "RoleRevokePermission", RootWrites,
            (c, m) => c.Auth.RoleRevokePermissionAsync(new AuthRoleRevokePermissionRequest { Role = "reader", Key = Bytes("k/") }, m));
    }

    private static IEnumerable<AuthRow> Recipes()
    {
        const string service = "/v3electionpb.Election/";
        var leader = new LeaderKey { Name = Bytes("k/e"), Key = Bytes("k/e/7"), Rev = 1, Lease = 7 };
        yield return Row("/v3lockpb.Lock/Lock", ReadsAndWrites, (c, m) => c.Lock.LockAsync(new LockRequest { Name = Bytes("k/l"), Lease = 7 }, m));
        yield return Row("/v3lockpb.Lock/Lock", RootWrites, (c, m) => c.Lock.LockAsync(new LockRequest { Name = Bytes("l"), Lease = 7 }, m), "elsewhere");
        yield return Row("/v3lockpb.Lock/Unlock", Writes, (c, m) => c.Lock.UnlockAsync(new UnlockRequest { Key = Bytes("k/l/7") }, m));
        yield return Row(
            service + "Campaign", ReadsAndWrites, (c, m) => c.Election.CampaignAsync(new CampaignRequest { Name = Bytes("k/e"), Lease = 7, Value = Bytes("v") }, m));
        yield return Row(service + "Proclaim", ReadsAndWrites, (c, m) => c.Election.ProclaimAsync(new ProclaimRequest { Leader = leader, Value = Bytes("v") }, m));
        yield return Row(service + "Resign", ReadsAndWrites, (c, m) => c.Election.ResignAsync(new ResignRequest { Leader = leader }, m));
        yield return Row(service + "Leader", Reads, (c, m) => c.Election.LeaderAsync(new LeaderRequest { Name = Bytes("k/e") }, m));
        yield return new AuthRow(service + "Observe", "plain", Reads, async (c, m) =>
        {
            // There is nobody to tell of: what does not end at once may observe.
            using var call = c.Election.Observe(new LeaderRequest { Name = Bytes("k/e") }, m);
            var next = call.ResponseStream.MoveNext(default);
            if (await Task.WhenAny(next, Task.Delay(200)) == next) await next;
        });
    }

    private static IEnumerable<AuthRow> Others()
    {
        yield return Row("/grpc.health.v1.Health/Check", Everybody, (c, m) => c.Health.CheckAsync(new HealthCheckRequest(), m));
        yield return new AuthRow("/grpc.health.v1.Health/Watch", "plain", Everybody, async (c, m) =>
        {
            using var call = c.Health.Watch(new HealthCheckRequest(), m);
            Assert.True(await call.ResponseStream.MoveNext(default));
        });
    }

    private static AuthRow Row<T>(string method, string expected, Func<EtcdClient, Metadata, AsyncUnaryCall<T>> call, string shape = "plain") =>
        new(method, shape, expected, async (c, m) => await call(c, m));
}

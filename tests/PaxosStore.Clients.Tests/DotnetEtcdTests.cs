using System.Threading.Channels;
using dotnet_etcd;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using PaxosStore.Cluster.Tests.Processes;
using V3Lockpb;

[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace PaxosStore.Clients.Tests;

/// <summary>The package dotnet-etcd, as it comes, on three nodes.</summary>
public class DotnetEtcdTests(DotnetEtcdTests.ThreeNodes nodes) : IClassFixture<DotnetEtcdTests.ThreeNodes>
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [SkippableFact]
    public async Task Keys_and_values()
    {
        await OnClusterAsync(async etcd =>
        {
            await etcd.PutAsync("a/1", "one");
            await etcd.PutAsync("a/2", "two");
            await etcd.PutAsync("b", "other");
            Assert.Equal("one", await etcd.GetValAsync("a/1"));
            Assert.Equal(new Dictionary<string, string> { ["a/1"] = "one", ["a/2"] = "two" }, await etcd.GetRangeValAsync("a/"));

            var before = await etcd.GetAsync("a/1");
            var put = await etcd.PutAsync(new PutRequest { Key = Bytes("a/1"), Value = Bytes("three"), PrevKv = true });
            Assert.Equal("one", put.PrevKv.Value.ToStringUtf8());
            Assert.Equal(before.Header.Revision + 1, put.Header.Revision);
            var old = await etcd.GetAsync(new RangeRequest { Key = Bytes("a/1"), Revision = before.Header.Revision });
            Assert.Equal("one", old.Kvs[0].Value.ToStringUtf8());

            Assert.Equal(2, (await etcd.DeleteRangeAsync("a/")).Deleted);
            Assert.Equal("", await etcd.GetValAsync("a/1"));
            await etcd.CompactAsync(new CompactionRequest { Revision = put.Header.Revision });
            var compacted = await Assert.ThrowsAsync<RpcException>(() => etcd.GetAsync(new RangeRequest { Key = Bytes("a/1"), Revision = 2 }));
            Assert.Equal((StatusCode.OutOfRange, "etcdserver: mvcc: required revision has been compacted"), (compacted.StatusCode, compacted.Status.Detail));
        });
    }

    [SkippableFact]
    public async Task Transactions()
    {
        await OnClusterAsync(async etcd =>
        {
            await etcd.PutAsync("counter", "1");
            Assert.True((await etcd.TransactionAsync(Swap("1", "2"))).Succeeded);
            var late = await etcd.TransactionAsync(Swap("1", "3"));
            Assert.False(late.Succeeded);
            Assert.Equal("2", late.Responses[0].ResponseRange.Kvs[0].Value.ToStringUtf8());
        });
    }

    [SkippableFact]
    public async Task Watches()
    {
        await OnClusterAsync(async etcd =>
        {
            var seen = Channel.CreateBounded<string>(100);
            var first = (await etcd.PutAsync("w/1", "before")).Header.Revision;
            var watch = await etcd.WatchRangeAsync("w/", (WatchResponse response) =>
            {
                foreach (var change in response.Events)
                    seen.Writer.TryWrite($"{change.Type} {change.Kv.Key.ToStringUtf8()} {change.Kv.Value.ToStringUtf8()}");
            });
            await etcd.PutAsync("w/2", "now");
            await etcd.DeleteAsync("w/1");
            Assert.Equal("Put w/2 now", await NextAsync(seen));
            Assert.Equal("Delete w/1 ", await NextAsync(seen));
            etcd.CancelWatch(watch);

            var request = new WatchRequest { CreateRequest = new WatchCreateRequest { Key = Bytes("w/1"), StartRevision = first } };
            await etcd.WatchAsync(request, (WatchResponse response) =>
            {
                foreach (var change in response.Events)
                    seen.Writer.TryWrite($"again {change.Type} {change.Kv.ModRevision - first}");
            });
            Assert.Equal("again Put 0", await NextAsync(seen));
            Assert.Equal("again Delete 2", await NextAsync(seen));
        });
    }

    [SkippableFact]
    public async Task Leases()
    {
        await OnClusterAsync(async etcd =>
        {
            var lease = (await etcd.LeaseGrantAsync(new LeaseGrantRequest { TTL = 2 })).ID;
            await etcd.PutAsync(new PutRequest { Key = Bytes("mortal"), Value = Bytes("v"), Lease = lease });
            var live = await etcd.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = lease, Keys = true });
            Assert.Equal("mortal", Assert.Single(live.Keys).ToStringUtf8());
            Assert.Contains((await etcd.LeaseLeasesAsync()).Leases, l => l.ID == lease);

            using (var kept = new CancellationTokenSource())
            {
                var keeping = etcd.LeaseKeepAlive(lease, kept.Token);
                await Task.Delay(TimeSpan.FromSeconds(5));
                Assert.Equal("v", await etcd.GetValAsync("mortal"));
                await kept.CancelAsync();
                await Task.WhenAny(keeping, Task.Delay(Limit));
            }

            // Nobody keeps it any more: its key goes.
            using var limit = new CancellationTokenSource(Limit);
            while (await etcd.GetValAsync("mortal") != "")
                await Task.Delay(100, limit.Token);
            var second = (await etcd.LeaseGrantAsync(new LeaseGrantRequest { TTL = 60 })).ID;
            await etcd.PutAsync(new PutRequest { Key = Bytes("revoked"), Lease = second });
            await etcd.LeaseRevokeAsync(new LeaseRevokeRequest { ID = second });
            Assert.Empty((await etcd.GetAsync("revoked")).Kvs);
        });
    }

    [SkippableFact]
    public async Task Locks_and_elections()
    {
        await OnClusterAsync(async etcd =>
        {
            var lease = (await etcd.LeaseGrantAsync(new LeaseGrantRequest { TTL = 60 })).ID;
            var held = await etcd.LockAsync("door", lease);
            var waiting = etcd.LockAsync("door", (await etcd.LeaseGrantAsync(new LeaseGrantRequest { TTL = 60 })).ID);
            await Assert.ThrowsAsync<TimeoutException>(() => waiting.WaitAsync(TimeSpan.FromMilliseconds(500)));
            await etcd.UnlockAsync(new UnlockRequest { Key = held.Key });
            Assert.NotEqual(held.Key, (await waiting.WaitAsync(Limit)).Key);

            var campaign = await etcd.CampaignAsync("election", lease, "me");
            Assert.Equal("me", (await etcd.LeaderAsync("election")).Kv.Value.ToStringUtf8());
            await etcd.ProclaimAsync(campaign.Leader, "still me");
            Assert.Equal("still me", (await etcd.LeaderAsync("election")).Kv.Value.ToStringUtf8());
            await etcd.ResignAsync(campaign.Leader);
            await Assert.ThrowsAsync<RpcException>(() => etcd.LeaderAsync("election"));
        });
    }

    [SkippableFact]
    public async Task Users_and_roles()
    {
        await using var cluster = await TestCluster.StartAsync("dotnet-auth");
        await cluster.RunAsync(async () =>
        {
            using var open = Connect(cluster);
            await open.UserAddAsync(new AuthUserAddRequest { Name = "root", Password = "secret" });
            await open.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = "root", Role = "root" });
            await open.UserAddAsync(new AuthUserAddRequest { Name = "alice", Password = "wonder" });
            await open.RoleAddAsync(new AuthRoleAddRequest { Name = "reader" });
            await open.RoleGrantPermissionAsync(new AuthRoleGrantPermissionRequest
            {
                Name = "reader",
                Perm = new Authpb.Permission { Key = Bytes("a/"), RangeEnd = Bytes("a0"), PermType = Authpb.Permission.Types.Type.Read },
            });
            await open.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = "alice", Role = "reader" });
            await open.AuthEnableAsync(new AuthEnableRequest());

            using var root = new EtcdClient(Endpoints(cluster), "root", "secret");
            using var alice = new EtcdClient(Endpoints(cluster), "alice", "wonder");
            using var nobody = new EtcdClient(Endpoints(cluster), "alice", "wrong");
            await root.PutAsync("a/1", "one");
            Assert.Equal("one", await alice.GetValAsync("a/1"));
            await AssertRefusedAsync(() => alice.PutAsync("a/1", "two"), StatusCode.PermissionDenied, "etcdserver: permission denied");
            await AssertRefusedAsync(() => alice.GetValAsync("b"), StatusCode.PermissionDenied, "etcdserver: permission denied");
            await AssertRefusedAsync(() => open.GetValAsync("a/1"), StatusCode.InvalidArgument, "etcdserver: user name is empty");
            await AssertRefusedAsync(() => nobody.GetValAsync("a/1"), StatusCode.InvalidArgument, "etcdserver: authentication failed, invalid user ID or password");
            Assert.Equal(["alice", "root"], (await root.UserListAsync(new AuthUserListRequest())).Users.Order());
            await root.AuthDisableAsync(new AuthDisableRequest());
            await open.PutAsync("a/1", "free");
        });
    }

    [SkippableFact]
    public async Task The_client_goes_on_when_the_leader_dies()
    {
        await using var cluster = await TestCluster.StartAsync("dotnet-failover");
        await cluster.RunAsync(async () =>
        {
            using var etcd = Connect(cluster);
            var seen = Channel.CreateBounded<string>(100);
            await etcd.WatchAsync("k", (WatchEvent[] events) =>
            {
                foreach (var change in events)
                    seen.Writer.TryWrite(change.Value);
            });
            await etcd.PutAsync("k", "before");
            Assert.Equal("before", await NextAsync(seen));
            cluster.Nodes[await cluster.LeaderAsync(Limit)].Kill();
            await etcd.PutAsync("k", "after");
            Assert.Equal("after", await etcd.GetValAsync("k"));
            string next;
            do
            {
                next = await NextAsync(seen);
            }
            while (next != "after");
        });
    }

    private async Task OnClusterAsync(Func<EtcdClient, Task> scenario)
    {
        var cluster = await nodes.Cluster.Value;
        await cluster.RunAsync(async () =>
        {
            using var etcd = Connect(cluster);
            await scenario(etcd);
        });
    }

    private static EtcdClient Connect(TestCluster cluster) =>
        new(Endpoints(cluster), configureChannelOptions: options => options.Credentials = ChannelCredentials.Insecure);

    private static string Endpoints(TestCluster cluster) => string.Join(',', cluster.Nodes.Select(n => n.ClientUrl));

    private static TxnRequest Swap(string from, string to) => new()
    {
        Compare = { new Compare { Key = Bytes("counter"), Target = Compare.Types.CompareTarget.Value, Value = Bytes(from) } },
        Success = { new RequestOp { RequestPut = new PutRequest { Key = Bytes("counter"), Value = Bytes(to) } } },
        Failure = { new RequestOp { RequestRange = new RangeRequest { Key = Bytes("counter") } } },
    };

    private static async Task<string> NextAsync(Channel<string> seen)
    {
        using var limit = new CancellationTokenSource(Limit);
        return await seen.Reader.ReadAsync(limit.Token);
    }

    private static async Task AssertRefusedAsync(Func<Task> call, StatusCode code, string text)
    {
        var error = await Assert.ThrowsAsync<RpcException>(call);
        Assert.Equal((code, text), (error.StatusCode, error.Status.Detail));
    }

    private static ByteString Bytes(string text) => ByteString.CopyFromUtf8(text);

    /// <summary>The cluster of all tests that leave it as they found it, started for the first of them.</summary>
    public sealed class ThreeNodes : IAsyncLifetime
    {
        internal Lazy<Task<TestCluster>> Cluster { get; } = new(() => TestCluster.StartAsync("dotnet-etcd"));

        public Task InitializeAsync() => Task.CompletedTask;

        public async Task DisposeAsync()
        {
            if (Cluster.IsValueCreated)
                await (await Cluster.Value).DisposeAsync();
        }
    }
}

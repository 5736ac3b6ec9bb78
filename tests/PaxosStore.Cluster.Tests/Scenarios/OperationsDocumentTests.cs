using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>The procedures of docs/operations.md do what the page says, command by command.</summary>
[Collection(ProcessCollection.Name)]
public class OperationsDocumentTests
{
    private const int Keys = 200;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [SkippableFact]
    public async Task Every_procedure_works_as_it_is_written()
    {
        Skip.IfNot(Target.UnderTest.IsEtcd || Programs.Found(File.Exists(Target.ControlAssembly()), Target.ControlAssembly()), "paxosctl is not built");
        Programs.Require("etcdctl");
        await using var world = DocumentedWorld.Open("operations.md");
        await world.RunAsync(async () =>
        {
            var left = world.Procedures.ToHashSet();
            async Task FollowAsync(string procedure)
            {
                await world.RunAsync(procedure);
                left.Remove(procedure);
            }

            left.Remove("environment");
            world.Configure();
            await world.ShellAsync("for n in n1 n2 n3; do systemctl start paxosstore@$n; done");
            await ServesAsync(world.Client("10.0.0.1"));
            await WriteAsync(world.Client("10.0.0.1"), "first");

            world.Lose("n3");
            await ServesAsync(world.Client("10.0.0.1"));
            await FollowAsync("replace");
            await AssertVotersAsync(world.Client("10.0.0.3"), "n1", "n2", "n3");
            await AssertHoldsAsync(world.Client("10.0.0.3"), "first");
            await FollowAsync("add");
            await AssertVotersAsync(world.Client("10.0.0.4"), "n1", "n2", "n3", "n4");
            await AssertHoldsAsync(world.Client("10.0.0.4"), "first");
            await FollowAsync("remove");
            await AssertVotersAsync(world.Client("10.0.0.1"), "n1", "n2", "n3");
            await FollowAsync("rolling");
            await FollowAsync("nospace");
            await UsersAsync(world, FollowAsync, left);

            await WriteAsync(world.Client("10.0.0.2"), "second");
            var saved = await world.Client("10.0.0.2").ReadRevisionAsync(Limit);
            await FollowAsync("backup");
            await WriteAsync(world.Client("10.0.0.3"), "third");
            await FollowAsync("restore");
            foreach (var i in (int[])[2, 3])
                await world.RunAsync("restore", "r1", $"r{i}", "10.0.0.11", $"10.0.0.1{i}");
            for (var i = 1; i <= 3; i++)
                await AssertRestoredAsync(world.Client($"10.0.0.1{i}"), saved);
            await AssertVotersAsync(world.Client("10.0.0.12"), "r1", "r2", "r3");

            await CaughtUpAsync(world.Client("10.0.0.3"), await world.Client("10.0.0.1").ReadRevisionAsync(Limit));
            world.Lose("n1");
            world.Lose("n2");
            await FollowAsync("lost-majority");
            await AssertVotersAsync(world.Client("10.0.0.3"), "n3");
            await AssertHoldsAsync(world.Client("10.0.0.3"), "first", "second", "third");
            Assert.True(left.Count == 0, $"these procedures of the page are not tested: {string.Join(", ", left)}");
        });
    }

    private static async Task ServesAsync(NodeClient client)
    {
        var end = NodeClient.Within(Limit);
        while (true)
        {
            try
            {
                await client.ReadRevisionAsync(TimeSpan.FromSeconds(2));
                return;
            }
            catch (RpcException) when (NodeClient.Within(TimeSpan.Zero) < end)
            {
                await Task.Delay(50);
            }
        }
    }

    /// <summary>etcd has no way back in but its own data, so that the page is followed with this store only.</summary>
    private static async Task UsersAsync(DocumentedWorld world, Func<string, Task> followAsync, HashSet<string> left)
    {
        left.ExceptWith(["auth", "auth-off"]);
        if (Target.UnderTest.IsEtcd) return;
        await followAsync("auth");
        await AssertCheckedAsync(world.Client("10.0.0.3"));
        await followAsync("auth-off");
        await AssertCheckedAsync(world.Client("10.0.0.1"));
        await world.ShellAsync("ETCDCTL_API=3 etcdctl --endpoints 10.0.0.3:2379 --user root:third-secret auth disable");
        await ServesAsync(world.Client("10.0.0.1"));
    }

    private static async Task AssertCheckedAsync(NodeClient client)
    {
        var refused = await Assert.ThrowsAsync<RpcException>(() => client.ReadRevisionAsync(Limit));
        Assert.Equal("etcdserver: user name is empty", refused.Status.Detail);
    }

    private static async Task WriteAsync(NodeClient client, string prefix)
    {
        for (var i = 0; i < Keys; i++)
        {
            var request = new PutRequest { Key = ByteString.CopyFromUtf8($"{prefix}/{i}"), Value = ByteString.CopyFromUtf8($"{prefix} {i}") };
            await client.Kv.PutAsync(request, deadline: NodeClient.Within(Limit));
        }
    }

    private static async Task AssertHoldsAsync(NodeClient client, params string[] prefixes)
    {
        await ServesAsync(client);
        foreach (var prefix in prefixes)
        {
            var request = new RangeRequest { Key = ByteString.CopyFromUtf8(prefix + "/"), RangeEnd = ByteString.CopyFromUtf8(prefix + "0") };
            var reply = await client.Kv.RangeAsync(request, deadline: NodeClient.Within(Limit));
            var expected = Enumerable.Range(0, Keys).Select(i => ($"{prefix}/{i}", $"{prefix} {i}")).Order();
            Assert.Equal(expected, reply.Kvs.Select(kv => (kv.Key.ToStringUtf8(), kv.Value.ToStringUtf8())).Order());
        }
    }

    private static async Task AssertVotersAsync(NodeClient client, params string[] names)
    {
        await ServesAsync(client);
        var list = await client.Cluster.MemberListAsync(new MemberListRequest { Linearizable = true }, deadline: NodeClient.Within(Limit));
        Assert.Equal(names, list.Members.Where(m => !m.IsLearner).Select(m => m.Name).Order());
    }

    /// <summary>All that was saved and nothing later, at a higher revision; whoever watches from an old one is told that it is compacted.</summary>
    private static async Task AssertRestoredAsync(NodeClient client, long saved)
    {
        await AssertHoldsAsync(client, "first", "second");
        var reply = await client.Kv.RangeAsync(new RangeRequest { Key = ByteString.CopyFromUtf8("third/0") }, deadline: NodeClient.Within(Limit));
        Assert.Empty(reply.Kvs);
        if (Target.UnderTest.IsEtcd)
            return;
        Assert.True(reply.Header.Revision > saved, $"restored at revision {reply.Header.Revision}, saved at {saved}");
        using var watch = client.Watch.Watch(deadline: NodeClient.Within(Limit));
        var create = new WatchCreateRequest { Key = ByteString.CopyFromUtf8("first/0"), StartRevision = saved };
        await watch.RequestStream.WriteAsync(new WatchRequest { CreateRequest = create });
        do
            Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));
        while (watch.ResponseStream.Current is { Created: true, Canceled: false });
        Assert.True(watch.ResponseStream.Current.Canceled, $"a watch from before the restore was answered {watch.ResponseStream.Current}");
        Assert.True(watch.ResponseStream.Current.CompactRevision > saved, $"compacted at {watch.ResponseStream.Current.CompactRevision}, saved at {saved}");
    }

    private static async Task CaughtUpAsync(NodeClient client, long revision)
    {
        var end = NodeClient.Within(Limit);
        while ((await client.Kv.RangeAsync(new RangeRequest { Key = ByteString.CopyFromUtf8("x"), Serializable = true })).Header.Revision < revision)
        {
            Assert.True(NodeClient.Within(TimeSpan.Zero) < end, $"{client.Name} does not reach revision {revision}");
            await Task.Delay(20);
        }
    }
}

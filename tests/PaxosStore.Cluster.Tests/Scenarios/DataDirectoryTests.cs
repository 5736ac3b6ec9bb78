using Etcdserverpb;
using Google.Protobuf;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>What a node does to its data directory, and with it.</summary>
[Collection(ProcessCollection.Name)]
public class DataDirectoryTests
{
    [SkippableFact]
    public async Task A_second_process_on_the_same_directory_is_refused()
    {
        Skip.If(Target.UnderTest.IsEtcd, "etcd waits for the lock instead of refusing");
        await using var cluster = await TestCluster.StartAsync("directory-lock", size: 1);
        await cluster.RunAsync(async () =>
        {
            var owner = cluster.Nodes[0];
            var directory = Path.GetDirectoryName(owner.DataDirectory)!;
            using var intruder = new NodeProcess(new ClusterPlan("intruder", 1) { Target = cluster.Target }, "n1", directory, NodePorts.Free(), []);
            var log = owner.LogSinceStart.Length;
            intruder.Start();
            Assert.NotEqual(0, await intruder.WaitExitAsync(TimeSpan.FromSeconds(20)));
            Assert.Contains(owner.DataDirectory, owner.LogSinceStart[log..], StringComparison.Ordinal);
            Assert.DoesNotContain("Unhandled exception", owner.LogSinceStart[log..], StringComparison.Ordinal);
            await cluster.Clients[0].Kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("k"), Value = ByteString.CopyFromUtf8("v") });
        });
    }

    [SkippableFact]
    public async Task SIGTERM_stops_in_time_and_a_restart_keeps_the_data()
    {
        await using var cluster = await TestCluster.StartAsync("restart", size: 1);
        await cluster.RunAsync(async () =>
        {
            var client = cluster.Clients[0];
            for (var i = 0; i < 200; i++)
                await client.Kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8($"k{i % 50}"), Value = ByteString.CopyFromUtf8($"v{i}") });
            var lease = await client.Lease.LeaseGrantAsync(new LeaseGrantRequest { TTL = 600 });
            await client.Kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("leased"), Lease = lease.ID });
            var before = await AllAsync(client);

            var code = await cluster.Nodes[0].StopAsync(TimeSpan.FromSeconds(5));
            Assert.Equal(cluster.Target.IsEtcd ? 128 + Signals.Terminate : 0, code);
            await cluster.StartAllAsync();

            var after = await AllAsync(client);
            Assert.Equal(before.Kvs, after.Kvs);
            Assert.Equal(before.Header.Revision, after.Header.Revision);
            Assert.Equal(before.Header.MemberId, after.Header.MemberId);
            Assert.Equal(before.Header.ClusterId, after.Header.ClusterId);
            var left = await client.Lease.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = lease.ID, Keys = true });
            Assert.InRange(left.TTL, 500, 600);
            Assert.Equal("leased", Assert.Single(left.Keys).ToStringUtf8());
        });
    }

    [SkippableFact]
    public async Task SIGTERM_ends_open_watches_and_stops_all_the_same()
    {
        await using var cluster = await TestCluster.StartAsync("stop-with-watch", size: 1);
        await cluster.RunAsync(async () =>
        {
            using var watch = cluster.Clients[0].Watch.Watch();
            await watch.RequestStream.WriteAsync(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = ByteString.CopyFromUtf8("k") } });
            Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));
            var code = await cluster.Nodes[0].StopAsync(TimeSpan.FromSeconds(5));
            Assert.Equal(cluster.Target.IsEtcd ? 128 + Signals.Terminate : 0, code);
        });
    }

    private static async Task<RangeResponse> AllAsync(NodeClient client) =>
        await client.Kv.RangeAsync(new RangeRequest { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0) });
}

using System.Diagnostics;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>One node of three can't decide anything, says so in time, and still shows what it has to those who ask for no more.</summary>
[Collection(ProcessCollection.Name)]
public class MinorityTests
{
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(7);
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(1.5);
    private static readonly ByteString Key = ByteString.CopyFromUtf8("kept");

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task One_of_three_is_unavailable_and_recovers_by_itself(bool leaderRemains)
    {
        await using var cluster = await TestCluster.StartAsync("minority");
        await cluster.RunAsync(async () =>
        {
            var leader = await cluster.LeaderAsync(Slack);
            var remaining = leaderRemains ? leader : (leader + 1) % 3;
            var node = cluster.Clients[remaining];
            await node.Kv.PutAsync(new PutRequest { Key = Key, Value = ByteString.CopyFromUtf8("before") });
            await node.ReadRevisionAsync(Slack);
            foreach (var other in cluster.Nodes.Where((_, i) => i != remaining))
                await other.StopAsync(TimeSpan.FromSeconds(10));

            await Task.WhenAll(
                AssertUnavailableAsync("put", d => node.Kv.PutAsync(new PutRequest { Key = Key, Value = ByteString.CopyFromUtf8("during") }, deadline: d)),
                AssertUnavailableAsync("range", d => node.Kv.RangeAsync(new RangeRequest { Key = Key }, deadline: d)),
                AssertUnavailableAsync("delete", d => node.Kv.DeleteRangeAsync(new DeleteRangeRequest { Key = ByteString.CopyFromUtf8("other") }, deadline: d)),
                AssertUnavailableAsync("grant", d => node.Lease.LeaseGrantAsync(new LeaseGrantRequest { TTL = 60 }, deadline: d)));
            Assert.Equal("before", await ReadLocallyAsync(node));

            await cluster.StartAllAsync();
            var reply = await node.Kv.RangeAsync(new RangeRequest { Key = Key }, deadline: NodeClient.Within(RequestTimeout));
            Assert.Contains(reply.Kvs[0].Value.ToStringUtf8(), (string[])["before", "during"]);
            await node.Kv.PutAsync(new PutRequest { Key = Key, Value = ByteString.CopyFromUtf8("after") }, deadline: NodeClient.Within(RequestTimeout));
        });
    }

    private static async Task AssertUnavailableAsync<T>(string what, Func<DateTime, AsyncUnaryCall<T>> call)
    {
        var watch = Stopwatch.StartNew();
        var error = await Assert.ThrowsAsync<RpcException>(async () => await call(NodeClient.Within(RequestTimeout * 2)));
        Assert.True(error.StatusCode == StatusCode.Unavailable, $"{what} without a quorum: {error.Status}");
        Assert.True(watch.Elapsed < RequestTimeout + Slack, $"{what} without a quorum took {watch.Elapsed.TotalSeconds:F1} s to fail");
    }

    private static async Task<string> ReadLocallyAsync(NodeClient node)
    {
        var reply = await node.Kv.RangeAsync(new RangeRequest { Key = Key, Serializable = true }, deadline: NodeClient.Within(Slack));
        return reply.Kvs[0].Value.ToStringUtf8();
    }
}

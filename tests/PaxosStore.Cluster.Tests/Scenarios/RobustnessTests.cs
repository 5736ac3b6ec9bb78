using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>Whatever is thrown at the ports of a node, it stays up, serves, and does not swell.</summary>
[Collection(ProcessCollection.Name)]
public class RobustnessTests
{
    private const double AllowedGrowthMegabytes = 50;
    private const int Rounds = 4;

    [SkippableFact]
    public async Task A_node_bears_what_is_thrown_at_its_ports()
    {
        await using var cluster = await TestCluster.StartAsync("robustness");
        await cluster.RunAsync(async () =>
        {
            var node = cluster.Nodes[await cluster.LeaderAsync(TimeSpan.FromSeconds(5))];
            await ServesAsync(cluster);
            await OnslaughtAsync(node, seed: 0);
            await ServesAsync(cluster);
            var before = node.ResidentMegabytes;
            for (var round = 1; round <= Rounds; round++)
                await OnslaughtAsync(node, round);
            await ServesAsync(cluster);
            await AssertFlatAsync(node, before);
        });
    }

    [SkippableFact]
    public async Task Requests_that_are_not_understood_get_clear_errors()
    {
        await using var cluster = await TestCluster.StartAsync("bad-requests", size: 1);
        await cluster.RunAsync(async () =>
        {
            using var channel = GrpcChannel.ForAddress(cluster.Nodes[0].ClientUrl);
            var invoker = channel.CreateCallInvoker();
            byte[] unknownFields = [0xF8, 0x3F, 0x2A, 0xFA, 0x3F, 0x03, 1, 2, 3];
            byte[] put = [.. new PutRequest { Key = ByteString.CopyFromUtf8("k"), Value = ByteString.CopyFromUtf8("v") }.ToByteArray(), .. unknownFields];
            var reply = PutResponse.Parser.ParseFrom(await CallAsync(invoker, "etcdserverpb.KV", "Put", put));
            Assert.True(reply.Header.Revision > 1);

            byte[] overrun = [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 1];
            await AssertErrorAsync(() => CallAsync(invoker, "etcdserverpb.KV", "Put", overrun), StatusCode.Internal);
            await AssertErrorAsync(() => CallAsync(invoker, "etcdserverpb.KV", "NoSuch", []), StatusCode.Unimplemented);
            await AssertErrorAsync(() => CallAsync(invoker, "no.Such", "Thing", []), StatusCode.Unimplemented);
            var large = new PutRequest { Key = ByteString.CopyFromUtf8("k"), Value = ByteString.CopyFrom(new byte[1_600_000]) }.ToByteArray();
            await AssertErrorAsync(() => CallAsync(invoker, "etcdserverpb.KV", "Put", large), StatusCode.InvalidArgument);
            await cluster.WaitServingAsync(0, TimeSpan.FromSeconds(5));
        });
    }

    private static async Task OnslaughtAsync(NodeProcess node, int seed)
    {
        foreach (var port in (int[])[node.Ports.Client, node.Ports.Peer])
        {
            var random = new Random(seed);
            using var halfOpen = await HalfOpenConnections.OpenAsync(port, 150, RawAttack.Preface[..10]);
            await RawAttack.GarbageAsync(port, random, connections: 40, prefix: []);
            await RawAttack.GarbageAsync(port, random, connections: 40, prefix: RawAttack.Preface);
            await RawAttack.HugeFrameAsync(port, [0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 1], RawAttack.Preface);
            await RawAttack.HugeFrameAsync(port, BitConverter.GetBytes(RawAttack.HugeLength), []);
            await RawAttack.HugeFrameAsync(port, [.. BitConverter.GetBytes(RawAttack.HugeLength).Reverse()], []);
            Assert.True(node.IsRunning, $"port {port}: the node died");
        }

        await HugeMessageAsync(node);
    }

    /// <summary>A well-formed request of 100 MB.</summary>
    private static async Task HugeMessageAsync(NodeProcess node)
    {
        using var client = new NodeClient(node.Name, node.ClientUrl);
        var huge = new PutRequest { Key = ByteString.CopyFromUtf8("huge"), Value = UnsafeByteOperations.UnsafeWrap(new byte[RawAttack.HugeLength]) };
        var error = await Assert.ThrowsAsync<RpcException>(async () => await client.Kv.PutAsync(huge, deadline: NodeClient.Within(TimeSpan.FromSeconds(20))));
        Assert.Contains(error.StatusCode, (StatusCode[])[StatusCode.ResourceExhausted, StatusCode.InvalidArgument, StatusCode.Unavailable, StatusCode.Internal, StatusCode.Cancelled]);
    }

    private static async Task ServesAsync(TestCluster cluster)
    {
        foreach (var client in cluster.Clients)
        {
            for (var i = 0; i < 100; i++)
            {
                var request = new PutRequest { Key = ByteString.CopyFromUtf8("alive"), Value = ByteString.CopyFromUtf8($"{i}") };
                await client.Kv.PutAsync(request, deadline: NodeClient.Within(TimeSpan.FromSeconds(10)));
            }
        }

        Assert.All(cluster.Nodes, n => Assert.True(n.IsRunning));
    }

    /// <summary>A collected heap is given back with a delay, so the node gets some time; what stays is growth.</summary>
    private static async Task AssertFlatAsync(NodeProcess node, double before)
    {
        var end = NodeClient.Within(TimeSpan.FromSeconds(15));
        while (node.ResidentMegabytes > before + AllowedGrowthMegabytes && NodeClient.Within(TimeSpan.Zero) < end)
            await Task.Delay(200);
        Assert.True(node.ResidentMegabytes <= before + AllowedGrowthMegabytes, $"{node.Name} grew from {before:F0} MB to {node.ResidentMegabytes:F0} MB");
    }

    private static async Task AssertErrorAsync(Func<Task> call, params StatusCode[] codes)
    {
        var error = await Assert.ThrowsAsync<RpcException>(call);
        Assert.True(codes.Contains(error.StatusCode), $"expected {string.Join(" or ", codes)}, got {error.Status}");
    }

    private static async Task<byte[]> CallAsync(CallInvoker invoker, string service, string method, byte[] request)
    {
        var raw = Marshallers.Create(b => b, b => b);
        var options = new CallOptions(deadline: NodeClient.Within(TimeSpan.FromSeconds(10)));
        return await invoker.AsyncUnaryCall(new Method<byte[], byte[]>(MethodType.Unary, service, method, raw, raw), null, options, request);
    }
}

using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>Over the quota the store takes no more data, says so as etcd does, and gets out of it the way that operators of etcd know.</summary>
[Collection(ProcessCollection.Name)]
public class QuotaTests
{
    private const int ValueBytes = 500_000;
    private const int MoreThanFits = 200;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private static readonly string[] Quota = ["--quota-backend-bytes", $"{16 << 20}"];

    [SkippableFact]
    public async Task A_cluster_over_its_quota_refuses_data_and_comes_back_as_a_real_etcd_does()
    {
        Programs.Require("etcd");
        Programs.Require("etcdctl");
        await using var subject = await TestCluster.StartAsync("quota", 3, Quota);
        await using var reference = await TestCluster.StartAsync(new ClusterPlan("quota-reference", 3, Quota) { Target = Target.Etcd });
        await subject.RunAsync(async () =>
        {
            var differences = new List<string>();
            await Task.WhenAll(FillAsync(subject), FillAsync(reference));

            // Asked at another member than the one that was filled: the alarm is the cluster's.
            await CompareAsync(subject, reference, differences, endpoint: 1, Refusals());
            await Task.WhenAll(MakeRoomAsync(subject), MakeRoomAsync(reference));
            await ComeToRestAsync(subject);
            await CompareAsync(subject, reference, differences, endpoint: 1, WayBack());
            await CompareAsync(subject, reference, differences, endpoint: 2, [new(["put", "after", "all"]), new(["get", "after"])]);
            Assert.True(differences.Count == 0, $"{differences.Count} differences:\n{string.Join('\n', differences)}");
        });
    }

    private static EtcdctlStep[] Refusals() =>
    [
        new(["alarm", "list"], Distinct: true),
        new(["put", "a", "1"]),
        new(["txn"], Input: "\nput a 1\n\n\n"),
        new(["txn"], Input: "\nget small\n\n\n"),
        new(["lease", "grant", "60"]),
        new(["get", "small"]),
        new(["get", "small", "--consistency", "s"]),
        new(["endpoint", "health"]),
        new(["del", "small"]),
        new(["compaction", "2"]),
        new(["put", "a", "1"]),
    ];

    private static EtcdctlStep[] WayBack() =>
    [
        new(["put", "a", "1"]),
        new(["defrag"], AllEndpoints: true),
        new(["alarm", "disarm"], Distinct: true),
        new(["alarm", "list"]),
        new(["put", "a", "1"]),
        new(["lease", "grant", "60"]),
        new(["endpoint", "health"], AllEndpoints: true),
    ];

    private static async Task CompareAsync(TestCluster subject, TestCluster reference, List<string> differences, int endpoint, EtcdctlStep[] steps)
    {
        var ours = new EtcdctlSession(subject, endpoint);
        var theirs = new EtcdctlSession(reference, endpoint);
        foreach (var step in steps)
        {
            var said = await Task.WhenAll(ours.RunAsync(step), theirs.RunAsync(step));
            if (said[0] != said[1])
                differences.Add($"etcdctl {string.Join(' ', step.Arguments)}\n  ours: {said[0]}\n  etcd: {said[1]}");
        }
    }

    /// <summary>Puts large values at the first member until the store has enough.</summary>
    private static async Task FillAsync(TestCluster cluster)
    {
        var kv = cluster.Clients[0].Kv;
        await kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("small"), Value = ByteString.CopyFromUtf8("value") });
        var error = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            for (var i = 0; i < MoreThanFits; i++)
            {
                var put = new PutRequest { Key = ByteString.CopyFromUtf8($"large/{i:D3}"), Value = UnsafeByteOperations.UnsafeWrap(new byte[ValueBytes]) };
                await kv.PutAsync(put, deadline: NodeClient.Within(Limit));
            }
        });
        Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
        Assert.Equal("etcdserver: mvcc: database space exceeded", error.Status.Detail);
    }

    /// <summary>Memory of compacted history is given back in the background, and not while a snapshot of it is being written.</summary>
    private static async Task ComeToRestAsync(TestCluster cluster)
    {
        var end = NodeClient.Within(Limit);
        foreach (var client in cluster.Clients)
        {
            while ((await client.Maintenance.StatusAsync(new StatusRequest(), deadline: end)).DbSizeInUse > ValueBytes) await Task.Delay(50);
        }
    }

    /// <summary>Deletes and compacts, which is allowed.</summary>
    private static async Task MakeRoomAsync(TestCluster cluster)
    {
        var kv = cluster.Clients[1].Kv;
        var deleted = await kv.DeleteRangeAsync(new DeleteRangeRequest { Key = ByteString.CopyFromUtf8("large/"), RangeEnd = ByteString.CopyFromUtf8("large0") });
        Assert.True(deleted.Deleted > 10, $"only {deleted.Deleted} values fitted into the quota");
        await kv.CompactAsync(new CompactionRequest { Revision = deleted.Header.Revision, Physical = true });
    }
}

using System.Globalization;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>etcdctl and curl on the same port of real processes: gRPC, JSON, probes and metrics.</summary>
[Collection(ProcessCollection.Name)]
public class OnePortTests
{
    [SkippableFact]
    public async Task Etcdctl_and_curl_share_a_port()
    {
        Programs.Require("etcdctl");
        Programs.Require("curl");
        await using var cluster = await TestCluster.StartAsync("one-port");
        await cluster.RunAsync(async () =>
        {
            for (var i = 0; i < 3; i++)
            {
                var (url, key) = (cluster.Nodes[i].ClientUrl, $"k{i}");
                var encoded = Convert.ToBase64String([(byte)'k', (byte)('0' + i)]);
                Assert.Equal("OK\n", (await EtcdctlAsync(url, "put", key, "from etcdctl")).Output);
                Assert.Contains("\"value\":\"ZnJvbSBldGNkY3Rs\"", await CurlAsync("-d", $$"""{"key":"{{encoded}}"}""", url + "/v3/kv/range"), StringComparison.Ordinal);
                Assert.StartsWith("{\"header\":", await CurlAsync("-d", $$"""{"key":"{{encoded}}","value":"ZnJvbSBjdXJs"}""", url + "/v3/kv/put"), StringComparison.Ordinal);
                Assert.Equal("from curl\n", (await EtcdctlAsync(url, "get", "--print-value-only", key)).Output);

                Assert.Equal("""{"health":"true","reason":""}""", await CurlAsync(url + "/health"));
                Assert.Equal("ok\n", await CurlAsync(url + "/readyz"));
                Assert.StartsWith("{\"etcdserver\":", await CurlAsync("--http2", url + "/version"), StringComparison.Ordinal);
            }
        });
    }

    [SkippableFact]
    public async Task A_watch_by_curl_sees_what_etcdctl_writes_to_another_node()
    {
        Programs.Require("etcdctl");
        Programs.Require("curl");
        await using var cluster = await TestCluster.StartAsync("one-port-watch");
        await cluster.RunAsync(async () =>
        {
            var watching = CurlAsync("--max-time", "3", "-d", """{"create_request":{"key":"aw=="}}""", cluster.Nodes[0].ClientUrl + "/v3/watch");
            while (!watching.IsCompleted) await EtcdctlAsync(cluster.Nodes[1].ClientUrl, "put", "k", "v");

            var lines = (await watching).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.EndsWith("\"created\":true}}", lines[0], StringComparison.Ordinal);
            Assert.Contains("\"events\":[{\"kv\":{\"key\":\"aw==\",", lines[1], StringComparison.Ordinal);
        });
    }

    [SkippableFact]
    public async Task Metrics_of_a_cluster_have_real_values()
    {
        Programs.Require("etcdctl");
        Programs.Require("curl");
        await using var cluster = await TestCluster.StartAsync("metrics");
        await cluster.RunAsync(async () =>
        {
            for (var i = 0; i < 10; i++) await EtcdctlAsync(cluster.Nodes[0].ClientUrl, "put", $"k{i}", "v");
            var pages = await Task.WhenAll(cluster.Nodes.Select(async node => Samples(await CurlAsync(node.ClientUrl + "/metrics"))));

            Assert.Equal(1, pages.Sum(page => page["etcd_server_is_leader"]));
            foreach (var page in pages)
            {
                Assert.Equal(1, page["etcd_server_has_leader"]);
                Assert.True(page["etcd_server_leader_changes_seen_total"] >= 1);
                Assert.True(page["etcd_disk_wal_fsync_duration_seconds_count"] >= 10, "fewer journal writes than writes");
                Assert.InRange(page["etcd_disk_wal_fsync_duration_seconds_sum"], double.Epsilon, 1000);
                Assert.True(page["etcd_network_peer_received_bytes_total"] > 0 && page["etcd_network_peer_sent_bytes_total"] > 0, "no bytes between members");
                Assert.True(page["etcd_server_proposals_applied_total"] >= 10, "fewer entries than writes");
                Assert.Equal(0, page["etcd_server_proposals_pending"]);
                Assert.True(page["etcd_mvcc_db_total_size_in_bytes"] > 0 && page["process_resident_memory_bytes"] > 0 && page["process_open_fds"] > 0, "no sizes");
            }

            Assert.Equal(10, pages[0]["grpc_server_handled_total{grpc_code=\"OK\",grpc_method=\"Put\",grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"}"]);
        });
    }

    private static Dictionary<string, double> Samples(string page) => page
        .Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line[0] != '#').Select(line => (Line: line, Blank: line.LastIndexOf(' ')))
        .ToDictionary(at => at.Line[..at.Blank], at => double.Parse(at.Line[(at.Blank + 1)..], CultureInfo.InvariantCulture));

    private static async Task<string> CurlAsync(params string[] arguments) => (await Programs.RunAsync("curl", ["-s", .. arguments])).Output;

    private static Task<ProgramResult> EtcdctlAsync(string url, params string[] arguments) => Programs.RunAsync(
        "etcdctl", ["--endpoints", url, .. arguments], environment: new Dictionary<string, string> { ["ETCDCTL_API"] = "3" });
}

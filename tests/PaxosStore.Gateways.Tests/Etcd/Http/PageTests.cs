using System.Globalization;
using Grpc.Core;
using PaxosStore.Kv;
using PaxosStore.Testing;
using PaxosStore.Testing.Differential;
using static PaxosStore.Gateways.Tests.Etcd.Expect;

namespace PaxosStore.Gateways.Tests.Etcd.Http;

/// <summary>The pages for probes, dashboards and people.</summary>
public sealed class PageTests : IAsyncLifetime
{
    private DoorHost door = null!;
    private JsonDoor http = null!;

    public async Task InitializeAsync()
    {
        door = await DoorHost.StartAsync();
        http = new JsonDoor(door.Endpoint);
    }

    public async Task DisposeAsync() => await door.DisposeAsync();

    [Theory]
    [InlineData("/livez", "ok\n")]
    [InlineData("/readyz", "ok\n")]
    [InlineData("/livez?verbose", "[+]serializable_read ok\nok\n")]
    [InlineData("/readyz?verbose&exclude=non_learner&exclude=linearizable_read", "[+]data_corruption ok\n[+]serializable_read ok\n[+]vote ok\nok\n")]
    [InlineData("/readyz/linearizable_read?verbose=1", "[+]linearizable_read ok\nok\n")]
    public async Task Probes_are_answered(string path, string text) =>
        Assert.Equal(new JsonAnswer(200, "text/plain; charset=utf-8", text), await http.GetAsync(path));

    [Fact]
    public async Task A_probe_that_fails_says_which_check_did()
    {
        door.Store.Fault = new KvException(KvErrorCode.NoLeader);
        Assert.Equal(
            new JsonAnswer(
                503, "text/plain; charset=utf-8",
                "[+]data_corruption ok\n[+]serializable_read ok\n[-]linearizable_read failed: etcdserver: no leader\n[+]non_learner ok\n[+]vote ok\n\n"),
            await http.GetAsync("/readyz"));
        Assert.Equal(503, (await http.GetAsync("/readyz/linearizable_read")).Status);
        Assert.Equal(200, (await http.GetAsync("/readyz?exclude=linearizable_read")).Status);
        Assert.Equal(200, (await http.GetAsync("/livez")).Status);

        door.Store.IsObserver = true;
        Assert.Equal("[-]non_learner failed: local node is learner\n\n", (await http.GetAsync("/readyz/non_learner")).Body);

        door.Store.LacksVote = true;
        Assert.StartsWith("[-]vote failed: ", (await http.GetAsync("/readyz/vote")).Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/readyz/nothing", 404)]
    [InlineData("/livez/linearizable_read", 404)]
    [InlineData("/nothing", 404)]
    [InlineData("/v3", 404)]
    public async Task What_is_not_there_is_not_found(string path, int status) => Assert.Equal(status, (await http.GetAsync(path)).Status);

    [Theory]
    [InlineData("/health")]
    [InlineData("/version")]
    [InlineData("/livez")]
    [InlineData("/metrics")]
    [InlineData("/debug/vars")]
    public async Task Pages_are_there_to_be_read_only(string path)
    {
        Assert.Equal(200, (await http.GetAsync(path)).Status);
        Assert.Equal(new JsonAnswer(405, "text/plain; charset=utf-8", "Method Not Allowed\n"), await http.PostAsync(path, ""));
    }

    [Fact]
    public async Task Metrics_tell_what_happened()
    {
        var before = await MetricsAsync();
        Assert.Equal(1, before["etcd_server_has_leader"]);
        Assert.Equal(1, before["etcd_server_is_leader"]);
        Assert.Equal(0, before["etcd_debugging_mvcc_keys_total"]);
        Assert.True(before["process_resident_memory_bytes"] > 0);

        await door.Client.PutAsync("a", new string('v', 1000));
        await http.PostAsync("/v3/kv/put", """{"key":"Yg=="}""");
        await ErrorAsync(StatusCode.InvalidArgument, "etcdserver: key is not provided", () => door.Client.PutAsync(""));
        door.Store.LeaderId = 0;

        var after = await MetricsAsync();
        const string put = "grpc_method=\"Put\",grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"";
        Assert.Equal(2, after["etcd_debugging_mvcc_keys_total"]);
        Assert.Equal(3, after["etcd_debugging_mvcc_current_revision"]);
        Assert.Equal(3, after[$"grpc_server_started_total{{{put}}}"]);
        Assert.Equal(2, after[$"grpc_server_handled_total{{grpc_code=\"OK\",{put}}}"]);
        Assert.Equal(1, after[$"grpc_server_handled_total{{grpc_code=\"InvalidArgument\",{put}}}"]);
        Assert.Equal(3, after[$"grpc_server_handling_seconds_count{{{put}}}"]);
        Assert.Equal(3, after[$"grpc_server_handling_seconds_bucket{{{put},le=\"+Inf\"}}"]);
        Assert.InRange(after["etcd_network_client_grpc_received_bytes_total"], 1000, 1100);
        Assert.InRange(after["etcd_network_client_grpc_sent_bytes_total"], 1, 100);
        Assert.Equal(0, after["etcd_server_has_leader"]);
    }

    // Every line must be one that Prometheus takes, and no sample may stand there twice.
    private async Task<Dictionary<string, double>> MetricsAsync()
    {
        var answer = await http.GetAsync("/metrics");
        Assert.Equal((200, "text/plain; version=0.0.4; charset=utf-8"), (answer.Status, answer.ContentType));
        var samples = new Dictionary<string, double>();
        var known = "";
        foreach (var line in answer.Body.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.StartsWith("# TYPE ", StringComparison.Ordinal)) known = line.Split(' ')[2];
            if (line[0] == '#') continue;
            Assert.StartsWith(known, line, StringComparison.Ordinal);
            var blank = line.LastIndexOf(' ');
            samples.Add(line[..blank], double.Parse(line[(blank + 1)..], CultureInfo.InvariantCulture));
        }

        return samples;
    }
}

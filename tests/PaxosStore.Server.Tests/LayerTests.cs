using Microsoft.Extensions.Logging;
using PaxosStore.Gateways.Etcd.Compaction;
using PaxosStore.Node;

namespace PaxosStore.Server.Tests;

public sealed class LayerTests
{
    private static readonly TimeSpan RequestTimeoutByDefault = NodeDefaults.Reference.GetTimeSpan("paxosstore.request-timeout");

    [Fact]
    public void Without_any_option_one_node_runs_on_the_loopback_interface()
    {
        var options = Load.From();

        Assert.Equal("default", options.Node.Name);
        Assert.Equal(["http://127.0.0.1:2379/"], options.Node.ListenClientUrls.Select(url => url.ToString()));
        Assert.Empty(options.Node.ListenHttpUrls);
        Assert.Equal("default", Assert.Single(options.Node.InitialCluster).Key);
        Assert.Equal(RequestTimeoutByDefault, options.Node.RequestTimeout);
        Assert.Equal(LogLevel.Information, options.LogLevel);
        Assert.Empty(options.Notices);
    }

    [Fact]
    public void Each_layer_overrides_the_ones_before_it()
    {
        using var file = new TemporaryFile("paxosstore { name = file, request-timeout = 11s }");
        var fileFlag = $"--config-file={file.Path}";
        var etcd = new Dictionary<string, string> { ["ETCD_NAME"] = "etcd" };
        var both = new Dictionary<string, string>(etcd) { ["PAXOSSTORE_NAME"] = "own" };

        Assert.Equal("file", Load.From(fileFlag).Node.Name);
        Assert.Equal("etcd", Load.With(etcd, fileFlag).Node.Name);
        Assert.Equal("own", Load.With(both, fileFlag).Node.Name);
        var all = Load.With(new Dictionary<string, string> { ["PAXOSSTORE_NAME"] = "own" }, fileFlag, "--name", "flag").Node;
        Assert.Equal("flag", all.Name);
        Assert.Equal(TimeSpan.FromSeconds(11), all.RequestTimeout);
        Assert.NotEqual(RequestTimeoutByDefault, all.RequestTimeout);
    }

    [Fact]
    public void The_file_may_be_named_by_the_environment_and_the_flag_wins()
    {
        using var first = new TemporaryFile("paxosstore.name = first");
        using var second = new TemporaryFile("paxosstore.name = second");
        var environment = new Dictionary<string, string> { ["PAXOSSTORE_CONFIG_FILE"] = first.Path };

        Assert.Equal("first", Load.With(environment).Node.Name);
        Assert.Equal("second", Load.With(environment, "--config-file", second.Path).Node.Name);
    }

    [Theory]
    [InlineData("--name", "x")]
    [InlineData("--name=x")]
    [InlineData("-name", "x")]
    [InlineData("-name=x")]
    [InlineData("--name=y", "--name=x")]
    public void A_flag_may_be_written_in_every_way_operators_of_etcd_write_it(params string[] arguments) =>
        Assert.Equal("x", Load.From(arguments).Node.Name);

    [Theory]
    [InlineData("250", 250)]
    [InlineData("250ms", 250)]
    [InlineData("2s", 2_000)]
    [InlineData("1.5s", 1_500)]
    [InlineData("1m", 60_000)]
    [InlineData("1m1.5s", 61_500)]
    [InlineData("1500000us", 1_500)]
    public void A_duration_without_a_unit_counts_milliseconds(string text, int milliseconds) =>
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), Load.From("--request-timeout", text).Node.RequestTimeout);

    [Theory]
    [InlineData(2L << 30)]
    [InlineData(2L << 30, "--quota-backend-bytes=0")]
    [InlineData(0, "--quota-backend-bytes", "-1")]
    [InlineData(1000, "--quota-backend-bytes", "1000")]
    public void The_quota_is_etcds(long bytes, params string[] flags) => Assert.Equal(bytes, Load.From(flags).Node.QuotaBytes);

    [Theory]
    [InlineData(true)]
    [InlineData(true, "--strict-reconfig-check")]
    [InlineData(true, "--strict-reconfig-check", "true")]
    [InlineData(false, "--strict-reconfig-check=false")]
    [InlineData(false, "-strict-reconfig-check=F")]
    [InlineData(false, "--strict-reconfig-check=0")]
    [InlineData(true, "--strict-reconfig-check=TRUE")]
    [InlineData(false, "--strict-reconfig-check", "false")]
    [InlineData(true, "--strict-reconfig-check", "--name", "n")]
    public void A_switch_needs_no_value(bool strict, params string[] flags) => Assert.Equal(strict, Load.From(flags).Node.StrictReconfigCheck);

    [Fact]
    public void What_operators_of_etcd_set_for_storage_and_members_is_read()
    {
        var node = Load.From(
            "--max-learners=3", "--snapshot-count=5", "--initial-cluster-state=existing",
            "--initial-cluster=default=http://127.0.0.1:2380,n2=http://127.0.0.1:22380").Node;

        Assert.Equal((3, 5, ClusterState.Existing), (node.MaxObservers, node.SnapshotCount, node.ClusterState));
        Assert.Equal(ClusterState.New, Load.From().Node.ClusterState);
    }

    [Fact]
    public void Compaction_by_itself_is_off_unless_a_retention_is_set()
    {
        const string retention = "--auto-compaction-retention";

        Assert.IsType<AutoCompaction.Off>(Load.From().AutoCompaction);
        Assert.Equal(new AutoCompaction.Periodic(TimeSpan.FromHours(8)), Load.From(retention, "8").AutoCompaction);
        Assert.Equal(new AutoCompaction.Periodic(TimeSpan.FromMinutes(90)), Load.From(retention, "1h30m").AutoCompaction);
        Assert.Equal(new AutoCompaction.Revision(8), Load.From(retention, "8", "--auto-compaction-mode", "revision").AutoCompaction);
    }

    [Fact]
    public void A_file_may_give_several_addresses_as_a_list()
    {
        using var file = new TemporaryFile("paxosstore { listen-client-urls = [\"http://127.0.0.1:1001\", \"http://127.0.0.2:1002\"] }");

        Assert.Equal([1001, 1002], Load.From("--config-file", file.Path).Node.ListenClientUrls.Select(url => url.Port));
    }

    [Fact]
    public void Settings_of_the_actor_system_may_stand_in_the_file()
    {
        using var file = new TemporaryFile("akka.remote.retry-gate-closed-for = 123ms");

        var akka = Load.From("--config-file", file.Path).Node.AkkaOverrides;

        Assert.Equal(TimeSpan.FromMilliseconds(123), akka.GetTimeSpan("akka.remote.retry-gate-closed-for"));
    }

    [Fact]
    public void A_path_with_backslashes_and_quotation_marks_survives()
    {
        var path = Path.Combine(Path.GetTempPath(), "a \\ \"b\"");

        Assert.Equal(path, Load.From("--data-dir", path).Node.DataDirectory);
    }

    [Fact]
    public void Variables_of_etcd_that_have_no_effect_are_told()
    {
        var environment = new Dictionary<string, string>
        {
            ["ETCD_CERTFILE"] = "/cert", ["PAXOSSTORE_NAM"] = "n", ["PAXOSSTORE_SERVER_DLL"] = "x", ["ETCDCTL_API"] = "3",
        };

        var notices = Load.With(environment).Notices;

        Assert.Equal(2, notices.Count);
        Assert.Contains("ETCD_CERTFILE has no effect", notices[0], StringComparison.Ordinal);
        Assert.Contains("did you mean PAXOSSTORE_NAME?", notices[1], StringComparison.Ordinal);
    }
}

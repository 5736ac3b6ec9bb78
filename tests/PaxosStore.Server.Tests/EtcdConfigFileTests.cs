using PaxosStore.Node;

namespace PaxosStore.Server.Tests;

/// <summary>etcd's own configuration file, as packages and kubeadm write it.</summary>
public sealed class EtcdConfigFileTests
{
    private const string Sample =
        """
        # This is the configuration file for the etcd server.
        name: 'n1'
        data-dir: /tmp/paxosstore-n1
        wal-dir:
        snapshot-count: 5000
        heartbeat-interval: 100
        election-timeout: 1000
        quota-backend-bytes: 0
        listen-peer-urls: https://127.0.0.1:2380
        listen-client-urls: https://127.0.0.1:2379,http://127.0.0.1:12379
        initial-advertise-peer-urls: https://127.0.0.1:2380
        initial-cluster: n1=https://127.0.0.1:2380
        cors:
        enable-pprof: false
        watch-progress-notify-interval: 5000000000
        client-transport-security:
          cert-file: c.crt
          key-file: c.key
          client-cert-auth: true
          trusted-ca-file: ca.crt
          auto-tls: false
        peer-transport-security:
          cert-file: p.crt
          key-file: p.key
          trusted-ca-file: peers.crt
          allowed-cn: peer
        cipher-suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
        """;

    [Theory]
    [InlineData(".yml")]
    [InlineData(".yaml")]
    [InlineData(".conf")]
    [InlineData("")]
    public void It_is_recognised_by_name_or_content_and_read(string extension)
    {
        using var file = new TemporaryFile(Sample, extension);

        var options = Load.From("--config-file", file.Path);

        Assert.Equal(("n1", "/tmp/paxosstore-n1", 5000), (options.Node.Name, options.Node.DataDirectory, options.Node.SnapshotCount));
        Assert.Equal((TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(1)), (options.Node.HeartbeatInterval, options.Node.ElectionTimeout));
        Assert.Equal(TimeSpan.FromSeconds(5), options.Limits.WatchProgressInterval);
        Assert.Equal(("c.crt", "c.key", "ca.crt", true), (
            options.ClientTls.Settings.CertFile, options.ClientTls.Settings.KeyFile, options.ClientTls.Settings.TrustedCaFile, options.ClientTls.Settings.ClientCertAuth));
        Assert.Equal(("p.crt", "p.key", "peers.crt"), (options.Node.PeerTls.CertFile, options.Node.PeerTls.KeyFile, options.Node.PeerTls.TrustedCaFile));
        Assert.Equal(["peer"], options.Node.PeerTls.AllowedNames);
        Assert.EndsWith("line 14: enable-pprof has no effect: it is Go's; use dotnet-counters and dotnet-trace", options.Notices[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_else_counts_beside_it_and_that_is_told()
    {
        using var file = new TemporaryFile("name: file\n", ".yml");
        var environment = new Dictionary<string, string> { ["ETCD_CONFIG_FILE"] = file.Path, ["ETCD_SNAPSHOT_COUNT"] = "7" };

        var options = Load.With(environment, "--name", "flag", "--enable-v2");

        Assert.Equal("file", options.Node.Name);
        Assert.Equal(NodeDefaults.Reference.GetInt("paxosstore.snapshot-count"), options.Node.SnapshotCount);
        Assert.StartsWith("--enable-v2, --name, environment variable ETCD_SNAPSHOT_COUNT ignored: ", Assert.Single(options.Notices), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("name: x\nsnapshot-cuont: 7\n", ", line 2: unknown key snapshot-cuont; did you mean snapshot-count?")]
    [InlineData("name: x\nsnapshot-count: many\n", ", line 2: snapshot-count: 'many' is not usable; expected a whole number")]
    [InlineData("name: [x\n", ": not valid YAML: ")]
    [InlineData("- name\n", ", line 1: expected keys with values, as in 'name: n1'")]
    [InlineData("name: {a: b}\n", ", line 1: name must be one value or a list")]
    [InlineData("client-transport-security:\n  cert-fil: x\n", ", line 2: unknown key client-transport-security.cert-fil; did you mean cert-file?")]
    [InlineData("proxy: 'on'\n", ", line 1: proxy: the v2 proxy does not exist here")]
    public void A_mistake_in_it_names_the_file_and_the_line(string text, string message)
    {
        using var file = new TemporaryFile(text, ".yml");

        var error = Load.ErrorOf("--config-file", file.Path);

        Assert.StartsWith(file.Path, error, StringComparison.Ordinal);
        Assert.Contains(message, error, StringComparison.Ordinal);
    }
}

using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Etcdserverpb;
using Google.Protobuf;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>Nothing leaves or enters a node in the clear, and nobody is let in without a certificate of the right authority.</summary>
[Collection(ProcessCollection.Name)]
public class TlsTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly Dictionary<string, string> Etcdctl = new() { ["ETCDCTL_API"] = "3" };

    [SkippableFact]
    public async Task Three_nodes_with_certificates_serve_clients_with_certificates_and_nobody_else()
    {
        Programs.Require("etcdctl");
        Programs.Require("curl");
        using var certificates = new TestCertificates();
        await using var cluster = await TestCluster.StartAsync(Plan(certificates, "tls", 3, peers: true));
        await cluster.RunAsync(async () =>
        {
            foreach (var node in cluster.Nodes)
            {
                Assert.Equal("OK\n", (await EtcdctlAsync(node, certificates.ClientArguments, "put", "k", node.Name)).Output);
                Assert.Equal($"k\n{node.Name}\n", (await EtcdctlAsync(node, certificates.ClientArguments, "get", "k")).Output);
                await AssertCurlAsync(certificates, node, "--http1.1", "1.1");
                await AssertCurlAsync(certificates, node, "--http2", "2");
                await AssertPeersRefuseAsync(certificates, node, null);
                await AssertPeersRefuseAsync(certificates, node, certificates.At("stranger"));
            }

            await AssertClientsAreRefusedAsync(certificates, cluster.Nodes[0]);
            var status = await Programs.RunAsync("dotnet", [Target.ControlAssembly(), "status", "--endpoints", cluster.Nodes[0].ClientUrl, .. certificates.ClientArguments]);
            Assert.True(status.ExitCode == 0 && status.Output.Contains(new Uri(cluster.Nodes[0].ClientUrl).Authority, StringComparison.Ordinal), status.ToString());

            // The nodes of this test share their files, which etcd's read again while they run.
            if (!Target.UnderTest.IsEtcd)
                await AssertForeignPeerStaysOutAsync(certificates, cluster);
            await new Membership(cluster).AddAsync();
        });
    }

    [SkippableFact]
    public async Task A_new_certificate_is_shown_without_a_restart_and_a_broken_one_never()
    {
        Skip.If(Target.UnderTest.IsEtcd, "the words of the log are this server's");
        using var certificates = new TestCertificates();
        await using var cluster = await TestCluster.StartAsync(Plan(certificates, "rotation", 1, peers: false));
        await cluster.RunAsync(async () =>
        {
            var node = cluster.Nodes[0];
            var before = await ShownAsync(certificates, node);
            await WriteAsync(cluster.Clients[0]);

            var whole = await File.ReadAllTextAsync(certificates.At("server.crt"));
            await File.WriteAllTextAsync(certificates.At("server.crt"), whole[..(whole.Length / 2)]);
            await WaitAsync(() => ShownAsync(certificates, node), _ => node.LogSinceStart.Contains("last good ones stay in force: --cert-file", StringComparison.Ordinal));
            Assert.Equal(before, await ShownAsync(certificates, node));

            var renewed = certificates.Renew("server");
            await WaitAsync(() => ShownAsync(certificates, node), serial => serial == renewed);
            await WriteAsync(cluster.Clients[0]);
            Assert.Single(node.LogSinceStart.Split('\n'), line => line.Contains("last good ones stay in force", StringComparison.Ordinal));
        });
    }

    [SkippableFact]
    public async Task Nodes_that_make_their_certificates_themselves_speak_to_each_other()
    {
        Programs.Require("etcdctl");
        using var certificates = new TestCertificates();
        var trusting = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null };
        var plan = new ClusterPlan("auto-tls", 3, "--auto-tls", "--peer-auto-tls") { ClientScheme = "https", PeerScheme = "https", Tls = trusting };
        await using var cluster = await TestCluster.StartAsync(plan);
        await cluster.RunAsync(async () =>
        {
            var node = cluster.Nodes[1];
            Assert.Equal("OK\n", (await EtcdctlAsync(node, ["--insecure-skip-tls-verify", "--insecure-transport=false"], "put", "k", "v")).Output);
            if (!Target.UnderTest.IsEtcd)
            {
                var made = Path.Combine(node.DataDirectory, "fixtures", "client", "cert.pem");
                Assert.Equal("k\nv\n", (await EtcdctlAsync(node, ["--cacert", made], "get", "k")).Output);
            }
        });
    }

    private static ClusterPlan Plan(TestCertificates certificates, string purpose, int size, bool peers) =>
        new(purpose, size, peers ? [.. certificates.ClientFlags, .. certificates.PeerFlags] : certificates.ClientFlags)
        {
            ClientScheme = "https",
            PeerScheme = peers ? "https" : "http",
            Tls = certificates.Client,
        };

    private static Task<ProgramResult> EtcdctlAsync(NodeProcess node, string[] tls, params string[] arguments) =>
        Programs.RunAsync("etcdctl", ["--endpoints", node.ClientUrl, "--dial-timeout", "3s", "--command-timeout", "3s", .. tls, .. arguments], environment: Etcdctl);

    private static async Task AssertCurlAsync(TestCertificates certificates, NodeProcess node, string version, string shown)
    {
        var answer = await Programs.RunAsync("curl", ["-s", version, "-w", " %{http_version}", .. certificates.ClientArguments, node.ClientUrl + "/health"]);
        Assert.Contains("\"health\":\"true\"", answer.Output, StringComparison.Ordinal);
        Assert.EndsWith(" " + shown, answer.Output, StringComparison.Ordinal);
    }

    private static async Task AssertClientsAreRefusedAsync(TestCertificates certificates, NodeProcess node)
    {
        string[] trusting = ["--cacert", certificates.At("ca.crt")];
        Assert.NotEqual(0, (await EtcdctlAsync(node, trusting, "get", "k")).ExitCode);
        Assert.NotEqual(0, (await EtcdctlAsync(node, [.. trusting, "--cert", certificates.At("stranger.crt"), "--key", certificates.At("stranger.key")], "get", "k")).ExitCode);
        if (!Target.UnderTest.IsEtcd)
            Assert.Contains("client refused subject=CN=stranger: it does not come from an authority", node.LogSinceStart, StringComparison.Ordinal);
    }

    /// <summary>A connection that shows a wrong certificate, or none, is closed before anything is said on it.</summary>
    private static async Task AssertPeersRefuseAsync(TestCertificates certificates, NodeProcess node, string? identity)
    {
        using var tcp = new TcpClient("127.0.0.1", node.Ports.Peer);
        await using var tls = new SslStream(tcp.GetStream());
        using var limit = new CancellationTokenSource(Limit);
        using var certificate = identity is null ? null : X509Certificate2.CreateFromPemFile(identity + ".crt", identity + ".key");
        var options = certificates.Client;
        options.TargetHost = "127.0.0.1";
        options.ClientCertificates = certificate is null ? [] : [certificate];
        try
        {
            await tls.AuthenticateAsClientAsync(options, limit.Token);
            Assert.Equal(0, await tls.ReadAsync(new byte[1], limit.Token));
        }
        catch (Exception e) when (e is AuthenticationException or IOException)
        {
            // Refused while shaking hands.
        }
    }

    /// <summary>A member that comes back with a certificate of another authority does not take part, and does once it has the right one again.</summary>
    private static async Task AssertForeignPeerStaysOutAsync(TestCertificates certificates, TestCluster cluster)
    {
        var (node, others) = (cluster.Nodes[2], cluster.Nodes.Take(2).ToArray());
        await node.StopAsync(Limit);
        certificates.Spoil("peer");
        node.Start();
        await WaitAsync(
            () => Task.FromResult(others[0].LogSinceStart + others[1].LogSinceStart),
            log => log.Contains("certificate refused", StringComparison.Ordinal) && log.Contains("it does not come from an authority", StringComparison.Ordinal));
        await WriteAsync(cluster.Clients[0]);
        Assert.DoesNotContain("ready to serve client requests", node.LogSinceStart, StringComparison.Ordinal);
        node.Kill();
        certificates.Renew("peer");
        node.Start();
        await node.WaitReadyAsync(Limit);
        await cluster.WaitServingAsync(node, Limit);
    }

    private static async Task WriteAsync(NodeClient client)
    {
        var request = new PutRequest { Key = ByteString.CopyFromUtf8("alive"), Value = ByteString.CopyFromUtf8("yes") };
        await client.Kv.PutAsync(request, deadline: NodeClient.Within(Limit));
    }

    /// <summary>The serial number of the certificate that a new connection is shown.</summary>
    private static async Task<string> ShownAsync(TestCertificates certificates, NodeProcess node)
    {
        using var tcp = new TcpClient("127.0.0.1", node.Ports.Client);
        await using var tls = new SslStream(tcp.GetStream());
        var options = certificates.Client;
        options.TargetHost = "127.0.0.1";
        await tls.AuthenticateAsClientAsync(options);
        return ((X509Certificate2)tls.RemoteCertificate!).SerialNumber;
    }

    private static async Task WaitAsync(Func<Task<string>> read, Func<string, bool> enough)
    {
        var end = NodeClient.Within(Limit);
        while (!enough(await read()))
        {
            Assert.True(NodeClient.Within(TimeSpan.Zero) < end, "what was waited for did not come");
            await Task.Delay(100);
        }
    }
}

using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Clients.Tests;

/// <summary>Debian's python3-etcd3, driven by <c>python_etcd3.py</c>, on three nodes.</summary>
public class PythonEtcd3Tests
{
    private const string Python = "/usr/bin/python3";
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    [SkippableTheory]
    [InlineData("keys")]
    [InlineData("txn")]
    [InlineData("watch")]
    [InlineData("lease")]
    [InlineData("lock")]
    [InlineData("members")]
    [InlineData("auth")]
    [InlineData("snapshot")]
    public async Task Python_etcd3(string part)
    {
        await RequireAsync();
        using var certificates = new TestCertificates();
        var tls = new ClusterPlan("python-" + part, 3, "--cert-file", certificates.At("server.crt"), "--key-file", certificates.At("server.key"))
        {
            ClientScheme = "https", Tls = certificates.Client,
        };
        var authority = new Dictionary<string, string> { ["ETCD_TRUSTED_CA_FILE"] = certificates.At("ca.crt") };

        // It shows tokens over TLS only.
        var secure = part == "auth";
        await using var cluster = await TestCluster.StartAsync(secure ? tls : new ClusterPlan("python-" + part, 3));
        await cluster.RunAsync(async () =>
        {
            var ports = cluster.Nodes.Select(n => $"{n.Ports.Client}");
            string[] arguments = [Path.Combine(AppContext.BaseDirectory, "python_etcd3.py"), part, .. ports];
            var result = await Programs.RunAsync(Python, arguments, environment: secure ? authority : null, timeout: Limit);
            Assert.True(result.ExitCode == 0 && result.Output == $"{part}: ok\n", result.ToString());
        });
    }

    // The distribution's own Python: another one on the path does not see its packages.
    private static async Task RequireAsync()
    {
        var found = File.Exists(Python) && (await Programs.RunAsync(Python, ["-c", "import etcd3"])).ExitCode == 0;
        Skip.IfNot(Programs.Found(found, "python3-etcd3"), "python3-etcd3 is not installed (scripts/install-test-tools.sh)");
    }
}

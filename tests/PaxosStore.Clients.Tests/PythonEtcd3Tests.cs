using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Clients.Tests;

/// <summary>Debian's python3-etcd3, driven by <c>python_etcd3.py</c>, on three nodes.</summary>
public class PythonEtcd3Tests
{
    private const string Python = "/usr/bin/python3";
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    [SkippableFact]
    public async Task Everything_but_users()
    {
        await RequireAsync();
        await using var cluster = await TestCluster.StartAsync("python");
        await cluster.RunAsync(async () =>
        {
            foreach (var part in (string[])["keys", "txn", "watch", "lease", "lock", "members", "snapshot"])
                await DriveAsync(cluster, part, []);
        });
    }

    /// <summary>Over TLS, for it shows tokens nowhere else.</summary>
    [SkippableFact]
    public async Task Users_and_roles()
    {
        await RequireAsync();
        using var certificates = new TestCertificates();
        var plan = new ClusterPlan("python-auth", 3, "--cert-file", certificates.At("server.crt"), "--key-file", certificates.At("server.key"))
        {
            ClientScheme = "https", Tls = certificates.Client,
        };
        await using var cluster = await TestCluster.StartAsync(plan);
        await cluster.RunAsync(() => DriveAsync(cluster, "auth", new() { ["ETCD_TRUSTED_CA_FILE"] = certificates.At("ca.crt") }));
    }

    private static async Task DriveAsync(TestCluster cluster, string part, Dictionary<string, string> environment)
    {
        string[] arguments = [Path.Combine(AppContext.BaseDirectory, "python_etcd3.py"), part, .. cluster.Nodes.Select(n => $"{n.Ports.Client}")];
        var result = await Programs.RunAsync(Python, arguments, environment: environment, timeout: Limit);
        Assert.True(result.ExitCode == 0 && result.Output == $"{part}: ok\n", $"{part}: {result}");
    }

    // The distribution's own Python: another one on the path does not see its packages.
    private static async Task RequireAsync()
    {
        var found = File.Exists(Python) && (await Programs.RunAsync(Python, ["-c", "import etcd3"])).ExitCode == 0;
        Skip.IfNot(Programs.Found(found, "python3-etcd3"), "python3-etcd3 is not installed (scripts/install-test-tools.sh)");
    }
}

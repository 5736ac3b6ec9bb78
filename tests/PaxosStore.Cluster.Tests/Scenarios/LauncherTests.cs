using System.Diagnostics;
using PaxosStore.Cluster.Tests.Processes;
using PaxosStore.Testing;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>Programs that start an etcd of their own are served by the launcher of that name.</summary>
[Collection(ProcessCollection.Name)]
public sealed class LauncherTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly string Launcher = Path.Combine(Repository.Root, "scripts", "etcd");
    private readonly string _directory = Directory.CreateTempSubdirectory("paxosstore-launcher-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [SkippableFact]
    public async Task It_tells_the_version_as_etcd_does()
    {
        Target.PaxosStore.RequirePresent();

        var result = await Programs.RunAsync(Launcher, ["--version"], environment: Environment());

        Assert.Matches(@"^etcd Version: \d+\.\d+\.\d+\nPaxosStore Version: ", result.Output);
    }

    /// <summary>The flags are those with which Patroni's own tests start etcd.</summary>
    [SkippableFact]
    public async Task It_serves_whoever_spawns_etcd()
    {
        Target.PaxosStore.RequirePresent();
        Programs.Require("etcdctl");
        var (client, peer) = (FreePorts.One(), FreePorts.One());
        var start = new ProcessStartInfo(Launcher)
        {
            WorkingDirectory = _directory,
            RedirectStandardError = true,
            ArgumentList =
            {
                "--enable-v2=true", "--name", "n1", "-listen-client-urls", $"http://127.0.0.1:{client}", $"--advertise-client-urls=http://127.0.0.1:{client}",
                "--listen-peer-urls", $"http://127.0.0.1:{peer}", "--initial-advertise-peer-urls", $"http://127.0.0.1:{peer}",
                "--initial-cluster", $"n1=http://127.0.0.1:{peer}", "--logger", "zap", "--log-level=warn",
            },
        };
        foreach (var (name, value) in Environment())
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var log = process.StandardError.ReadToEndAsync();
        try
        {
            await WaitAsync(client);
            Assert.True(Directory.Exists(Path.Combine(_directory, "n1.etcd")), "the data is not where etcd's would be");
        }
        finally
        {
            Signals.Send(process.Id, Signals.Terminate);
            await process.WaitForExitAsync();
        }

        Assert.Equal(0, process.ExitCode);
        Assert.Contains("--enable-v2 has no effect: the v2 API is not served", await log, StringComparison.Ordinal);
    }

    private static Dictionary<string, string> Environment() => new() { ["PAXOSSTORE_SERVER_DLL"] = Target.PaxosStore.FirstArguments[0] };

    private static async Task WaitAsync(int port)
    {
        var etcdctl = new Dictionary<string, string> { ["ETCDCTL_API"] = "3" };
        for (var watch = Stopwatch.StartNew(); ;)
        {
            var result = await Programs.RunAsync("etcdctl", ["--endpoints", $"127.0.0.1:{port}", "--dial-timeout", "2s", "--command-timeout", "2s", "put", "k", "v"], environment: etcdctl);
            if (result.Output == "OK\n")
                return;
            Assert.True(watch.Elapsed < Limit, result.ToString());
        }
    }
}

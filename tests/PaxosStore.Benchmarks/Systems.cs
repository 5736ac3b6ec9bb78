using System.Diagnostics;
using System.Net.NetworkInformation;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace PaxosStore.Benchmarks;

/// <summary>A three-node cluster on the usual ports that can be started fresh and taken away.</summary>
internal abstract class ClusterSystem(string name)
{
    public static readonly IReadOnlyList<int> ClientPorts = [2379, 22379, 32379];

    public string Name => name;

    /// <summary>Throws if something else holds the ports.</summary>
    public static void RequirePorts()
    {
        var taken = ClientPorts.Where(IsTaken).ToArray();
        if (taken.Length > 0)
            throw new InvalidOperationException($"something listens on port {string.Join(", ", taken)} already; stop it first (scripts/cluster.sh down)");
    }

    /// <summary>Starts a fresh cluster.</summary>
    public async Task UpAsync()
    {
        await StartAsync();
        await WaitServingAsync();
    }

    /// <summary>Stops it and removes its data.</summary>
    public abstract Task DownAsync();

    protected abstract Task StartAsync();

    /// <summary>Resident memory of all nodes.</summary>
    public double ResidentMegabytes() => Pids().Sum(pid => Resident(pid));

    protected abstract IEnumerable<int> Pids();

    private static async Task WaitServingAsync()
    {
        var watch = Stopwatch.StartNew();
        foreach (var port in ClientPorts)
        {
            using var channel = GrpcChannel.ForAddress($"http://127.0.0.1:{port}");
            var kv = new KV.KVClient(channel);
            while (true)
            {
                try
                {
                    await kv.RangeAsync(new RangeRequest { Key = ByteString.CopyFromUtf8("ready?") }, deadline: Clock.In(TimeSpan.FromSeconds(2)));
                    break;
                }
                catch (RpcException) when (watch.Elapsed < TimeSpan.FromSeconds(60))
                {
                    await Task.Delay(100);
                }
            }
        }
    }

    private static bool IsTaken(int port) =>
        IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Any(l => l.Port == port);

    private static double Resident(int pid)
    {
        if (!Directory.Exists($"/proc/{pid}"))
            throw new InvalidOperationException($"the node with process id {pid} died under load");
        var line = File.ReadLines($"/proc/{pid}/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1]) / 1024.0;
    }
}

/// <summary>A real etcd.</summary>
internal sealed class EtcdSystem() : ClusterSystem("etcd")
{
    private readonly List<Process> _nodes = [];
    private string _directory = "";

    protected override Task StartAsync()
    {
        _directory = Directory.CreateTempSubdirectory("bench-etcd-").FullName;
        var members = string.Join(',', ClientPorts.Select((p, i) => $"e{i}=http://127.0.0.1:{p + 1}"));
        foreach (var (port, i) in ClientPorts.Select((p, i) => (p, i)))
        {
            string client = $"http://127.0.0.1:{port}", peer = $"http://127.0.0.1:{port + 1}";
            string[] flags =
            [
                "--name", $"e{i}", "--data-dir", Path.Combine(_directory, $"e{i}"), "--listen-client-urls", client, "--advertise-client-urls", client,
                "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", members, "--quota-backend-bytes", "8589934592",
            ];
            _nodes.Add(Process.Start("/bin/sh", ["-c", "exec etcd \"$@\" >/dev/null 2>&1", "etcd", .. flags]));
        }

        return Task.CompletedTask;
    }

    public override async Task DownAsync()
    {
        foreach (var node in _nodes)
        {
            node.Kill();
            await node.WaitForExitAsync();
            node.Dispose();
        }

        _nodes.Clear();
        Directory.Delete(_directory, recursive: true);
    }

    protected override IEnumerable<int> Pids() => _nodes.Select(n => n.Id);
}

/// <summary>Whatever the two commands start and stop.</summary>
internal sealed class CommandSystem(string up, string down) : ClusterSystem("paxosstore")
{
    protected override Task StartAsync() => RunAsync(up);

    public override Task DownAsync() => RunAsync(down);

    protected override IEnumerable<int> Pids()
    {
        var directory = Environment.GetEnvironmentVariable("PAXOSSTORE_DIR") ?? Path.Combine(".data", "cluster");
        return Directory.Exists(directory) ? Directory.GetFiles(directory, "n*.pid").Select(f => int.Parse(File.ReadAllText(f))) : [];
    }

    private static async Task RunAsync(string command)
    {
        using var process = Process.Start("/bin/sh", ["-c", command + " >&2"]);
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"\"{command}\" ended with {process.ExitCode}");
    }
}

/// <summary>Deadlines for calls.</summary>
internal static class Clock
{
    public static DateTime In(TimeSpan limit) => TimeProvider.System.GetUtcNow().UtcDateTime + limit;
}

using System.Diagnostics;
using Etcdserverpb;
using Grpc.Core;

namespace PaxosStore.Testing;

/// <summary>
/// A real etcd of one member, or another program that takes its flags, on free ports in a temporary folder; ended and removed with the object.
/// </summary>
public sealed class RealEtcd : IAsyncDisposable
{
    private readonly Process process;
    private readonly string folder;

    private RealEtcd(Process process, string folder, string endpoint)
    {
        this.process = process;
        this.folder = folder;
        Endpoint = endpoint;
    }

    /// <summary>Its client address.</summary>
    public string Endpoint { get; }

    /// <summary>
    /// Why tests that need a real etcd can't run here; null when they can. With <c>PAXOSSTORE_REQUIRE_ALL=1</c> a missing etcd is a failure instead.
    /// </summary>
    public static string? Missing()
    {
        if (Find("etcd") is not null) return null;
        const string reason = "No etcd found on the PATH (nor named by PAXOSSTORE_ETCD): nothing to compare with.";
        if (Environment.GetEnvironmentVariable("PAXOSSTORE_REQUIRE_ALL") == "1") throw new InvalidOperationException(reason);
        return reason;
    }

    /// <summary>Path of a program: named by <c>PAXOSSTORE_(NAME)</c>, or on the PATH; null when there is none.</summary>
    public static string? Find(string program)
    {
        var named = Environment.GetEnvironmentVariable("PAXOSSTORE_" + program.ToUpperInvariant());
        if (!string.IsNullOrEmpty(named) && File.Exists(named)) return named;
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        return folders.Select(f => Path.Combine(f, program)).FirstOrDefault(File.Exists);
    }

    /// <summary>Whether the process has ended by itself.</summary>
    public bool HasExited => process.HasExited;

    /// <summary>Starts one and waits until it answers.</summary>
    public static Task<RealEtcd> StartAsync(params string[] flags) =>
        StartAsync(Find("etcd") ?? throw new InvalidOperationException("No etcd found."), flags);

    /// <summary>Starts a program that takes etcd's flags and waits until it answers.</summary>
    public static async Task<RealEtcd> StartAsync(string program, string[] flags, CancellationToken cancellation = default)
    {
        var ports = FreePorts.Take(2);
        var folder = Directory.CreateTempSubdirectory("paxosstore-etcd-").FullName;
        var (client, peer) = ($"http://127.0.0.1:{ports[0]}", $"http://127.0.0.1:{ports[1]}");
        var start = new ProcessStartInfo(program) { RedirectStandardError = true, RedirectStandardOutput = true };
        string[] arguments =
        [
            "--name", "real", "--data-dir", Path.Combine(folder, "data"), "--listen-client-urls", client, "--advertise-client-urls", client,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "real=" + peer,
            "--logger", "zap", "--log-level", "error", .. flags,
        ];
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        foreach (var name in start.Environment.Keys.Where(k => k.StartsWith("ETCD", StringComparison.Ordinal)).ToArray())
        {
            start.Environment.Remove(name);
        }

        var process = Process.Start(start) ?? throw new InvalidOperationException("etcd did not start.");
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var etcd = new RealEtcd(process, folder, client);
        await etcd.WaitUntilReadyAsync(cancellation);
        return etcd;
    }

    private async Task WaitUntilReadyAsync(CancellationToken cancellation)
    {
        using var client = new EtcdClient(Endpoint);
        var since = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                var status = await client.Maintenance.StatusAsync(
                    new StatusRequest(), deadline: DateTime.UtcNow.AddSeconds(1), cancellationToken: cancellation);
                if (status.Leader != 0) return;
            }
            catch (RpcException) when (since.Elapsed < TimeSpan.FromSeconds(20) && !process.HasExited)
            {
                // Not up yet.
            }

            await Task.Delay(50, cancellation);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited) process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        Directory.Delete(folder, recursive: true);
    }
}

using System.Diagnostics;
using PaxosStore.Testing;
using PaxosStore.Testing.Differential;

namespace PaxosStore.Differential;

/// <summary>Seed after seed, kind after kind, until enough was asked.</summary>
internal sealed class Campaign(Options options)
{
    // What one seed asks: mostly keys and transactions, some of all else.
    private static readonly (string Kind, int Operations)[] Parts = [("grpc", 3000), ("json", 1000), ("auth", 600), ("json-auth", 300), ("spelling", 500)];

    private readonly Tally tally = new();

    /// <summary>Runs it; whether nothing differed.</summary>
    public async Task<bool> RunAsync()
    {
        var since = Stopwatch.StartNew();
        for (var seed = options.Seed; tally.Operations < options.Operations; seed++)
        {
            foreach (var (kind, usual) in Parts.Where(part => options.Kinds.Contains(part.Kind)))
            {
                foreach (var server in Targets())
                {
                    var operations = Math.Min(usual, options.Operations - tally.Operations);
                    if (operations > 0) await RunAsync(kind, seed, operations, server, since);
                }
            }
        }

        Console.Write(tally.ToString());
        Console.WriteLine($"took {since.Elapsed:h\\:mm\\:ss}");
        return tally.Differences == 0;
    }

    private IEnumerable<bool> Targets()
    {
        if (options.Door) yield return false;
        if (options.Server) yield return true;
    }

    private async Task RunAsync(string kind, int seed, int operations, bool server, Stopwatch since)
    {
        await using var etcd = await RealEtcd.StartAsync("--bcrypt-cost", "4");
        await using var target = server ? await Target.ServerAsync() : await Target.DoorAsync();
        var report = await (kind switch
        {
            "grpc" => new DifferentialRun(etcd.Endpoint, target.Endpoint, seed, operations).RunAsync(),
            "json" => new DifferentialRun(etcd.Endpoint, target.Endpoint, seed, operations, overJson: true).RunAsync(),
            "auth" => new AuthDifferentialRun(etcd.Endpoint, target.Endpoint, seed, operations).RunAsync(),
            "json-auth" => new AuthDifferentialRun(etcd.Endpoint, target.Endpoint, seed, operations, overJson: true).RunAsync(),
            _ => new JsonDifferentialRun(etcd.Endpoint, target.Endpoint, seed, operations).RunAsync(),
        });
        tally.Add(kind, report);
        var at = $"{since.Elapsed:h\\:mm\\:ss} {tally.Operations,7}/{options.Operations}";
        Console.WriteLine($"{at}  seed {seed} {kind,-9} {target.Name,-6} {report.Operations,5} operations, {report.Differences.Count} differences");
        if (report.ReferenceLost is { } lost) Console.WriteLine($"    etcd {(etcd.HasExited ? "itself died" : "did not answer")} at {lost}; going on with a fresh pair");
        foreach (var difference in report.Differences) Console.WriteLine($"  {kind}, {target.Name}: {difference}");
        if (options.Verbose) Console.Write(report.ToString());
    }
}

/// <summary>What is compared with etcd.</summary>
internal sealed record Target(string Name, string Endpoint, IAsyncDisposable Process) : IAsyncDisposable
{
    public static async Task<Target> DoorAsync()
    {
        var door = await DoorHost.StartAsync(o => o.BcryptCost = 4);
        return new Target("door", door.Endpoint, door);
    }

    /// <summary>The server under etcd's name, of this source tree unless PAXOSSTORE_SERVER_DLL names another.</summary>
    public static async Task<Target> ServerAsync()
    {
        var launcher = Environment.GetEnvironmentVariable("PAXOSSTORE_LAUNCHER") ?? Path.Combine("scripts", "etcd");
        var server = await RealEtcd.StartAsync(launcher, ["--bcrypt-cost", "4"]);
        return new Target("server", server.Endpoint, server);
    }

    public ValueTask DisposeAsync() => Process.DisposeAsync();
}

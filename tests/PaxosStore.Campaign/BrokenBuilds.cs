using System.Diagnostics;
using PaxosStore.Cluster.Tests.Blackbox;

namespace PaxosStore.Campaign;

/// <summary>
/// Shows that the runs see: a copy of the sources gets a mistake, is built, and runs until a judge catches it. The product itself has no switches for that. The first line
/// of a patch says what the mistake does, the second at which faults ("kind" or "kind target", or any) it can show: seeds without one of these are passed over.
/// </summary>
internal sealed class BrokenBuilds(Options options)
{
    private const int UsualRuns = 20;

    /// <summary>True when each mistake was caught.</summary>
    public async Task<bool> RunAsync()
    {
        var patches = Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Broken"), "*.patch").Order(StringComparer.Ordinal)
            .Where(p => options.Name is null || Path.GetFileNameWithoutExtension(p) == options.Name).ToArray();
        if (patches.Length == 0)
            throw new FormatException($"no mistake is called {options.Name}");
        var survivors = 0;
        foreach (var patch in patches)
        {
            var result = await CatchAsync(patch);
            Results.Add(result);
            Console.WriteLine(result.CaughtBy is null ? $"{result.Name}: SURVIVED {result.Runs} runs" : $"{result.Name}: caught by {result.CaughtBy} in run {result.Runs}");
            survivors += result.CaughtBy is null ? 1 : 0;
        }

        return survivors == 0;
    }

    private async Task<BrokenResult> CatchAsync(string patch)
    {
        var name = Path.GetFileNameWithoutExtension(patch);
        var what = File.ReadLines(patch).First();
        var folder = Directory.CreateTempSubdirectory($"broken-{name}-").FullName;
        try
        {
            await BuildAsync(patch, folder);
            Environment.SetEnvironmentVariable("PAXOSSTORE_SERVER_DLL", Path.Combine(folder, "out", "PaxosStore.Server.dll"));
            var runs = options.Runs > 0 ? options.Runs : UsualRuns;
            var plans = Enumerable.Range(Math.Max(1, options.Seed), 1_000_000).Select(BlackboxRun.PlanOf).Where(p => Fits(p, File.ReadLines(patch).ElementAt(1)));
            foreach (var (plan, run) in plans.Take(runs).Select((p, i) => (p, i + 1)))
            {
                var settings = BlackboxCampaign.Settings(options) with { Failures = Path.Combine(Results.Folder, "broken", name) };
                var outcome = await BlackboxRun.RunAsync(plan, settings);
                Console.WriteLine($"{name}, run {run}, seed {plan.Seed}: {outcome.Verdict} {(outcome.Findings.Count > 0 ? outcome.Findings[0] : "")}");
                if (outcome.Verdict == RunVerdict.Failed)
                    return new BrokenResult(Results.Stamp(), name, what, Judges(outcome), run);
            }

            return new BrokenResult(Results.Stamp(), name, what, null, runs);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static bool Fits(RunPlan plan, string wanted) => wanted == "any"
        || wanted.Split(", ").Any(w => plan.Faults.Any(f => f.Kind == w || $"{f.Kind} {f.Target}" == w));

    private static string Judges(RunOutcome outcome) => string.Join(", ", outcome.Findings.Select(f => f[..f.IndexOf(':', StringComparison.Ordinal)]).Distinct());

    /// <summary>A copy of what git knows, the mistake in it, and the server of that.</summary>
    private static async Task BuildAsync(string patch, string folder)
    {
        var source = Path.Combine(folder, "source");
        Directory.CreateDirectory(source);
        await RunAsync("sh", ["-c", $"git ls-files src '*.props' global.json LICENSE scripts/etcd nuget.config NuGet.config | tar cf - -T - | tar xf - -C '{source}'"], Results.Root());
        await RunAsync("patch", ["-p1", "--no-backup-if-mismatch", "-i", patch], source);
        await RunAsync("dotnet", ["publish", "-c", "Release", "src/PaxosStore.Server", "-o", Path.Combine(folder, "out"), "--nologo", "-v", "q", "-nodeReuse:false"], source);
    }

    private static async Task RunAsync(string program, string[] arguments, string directory)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = directory, RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} failed:\n{output}");
    }
}

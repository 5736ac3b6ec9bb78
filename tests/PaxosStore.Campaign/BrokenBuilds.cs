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
    private string _sound = "";

    /// <summary>True when each mistake was caught.</summary>
    public async Task<bool> RunAsync()
    {
        var patches = Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Broken"), "*.patch").Order(StringComparer.Ordinal)
            .Where(p => options.Name is null || Path.GetFileNameWithoutExtension(p) == options.Name).ToArray();
        if (patches.Length == 0)
            throw new FormatException($"no mistake is called {options.Name}");
        var survivors = 0;
        var folder = Directory.CreateTempSubdirectory("broken-").FullName;
        try
        {
            await CopySourcesAsync(folder);
            _sound = Path.GetDirectoryName(Environment.GetEnvironmentVariable("PAXOSSTORE_SERVER_DLL")) ?? throw new FormatException("PAXOSSTORE_SERVER_DLL names no published server");
            Environment.SetEnvironmentVariable("PAXOSSTORE_SERVER_DLL", Path.Combine(folder, "out", "PaxosStore.Server.dll"));
            foreach (var patch in patches)
            {
                var result = await CatchAsync(patch, folder);
                Results.Add(result);
                Console.WriteLine(result.CaughtBy is null ? $"{result.Name}: SURVIVED {result.Runs} runs" : $"{result.Name}: caught by {result.CaughtBy} in run {result.Runs}");
                survivors += result.CaughtBy is null ? 1 : 0;
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        return survivors == 0;
    }

    private async Task<BrokenResult> CatchAsync(string patch, string folder)
    {
        var name = Path.GetFileNameWithoutExtension(patch);
        var (what, wanted) = File.ReadLines(patch).Take(2).ToArray() is [var first, var second] ? (first, second) : throw new FormatException($"{patch} has no heading");
        await PatchAsync(patch, folder);
        await BuildAsync(patch, folder);
        var runs = options.Runs > 0 ? options.Runs : UsualRuns;
        var result = new BrokenResult(Results.Stamp(), name, what, null, runs);
        var plans = Enumerable.Range(Math.Max(1, options.Seed), 1_000_000).Select(BlackboxRun.PlanOf).Where(p => Fits(p, wanted));
        foreach (var (plan, run) in plans.Take(runs).Select((p, i) => (p, i + 1)))
        {
            var settings = BlackboxCampaign.Settings(options) with { Failures = Path.Combine(Results.Folder, "broken", name) };
            var outcome = await BlackboxRun.RunAsync(plan, settings);
            Console.WriteLine($"{name}, run {run}, seed {plan.Seed}: {outcome.Verdict} {(outcome.Findings.Count > 0 ? outcome.Findings[0].Split('\n')[0] : "")}");
            if (outcome.Verdict != RunVerdict.Failed)
                continue;
            result = result with { CaughtBy = Judges(outcome), Runs = run };
            break;
        }

        await PatchAsync(patch, folder, "-R");
        return result;
    }

    private static bool Fits(RunPlan plan, string wanted) => wanted == "any"
        || wanted.Split(", ").Any(w => plan.Faults.Any(f => f.Kind == w || $"{f.Kind} {f.Target}" == w));

    private static string Judges(RunOutcome outcome) => string.Join(", ", outcome.Findings.Select(f => f[..f.IndexOf(':', StringComparison.Ordinal)]).Distinct());

    /// <summary>A copy of what git knows.</summary>
    private static Task CopySourcesAsync(string folder) =>
        ExecuteAsync("sh", ["-c", $"git ls-files src '*.props' global.json LICENSE scripts/etcd | tar cf - -T - | tar xf - -C '{folder}'"], Results.Root());

    /// <summary>The published server with the assembly that the mistake is in replaced.</summary>
    private async Task BuildAsync(string patch, string folder)
    {
        await ExecuteAsync("sh", ["-c", $"rm -rf out && cp -r '{_sound}' out"], folder);
        foreach (var project in File.ReadLines(patch).Where(l => l.StartsWith("+++ b/src/", StringComparison.Ordinal)).Select(l => l.Split('/')[2]).Distinct())
        {
            await ExecuteAsync("dotnet", ["build", "-c", "Release", $"src/{project}", "-o", "built", "--nologo", "-v", "q", "-nodeReuse:false", "-p:RunAnalyzers=false"], folder);
            File.Copy(Path.Combine(folder, "built", project + ".dll"), Path.Combine(folder, "out", project + ".dll"), overwrite: true);
        }
    }

    private static Task PatchAsync(string patch, string folder, params string[] more) =>
        ExecuteAsync("patch", ["-p1", "--no-backup-if-mismatch", "-i", patch, .. more], folder);

    private static async Task ExecuteAsync(string program, string[] arguments, string directory)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = directory, RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} failed:\n{output}");
    }
}

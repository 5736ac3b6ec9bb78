using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace PaxosStore.Campaign;

/// <summary>When something was run and on what.</summary>
internal sealed record RunStamp(string Date, string Commit);

/// <summary>One line of the file of results.</summary>
[JsonDerivedType(typeof(BlackboxResult), "blackbox")]
[JsonDerivedType(typeof(SimulatorResult), "sim")]
[JsonDerivedType(typeof(BrokenResult), "broken")]
internal abstract record Result(RunStamp Stamp)
{
    /// <summary>This and what goes on where it stopped, on the same day and commit, as one line; null when they are two.</summary>
    public virtual Result? With(Result next) => null;
}

/// <summary>A campaign of black-box runs.</summary>
internal sealed record BlackboxResult(
    RunStamp Stamp,
    int Passed,
    int Failed,
    int Invalid,
    long Operations,
    long Acknowledged,
    long Unknown,
    long WatchEvents,
    long LeaderChanges,
    double Seconds,
    SortedDictionary<string, long> Faults,
    IReadOnlyList<int> FailedSeeds) : Result(Stamp)
{
    /// <inheritdoc/>
    public override Result? With(Result next) => next is not BlackboxResult more || more.Stamp != Stamp ? null : this with
    {
        Passed = Passed + more.Passed,
        Failed = Failed + more.Failed,
        Invalid = Invalid + more.Invalid,
        Operations = Operations + more.Operations,
        Acknowledged = Acknowledged + more.Acknowledged,
        Unknown = Unknown + more.Unknown,
        WatchEvents = WatchEvents + more.WatchEvents,
        LeaderChanges = LeaderChanges + more.LeaderChanges,
        Seconds = Seconds + more.Seconds,
        Faults = new(Faults.Concat(more.Faults).GroupBy(f => f.Key, f => f.Value).ToDictionary(g => g.Key, g => g.Sum()), StringComparer.Ordinal),
        FailedSeeds = [.. FailedSeeds, .. more.FailedSeeds],
    };
}

/// <summary>A campaign of the simulator.</summary>
internal sealed record SimulatorResult(RunStamp Stamp, string Name, long From, long Seeds, long Violations, double Seconds) : Result(Stamp)
{
    /// <inheritdoc/>
    public override Result? With(Result next) => next is not SimulatorResult more || (more.Stamp, more.Name, more.From) != (Stamp, Name, From + Seeds) ? null
        : this with { Seeds = Seeds + more.Seeds, Violations = Violations + more.Violations, Seconds = Seconds + more.Seconds };
}

/// <summary>A build with a mistake: who caught it, after how many runs; null: nobody did.</summary>
internal sealed record BrokenResult(RunStamp Stamp, string Name, string What, string? CaughtBy, int Runs) : Result(Stamp);

/// <summary>What campaigns came to, a line for each: docs/campaigns.jsonl, which is kept with the sources, since one machine does not run them all.</summary>
internal static class Results
{
    // Far from the seeds that tests and people use.
    private const long FirstSeed = 1_000_000_000;

    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    /// <summary>The folder of the working tree that campaigns write to.</summary>
    public static string Folder { get; } = Directory.CreateDirectory(Path.Combine(Root(), "artifacts", "campaign")).FullName;

    private static string FilePath => Path.Combine(Root(), "docs", "campaigns.jsonl");

    /// <summary>The working tree.</summary>
    public static string Root()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "global.json")))
                return directory.FullName;
        }

        throw new InvalidOperationException($"no global.json above {AppContext.BaseDirectory}");
    }

    /// <summary>Now, and the commit of the working tree; marked where the tree differs from it.</summary>
    public static RunStamp Stamp() => new(
        DateTimeOffset.UtcNow.ToString("yyyy-MM-dd"),
        Git("rev-parse --short HEAD") + (Git("status --porcelain --untracked-files=no -- src").Length > 0 ? "+" : ""));

    /// <summary>Adds what was done since the last call: an interrupted campaign has kept all but its last run. Campaigns may run side by side.</summary>
    public static void Add(Result result)
    {
        using var campaigns = new Mutex(false, "PaxosStore.Campaign.Results");
        campaigns.WaitOne();
        try
        {
            var all = All().ToList();
            var last = all.FindLastIndex(r => r.With(result) is not null);
            if (last < 0) all.Add(result);
            else all[last] = all[last].With(result)!;
            var next = FilePath + ".next";
            File.WriteAllLines(next, all.Select(r => JsonSerializer.Serialize(r, Json)));
            File.Move(next, FilePath, overwrite: true);
        }
        finally
        {
            campaigns.ReleaseMutex();
        }
    }

    public static IReadOnlyList<Result> All() =>
        File.Exists(FilePath) ? [.. File.ReadLines(FilePath).Select(l => JsonSerializer.Deserialize<Result>(l, Json)!)] : [];

    /// <summary>The first seed behind all that the simulator has run in campaigns.</summary>
    public static long NextSeed(string kind) => All().OfType<SimulatorResult>().Where(r => r.Name == kind).Select(r => r.From + r.Seeds).DefaultIfEmpty(FirstSeed).Max();

    private static string Git(string arguments)
    {
        var start = new ProcessStartInfo("git", arguments) { WorkingDirectory = Root(), RedirectStandardOutput = true };
        using var git = Process.Start(start)!;
        var output = git.StandardOutput.ReadToEnd().Trim();
        git.WaitForExit();
        return output;
    }
}

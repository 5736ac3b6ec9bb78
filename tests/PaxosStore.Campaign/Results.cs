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
internal abstract record Result(RunStamp Stamp);

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
    IReadOnlyList<int> FailedSeeds) : Result(Stamp);

/// <summary>A campaign of the simulator.</summary>
internal sealed record SimulatorResult(RunStamp Stamp, string Name, long Seeds, long Violations, double Seconds) : Result(Stamp);

/// <summary>A build with a mistake: who caught it, after how many runs; null: nobody did.</summary>
internal sealed record BrokenResult(RunStamp Stamp, string Name, string What, string? CaughtBy, int Runs) : Result(Stamp);

/// <summary>What campaigns came to, a line for each, below artifacts/.</summary>
internal static class Results
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    /// <summary>The folder of the working tree that campaigns write to.</summary>
    public static string Folder { get; } = Directory.CreateDirectory(Path.Combine(Root(), "artifacts", "campaign")).FullName;

    private static string FilePath => Path.Combine(Folder, "results.jsonl");

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

    public static void Add(Result result) => File.AppendAllLines(FilePath, [JsonSerializer.Serialize(result, Json)]);

    public static IReadOnlyList<Result> All() =>
        File.Exists(FilePath) ? [.. File.ReadLines(FilePath).Select(l => JsonSerializer.Deserialize<Result>(l, Json)!)] : [];

    private static string Git(string arguments)
    {
        var start = new ProcessStartInfo("git", arguments) { WorkingDirectory = Root(), RedirectStandardOutput = true };
        using var git = Process.Start(start)!;
        var output = git.StandardOutput.ReadToEnd().Trim();
        git.WaitForExit();
        return output;
    }
}

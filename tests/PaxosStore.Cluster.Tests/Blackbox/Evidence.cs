using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Judges;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Blackbox;

/// <summary>What a run left: the clients' history, what watchers were told, the log, and who led when.</summary>
internal sealed class Evidence(HistoryRecorder recorder, LogBook book, LeaderWatch leaders, World world)
{
    /// <summary>What watchers were told.</summary>
    public IReadOnlyList<Subscription> Subscriptions { get; set; } = [];

    /// <summary>The log by whom it was shown; empty where the run did not get so far.</summary>
    public IReadOnlyList<(string Node, LogDump Log)> Dumps { get; set; } = [];

    /// <summary>All judges over a directory that <see cref="SaveAsync"/> wrote.</summary>
    public static IEnumerable<string> Judge(string directory)
    {
        string At(string file) => Path.Combine(directory, file);
        var seen = File.ReadLines(At("seen.txt")).Select(l => l.Split(' ')).ToDictionary(p => long.Parse(p[0]), p => long.Parse(p[1]));
        return Judge(HistoryFile.Load(At("history.jsonl")), WatchFile.LoadLog(At("log.jsonl")), WatchFile.Load(At("watches.jsonl")), seen);
    }

    /// <summary>What the judges found. Without a log only the search can judge, which needs none.</summary>
    public IEnumerable<string> Judge()
    {
        var operations = recorder.Snapshot();
        if (Dumps.Count == 0)
            return Named("search", Linearizability.Check(operations));
        var log = Dumps[0].Log;
        return Dumps.Skip(1).Select(d => Difference(d.Node, d.Log, log)).OfType<string>().Concat(Judge(operations, log, Subscriptions, book.SeenAt()));
    }

    /// <summary>Writes everything into a directory of its own; its path.</summary>
    public async Task<string> SaveAsync(RunOutcome outcome, TestCluster cluster, string parent)
    {
        var directory = Directory.CreateDirectory(Path.Combine(parent, $"seed-{outcome.Plan.Seed}-{HistoryRecorder.Now / 1_000_000_000}")).FullName;
        string At(string file) => Path.Combine(directory, file);
        await File.WriteAllTextAsync(At("plan.json"), outcome.Plan.ToJson());
        await File.WriteAllLinesAsync(At("findings.txt"), outcome.Findings);
        recorder.Save(At("history.jsonl"));
        WatchFile.Save(At("watches.jsonl"), Subscriptions);
        WatchFile.SaveLog(At("log.jsonl"), Dumps.Count > 0 ? Dumps[0].Log : book.Dump());
        await File.WriteAllLinesAsync(At("seen.txt"), book.SeenAt().OrderBy(p => p.Key).Select(p => $"{p.Key} {p.Value}"));
        await File.WriteAllTextAsync(At("timeline.html"), Timeline.Draw(outcome, recorder.Snapshot(), world.Marks, leaders.Changes));
        foreach (var file in Directory.GetFiles(cluster.Directory))
            File.Copy(file, At(Path.GetFileName(file)));
        foreach (var node in cluster.Created.Where(n => Directory.Exists(n.DataDirectory)))
            Copy(node.DataDirectory, At(Path.GetFileName(node.DataDirectory)));
        return directory;
    }

    private static IEnumerable<string> Judge(
        IReadOnlyList<Operation> operations, LogDump log, IReadOnlyList<Subscription> subscriptions, IReadOnlyDictionary<long, long> seenAt) =>
        Named("witness", RevisionWitness.Check(operations, log))
            .Concat(Named("search", Linearizability.Check(operations)))
            .Concat(Named("watch", WatchWitness.Check(subscriptions, log)))
            .Concat(Named("lease", LeaseWitness.Check(operations, log, seenAt, allEnded: true)));

    private static IEnumerable<string> Named(string judge, Verdict verdict) => verdict.Violations.Select(v => $"{judge}: {v}");

    private static string? Difference(string node, LogDump log, LogDump other)
    {
        var difference = log.Changes.Zip(other.Changes).FirstOrDefault(p => p.First != p.Second);
        return difference == default && log.Changes.Count == other.Changes.Count && log.LastRevision == other.LastRevision ? null
            : $"state: {node} shows another log than the watchers saw: {log.Changes.Count} changes and {other.Changes.Count}, the first that differs: {difference}";
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }
}

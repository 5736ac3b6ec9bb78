using PaxosStore.Cluster.Tests.History;

namespace PaxosStore.Cluster.Tests.Judges;

/// <summary>Checks that a watcher of everything saw every change of the log once, in order, and nothing else.</summary>
public static class WatchWitness
{
    /// <summary>Judges what a watcher saw.</summary>
    public static Verdict Check(IReadOnlyList<KeyChange> seen, LogDump log)
    {
        for (var i = 0; i < Math.Max(seen.Count, log.Changes.Count); i++)
        {
            if (i == seen.Count)
                return new Verdict([$"lost: {seen.Count} changes seen, the log has {log.Changes.Count}; the next is {log.Changes[i]}"]);
            if (i == log.Changes.Count)
                return new Verdict([$"event {i} {seen[i]} is not in the log"]);
            if (seen[i] != log.Changes[i])
                return new Verdict([$"event {i} is {seen[i]}, the log has {log.Changes[i]}: {Kind(seen, i, log)}"]);
        }

        return Verdict.Clean;
    }

    private static string Kind(IReadOnlyList<KeyChange> seen, int i, LogDump log) =>
        i > 0 && seen[i].Revision <= seen[i - 1].Revision && seen.Take(i).Contains(seen[i]) ? "seen twice"
        : seen.Skip(i).Contains(log.Changes[i]) ? "out of order"
        : log.Changes.Contains(seen[i]) ? "lost"
        : "false";
}

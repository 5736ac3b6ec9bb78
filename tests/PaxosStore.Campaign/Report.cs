using System.Text;

namespace PaxosStore.Campaign;

/// <summary>Writes the figures of docs/correctness.md from the results of campaigns.</summary>
internal static class Report
{
    private static string Document => Path.Combine(Results.Root(), "docs", "correctness.md");

    /// <summary>Replaces what stands between the marks of each generated part.</summary>
    public static void Write()
    {
        var results = Results.All();
        Replace("figures", Figures(results));
        Replace("broken builds", Broken([.. results.OfType<BrokenResult>()]));
        Console.WriteLine($"wrote {Document}");
    }

    private static void Replace(string part, string with)
    {
        var text = File.ReadAllText(Document);
        var (begin, end) = ($"<!-- {part}: start -->", $"<!-- {part}: end -->");
        var (from, to) = (text.IndexOf(begin, StringComparison.Ordinal), text.IndexOf(end, StringComparison.Ordinal));
        if (from < 0 || to < from)
            throw new FormatException($"{Document} has no part between {begin} and {end}");
        File.WriteAllText(Document, text[..(from + begin.Length)] + "\n" + with + text[to..]);
    }

    private static string Figures(IReadOnlyList<Result> results)
    {
        var text = new StringBuilder();
        text.AppendLine("| Campaign | Commits | Dates | Runs | Failed | Invalid | Operations | Acknowledged | Unknown fate | Watch events | Leader changes | Hours |");
        text.AppendLine("|---|---|---|---|---|---|---|---|---|---|---|---|");
        if (results.OfType<BlackboxResult>().ToArray() is { Length: > 0 } box)
        {
            text.AppendLine(
                $"| black box | {Span(box, s => s.Commit)} | {Span(box, s => s.Date)} | {box.Sum(r => r.Passed + r.Failed):N0} | {box.Sum(r => r.Failed):N0} | {box.Sum(r => r.Invalid):N0} "
                + $"| {box.Sum(r => r.Operations):N0} | {box.Sum(r => r.Acknowledged):N0} | {box.Sum(r => r.Unknown):N0} | {box.Sum(r => r.WatchEvents):N0} | {box.Sum(r => r.LeaderChanges):N0} | {box.Sum(r => r.Seconds) / 3600:F1} |");
        }

        foreach (var kind in results.OfType<SimulatorResult>().GroupBy(r => r.Name))
        {
            text.AppendLine(
                $"| simulator: {kind.Key} | {Span([.. kind], s => s.Commit)} | {Span([.. kind], s => s.Date)} | {kind.Sum(r => r.Seeds):N0} seeds | {kind.Sum(r => r.Violations):N0} | | | | | | | {kind.Sum(r => r.Seconds) / 3600:F1} |");
        }

        var faults = results.OfType<BlackboxResult>().SelectMany(r => r.Faults).GroupBy(f => f.Key, f => f.Value).OrderBy(g => g.Key, StringComparer.Ordinal).ToArray();
        if (faults.Length > 0)
        {
            text.AppendLine().AppendLine("Faults of the black-box runs, each counted where it happened:").AppendLine();
            text.AppendLine("| Fault | Times |").AppendLine("|---|---|");
            foreach (var fault in faults)
                text.AppendLine($"| {fault.Key} | {fault.Sum():N0} |");
        }

        return text.ToString();
    }

    private static string Broken(BrokenResult[] results)
    {
        var text = new StringBuilder();
        text.AppendLine("| Mistake | What it does | Caught by | Runs needed |").AppendLine("|---|---|---|---|");
        foreach (var last in results.GroupBy(r => r.Name).Select(g => g.Last()))
            text.AppendLine($"| {last.Name} | {last.What} | {last.CaughtBy ?? "**nobody**"} | {last.Runs} |");
        return text.ToString();
    }

    private static string Span(IReadOnlyList<Result> results, Func<RunStamp, string> part)
    {
        var parts = results.Select(r => part(r.Stamp)).Distinct().ToArray();
        return parts.Length < 3 ? string.Join(", ", parts) : $"{parts[0]} … {parts[^1]}";
    }
}

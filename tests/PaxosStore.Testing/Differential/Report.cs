using System.Text;
using Google.Protobuf;

namespace PaxosStore.Testing.Differential;

/// <summary>What a comparison found.</summary>
public sealed class Report
{
    private readonly List<string> differences = [];
    private readonly SortedDictionary<string, int> counts = [];

    internal Report(int seed) => Seed = seed;

    /// <summary>Replays the same requests.</summary>
    public int Seed { get; }

    /// <summary>Requests sent to both.</summary>
    public int Operations { get; internal set; }

    /// <summary>Watch events compared.</summary>
    public long Events { get; internal set; }

    /// <summary>Unexplained differences; empty when the two are alike.</summary>
    public IReadOnlyList<string> Differences => differences;

    internal int Step { get; set; }

    internal void Count(string what) => counts[what] = counts.GetValueOrDefault(what) + 1;

    internal void Compare(string name, IMessage? request, IMessage reference, IMessage tested)
    {
        if (!reference.Equals(tested)) Differ(name, request, reference.ToString()!, tested.ToString()!);
    }

    internal void Differ(string name, IMessage? request, string reference, string tested) => differences.Add(
        $"seed {Seed}, step {Step}, {name} {Short(request?.ToString() ?? "")}\n    reference: {Short(reference)}\n    tested:    {Short(tested)}");

    /// <summary>Counts per kind and outcome, and differences, for people.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.AppendLine($"seed {Seed}: {Operations} operations, {Events} event comparisons, {differences.Count} differences");
        foreach (var (name, count) in counts) text.AppendLine($"  {count,6} {name}");
        foreach (var difference in differences) text.AppendLine(difference);
        return text.ToString();
    }

    private static string Short(string text) => text.Length <= 1500 ? text : text[..1500] + "…";
}

using System.Text;
using Google.Protobuf;

namespace PaxosStore.Testing.Differential;

/// <summary>What a comparison found.</summary>
public sealed class Report
{
    private readonly List<string> differences = [];
    private readonly SortedDictionary<string, int> services = [];
    private readonly SortedDictionary<string, int> exceptions = [];
    private readonly SortedDictionary<string, int> counts = [];

    internal Report(int seed) => Seed = seed;

    /// <summary>Replays the same requests.</summary>
    public int Seed { get; }

    /// <summary>Requests sent to both.</summary>
    public int Operations { get; private set; }

    /// <summary>Watch events compared.</summary>
    public long Events { get; internal set; }

    /// <summary>Unexplained differences; empty when the two are alike.</summary>
    public IReadOnlyList<string> Differences => differences;

    /// <summary>Requests by what they were about.</summary>
    public IReadOnlyDictionary<string, int> Services => services;

    /// <summary>How often a meant difference was let pass or a request was changed so as not to meet it, by its name.</summary>
    public IReadOnlyDictionary<string, int> Exceptions => exceptions;

    /// <summary>The request at which the reference itself was gone; the comparison ended there.</summary>
    public string? ReferenceLost { get; private set; }

    private int Step { get; set; }

    internal void Begin(string service, string? what = null)
    {
        Step++;
        Operations++;
        services[service] = services.GetValueOrDefault(service) + 1;
        if (what is not null) Count(what);
    }

    internal void Count(string what) => counts[what] = counts.GetValueOrDefault(what) + 1;

    internal void Exempt(string exception) => exceptions[exception] = exceptions.GetValueOrDefault(exception) + 1;

    internal void Lose(string name, object? request, string why) => ReferenceLost = $"seed {Seed}, step {Step}, {name} {Short(request?.ToString() ?? "")}: {why}";

    internal void Compare(string name, IMessage? request, IMessage reference, IMessage tested)
    {
        if (!reference.Equals(tested)) Differ(name, request, reference.ToString()!, tested.ToString()!);
    }

    internal void Differ(string name, object? request, string reference, string tested) => differences.Add(
        $"seed {Seed}, step {Step}, {name} {Short(request?.ToString() ?? "")}\n    reference: {Short(reference)}\n    tested:    {Short(tested)}");

    /// <summary>Counts per kind and outcome, and differences, for people.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.AppendLine($"seed {Seed}: {Operations} operations, {Events} event comparisons, {differences.Count} differences");
        foreach (var (name, count) in counts) text.AppendLine($"  {count,6} {name}");
        foreach (var (name, count) in exceptions) text.AppendLine($"  {count,6} named exception: {name}");
        if (ReferenceLost is { } lost) text.AppendLine($"the reference itself was gone at {lost}");
        foreach (var difference in differences) text.AppendLine(difference);
        return text.ToString();
    }

    private static string Short(string text) => text.Length <= 1500 ? text : text[..1500] + "…";
}

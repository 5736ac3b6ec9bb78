using System.Text;
using PaxosStore.Testing.Differential;

namespace PaxosStore.Differential;

/// <summary>All reports together.</summary>
internal sealed class Tally
{
    private readonly SortedDictionary<(string Service, string Way), int> services = [];
    private readonly SortedDictionary<string, int> exceptions = [];
    private readonly List<string> deaths = [];
    private long events;

    public int Operations { get; private set; }

    public int Differences { get; private set; }

    public void Add(string kind, Report report)
    {
        Operations += report.Operations;
        Differences += report.Differences.Count;
        events += report.Events;
        var way = kind is "grpc" or "auth" ? "gRPC" : "JSON";
        foreach (var (service, count) in report.Services) services[(service, way)] = services.GetValueOrDefault((service, way)) + count;
        foreach (var (exception, count) in report.Exceptions) exceptions[exception] = exceptions.GetValueOrDefault(exception) + count;
        if (report.ReferenceLost is { } lost) deaths.Add(lost);
    }

    public override string ToString()
    {
        var text = new StringBuilder();
        text.AppendLine($"{Operations} operations, {events} event comparisons, {Differences} differences, etcd lost {deaths.Count} times");
        text.AppendLine($"  {"operations",-14}{"gRPC",8}{"JSON",8}");
        foreach (var service in services.Keys.Select(k => k.Service).Distinct())
            text.AppendLine($"  {service,-14}{services.GetValueOrDefault((service, "gRPC")),8}{services.GetValueOrDefault((service, "JSON")),8}");
        text.AppendLine("  named exceptions, and how often each was applied");
        foreach (var (name, count) in exceptions) text.AppendLine($"  {count,8}  {name}");
        foreach (var death in deaths) text.AppendLine($"  etcd was lost at {death}");
        return text.ToString();
    }
}

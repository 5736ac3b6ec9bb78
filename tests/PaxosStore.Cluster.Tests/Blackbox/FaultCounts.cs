using System.Collections.Concurrent;

namespace PaxosStore.Cluster.Tests.Blackbox;

/// <summary>How often each kind of fault happened, counted where it did.</summary>
internal sealed class FaultCounts
{
    private readonly ConcurrentDictionary<string, long> _counts = [];

    /// <summary>Counts.</summary>
    public void Add(string kind, long times)
    {
        if (times > 0)
            _counts.AddOrUpdate(kind, times, (_, before) => before + times);
    }

    /// <summary>All kinds, in order of their names.</summary>
    public SortedDictionary<string, long> Snapshot() => new(_counts.ToDictionary(), StringComparer.Ordinal);
}

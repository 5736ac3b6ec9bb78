using System.Diagnostics;

namespace PaxosStore.Cluster.Tests.History;

/// <summary>Collects operations from all clients under one monotonic clock.</summary>
public sealed class HistoryRecorder
{
    private readonly Lock _gate = new();
    private readonly List<Operation> _operations = [];
    private int _acknowledged;

    /// <summary>Nanoseconds of the clock that all operations of a run share.</summary>
    public static long Now => (long)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency));

    /// <summary>How many operations were answered so far.</summary>
    public int Acknowledged => Volatile.Read(ref _acknowledged);

    /// <summary>Adds a finished operation. Reads that were not answered say nothing and are dropped.</summary>
    public void Add(Operation operation)
    {
        if (operation.Reads && operation.Outcome != Outcome.Ok)
            return;
        lock (_gate)
            _operations.Add(operation with { Id = _operations.Count });
        if (operation.Outcome == Outcome.Ok)
            Interlocked.Increment(ref _acknowledged);
    }

    /// <summary>Everything recorded so far.</summary>
    public IReadOnlyList<Operation> Snapshot()
    {
        lock (_gate)
            return [.. _operations];
    }

    /// <summary>Writes one JSON object per line.</summary>
    public void Save(string path) => HistoryFile.Save(path, Snapshot());
}

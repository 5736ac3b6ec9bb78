using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace PaxosStore.Cluster.Tests.History;

/// <summary>Collects operations from all clients under one monotonic clock and keeps them as JSON lines.</summary>
public sealed class HistoryRecorder
{
    private static readonly JsonSerializerOptions Json = new()
    {
        Converters = { new JsonStringEnumConverter() },
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault,
    };

    private readonly Lock _gate = new();
    private readonly List<Operation> _operations = [];

    /// <summary>Nanoseconds of the clock that all operations of a run share.</summary>
    public static long Now => (long)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency));

    /// <summary>Adds a finished operation. Reads that were not answered say nothing and are dropped.</summary>
    public void Add(Operation operation)
    {
        if (operation.Kind == OperationKind.Get && operation.Outcome != Outcome.Ok)
            return;
        lock (_gate)
            _operations.Add(operation with { Id = _operations.Count });
    }

    /// <summary>Everything recorded so far.</summary>
    public IReadOnlyList<Operation> Snapshot()
    {
        lock (_gate)
            return [.. _operations];
    }

    /// <summary>How many operations were answered so far.</summary>
    public int Acknowledged
    {
        get
        {
            lock (_gate)
                return _operations.Count(o => o.Outcome == Outcome.Ok);
        }
    }

    /// <summary>Writes one JSON object per line.</summary>
    public void Save(string path) =>
        File.WriteAllLines(path, Snapshot().Select(o => JsonSerializer.Serialize(o, Json)));
}

using System.Text.Json;

namespace PaxosStore.Cluster.Tests.History;

/// <summary>Watches and the log as JSON lines, so that a run can be judged again.</summary>
public static class WatchFile
{
    private static readonly JsonSerializerOptions Json = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes one subscription per line.</summary>
    public static void Save(string path, IEnumerable<Subscription> subscriptions) => File.WriteAllLines(path, subscriptions.Select(s => JsonSerializer.Serialize(
        new Line(s.Watcher, s.Prefix, s.WantsPrevious, s.NoPut, s.NoDelete, s.Fragment, s.ToTheEnd,
            [.. s.Streams.Select(t => new StreamLine(t.Node, t.Start, t.Call, [.. t.Replies]))]),
        Json)));

    /// <summary>Reads what <see cref="Save(string, IEnumerable{Subscription})"/> wrote.</summary>
    public static IReadOnlyList<Subscription> Load(string path) => [.. File.ReadLines(path).Select(l => JsonSerializer.Deserialize<Line>(l)!).Select(l =>
        new Subscription(l.Watcher, l.Prefix, l.Previous, l.NoPut, l.NoDelete, l.Fragment)
        {
            ToTheEnd = l.ToTheEnd,
            Streams = [.. l.Streams.Select(t => new WatchStream(t.Node, t.Start, t.Call) { Replies = [.. t.Replies] })],
        })];

    /// <summary>Writes one change per line; the first line says where the log begins and ends, and what was compacted.</summary>
    public static void SaveLog(string path, LogDump log) =>
        File.WriteAllLines(path, [JsonSerializer.Serialize(new Bounds(log.FirstRevision, log.LastRevision, [.. log.Compactions])), .. log.Changes.Select(c => JsonSerializer.Serialize(c, Json))]);

    /// <summary>Reads what <see cref="SaveLog"/> wrote.</summary>
    public static LogDump LoadLog(string path)
    {
        var lines = File.ReadAllLines(path);
        var bounds = JsonSerializer.Deserialize<Bounds>(lines[0])!;
        return new LogDump([.. lines.Skip(1).Select(l => JsonSerializer.Deserialize<KeyChange>(l))], bounds.First, bounds.Last) { Compactions = bounds.Compactions };
    }

    private sealed record Bounds(long First, long Last, Compaction[] Compactions);

    private sealed record Line(int Watcher, string Prefix, bool Previous, bool NoPut, bool NoDelete, bool Fragment, bool ToTheEnd, StreamLine[] Streams);

    private sealed record StreamLine(string Node, long Start, long Call, WatchReply[] Replies);
}

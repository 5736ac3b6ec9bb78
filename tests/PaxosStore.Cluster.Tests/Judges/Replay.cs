using PaxosStore.Cluster.Tests.History;

namespace PaxosStore.Cluster.Tests.Judges;

/// <summary>The log as events, with what a watcher may be told about each: the value before, the revision of creation, the version.</summary>
public sealed class Replay
{
    private readonly SeenEvent[] _events;

    /// <summary>Replays a log that begins with the first revision there is.</summary>
    public Replay(LogDump log)
    {
        LastRevision = log.LastRevision;
        var live = new Dictionary<string, SeenEvent>();
        _events = new SeenEvent[log.Changes.Count];
        for (var i = 0; i < _events.Length; i++)
            _events[i] = Next(live, log.Changes[i]);
        State = live;
    }

    /// <summary>The last revision of the log.</summary>
    public long LastRevision { get; }

    /// <summary>All events in order.</summary>
    public IReadOnlyList<SeenEvent> Events => _events;

    /// <summary>What each live key holds at the end.</summary>
    public IReadOnlyDictionary<string, SeenEvent> State { get; }

    private static SeenEvent Next(Dictionary<string, SeenEvent> live, KeyChange change)
    {
        var exists = live.TryGetValue(change.Key, out var before);
        var now = change.IsDelete
            ? new SeenEvent(change.Revision, change.Key, null, before.Value, 0, 0)
            : new SeenEvent(change.Revision, change.Key, change.Value, before.Value, exists ? before.CreateRevision : change.Revision, before.Version + 1);
        if (change.IsDelete)
            live.Remove(change.Key);
        else
            live[change.Key] = now;
        return now;
    }
}

using Akka.Configuration;
using Akka.Persistence;
using Akka.Persistence.Snapshot;

namespace PaxosStore.Node.Tests.Storage;

/// <summary>A snapshot store whose process dies before a chosen write: that one and all later ones do not happen.</summary>
public sealed class CrashingSnapshotStore : SnapshotStore
{
    private static readonly Lock Gate = new();
    private static readonly SortedDictionary<(string Id, long Number), object> Stored = [];

    /// <summary>Writes and deletions that still happen.</summary>
    public static int WritesLeft { get; set; }

    /// <summary>Ids and numbers of what is stored.</summary>
    public static IReadOnlyList<(string Id, long Number)> Rows
    {
        get
        {
            lock (Gate) return [.. Stored.Keys];
        }
    }

    public static Config Config { get; } = ConfigurationFactory.ParseString("""
        akka.loglevel = OFF
        akka.persistence.snapshot-store.plugin = "akka.persistence.snapshot-store.crashing"
        akka.persistence.snapshot-store.crashing {
          class = "PaxosStore.Node.Tests.Storage.CrashingSnapshotStore, PaxosStore.Node.Tests"
          plugin-dispatcher = "akka.actor.default-dispatcher"
          circuit-breaker {
            max-failures = 1000
            call-timeout = 10s
            reset-timeout = 10s
          }
        }
        """);

    public static void Clear()
    {
        lock (Gate) Stored.Clear();
    }

    protected override Task<SelectedSnapshot> LoadAsync(string persistenceId, SnapshotSelectionCriteria criteria, CancellationToken cancellationToken)
    {
        lock (Gate)
        {
            var found = Stored.LastOrDefault(r => r.Key.Id == persistenceId && r.Key.Number <= criteria.MaxSequenceNr);
            return Task.FromResult(found.Value is null ? null! : new SelectedSnapshot(new SnapshotMetadata(found.Key.Id, found.Key.Number, DateTime.MinValue), found.Value));
        }
    }

    protected override Task SaveAsync(SnapshotMetadata metadata, object snapshot, CancellationToken cancellationToken) =>
        Write(() => Stored[(metadata.PersistenceId, metadata.SequenceNr)] = snapshot);

    protected override Task DeleteAsync(SnapshotMetadata metadata, CancellationToken cancellationToken) =>
        Write(() => Stored.Remove((metadata.PersistenceId, metadata.SequenceNr)));

    protected override Task DeleteAsync(string persistenceId, SnapshotSelectionCriteria criteria, CancellationToken cancellationToken) => Write(() =>
    {
        foreach (var key in Stored.Keys.Where(k => k.Id == persistenceId && k.Number <= criteria.MaxSequenceNr).ToArray()) Stored.Remove(key);
    });

    private static Task Write(Action change)
    {
        lock (Gate)
        {
            if (WritesLeft == 0) return Task.FromException(new IOException("the process is dead"));
            WritesLeft--;
            change();
            return Task.CompletedTask;
        }
    }
}

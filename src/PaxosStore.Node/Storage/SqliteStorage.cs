using LinqToDB;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using PaxosStore.Node.Startup;

namespace PaxosStore.Node.Storage;

/// <summary>Journal and snapshots in two SQLite files of the data directory: writing a snapshot does not take the journal's lock.</summary>
internal sealed class SqliteStorage : INodeStorage
{
    private readonly SqliteFile _journal;
    private readonly SqliteFile _snapshots;
    private readonly DiskSpace _space;

    private SqliteStorage(string directory, SqliteFile journal, SqliteFile snapshots, JournalHealth health, FoundJournal? found)
    {
        (Place, _journal, _snapshots, Health, Found) = (directory, journal, snapshots, health, found);
        _space = new DiskSpace(directory, TimeProvider.System);
    }

    public string Place { get; }

    public string ProviderName => LinqToDB.ProviderName.SQLiteMS;

    public DataOptions Journal => _journal.Options;

    public DataOptions Snapshots => _snapshots.Options;

    public JournalHealth Health { get; }

    public FoundJournal? Found { get; }

    public long Bytes => _journal.Bytes + _snapshots.Bytes;

    public Task<string> Lost { get; } = new TaskCompletionSource<string>().Task;

    /// <exception cref="NodeStartupException">The files can't be opened, or would not be durable.</exception>
    public static SqliteStorage Open(string directory, ILogger log)
    {
        var journal = new SqliteFile(Path.Combine(directory, "journal.db"));
        var snapshots = new SqliteFile(Path.Combine(directory, "snapshots.db"));
        try
        {
            var health = journal.Inspect();

            // A damaged journal stays as it was found, for whoever repairs it.
            if (health.State != JournalState.Damaged && journal.Prepare(log) is { Length: > 0 } damage) health = JournalHealth.Damaged(damage);
            if (health.State == JournalState.Damaged) return new SqliteStorage(directory, journal, snapshots, health, null);
            PrepareSnapshots(snapshots, log);
            return new SqliteStorage(directory, journal, snapshots, health, JournalRescue.Find(journal.ConnectionString));
        }
        catch (SqliteException e) when (StorageFailure.IsDamage(e))
        {
            // The check had no time to come to it: it shows in reading.
            return new SqliteStorage(directory, journal, snapshots, JournalHealth.Damaged($"{journal.Path}: {e.Message}"), null);
        }
        catch (Exception e) when (e is SqliteException or IOException or UnauthorizedAccessException)
        {
            throw new NodeStartupException($"the storage in {directory} can't be opened: {StorageFailure.Describe(e)}");
        }
    }

    public bool HasRoom(long bytes) => _space.HasRoom(bytes);

    public int Vacuum(int pages) => Math.Max(_journal.Vacuum(pages), _snapshots.Vacuum(pages));

    public RescuedJournal? Rescue()
    {
        using var connection = new SqliteConnection(_journal.ConnectionString + ";Mode=ReadOnly;Pooling=False");
        return JournalRescue.Read(connection);
    }

    public (string Aside, INodeStorage Reopened) SetJournalAside(ILogger log)
    {
        try
        {
            _journal.Close();
            _snapshots.Close();
            return (_journal.SetAside(), Open(Place, log));
        }
        catch (IOException e)
        {
            throw new NodeStartupException($"the damaged journal in {Place} could not be set aside: {e.Message}");
        }
    }

    public void Dispose()
    {
        if (Health.State == JournalState.Damaged) return;
        _journal.Close();
        _snapshots.Close();
    }

    /// <summary>Snapshots can be had again, from the journal or from other members: a damaged file is set aside rather than kept from starting.</summary>
    private static void PrepareSnapshots(SqliteFile snapshots, ILogger log)
    {
        if (snapshots.Inspect() is { State: JournalState.Damaged } health) log.SnapshotsShortened(health.Reason);
        if (snapshots.Prepare(log) is not { Length: > 0 } damage) return;
        snapshots.Close();
        var aside = snapshots.SetAside();
        log.SnapshotsSetAside(damage, aside);
        if (snapshots.Prepare(log) is { Length: > 0 } again) throw new NodeStartupException($"a new {snapshots.Path} can't be read back: {again}");
    }
}

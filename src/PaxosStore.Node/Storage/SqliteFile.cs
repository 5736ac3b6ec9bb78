using System.Data.Common;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using LinqToDB;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using SQLitePCL;

namespace PaxosStore.Node.Storage;

/// <summary>One SQLite database of the node: durable at every commit, small on disk, and checked before it is believed.</summary>
internal sealed class SqliteFile(string path)
{
    private const string Durable = "synchronous = FULL";

    // Waiting inside SQLite takes milliseconds; the provider's own way of waiting for a lock is to sleep 150 ms. And a log that once grew does not stay so.
    private static readonly string[] PerConnection = [Durable, "busy_timeout = 5000", "journal_size_limit = 8388608"];

    // Rewriting a larger file takes long, and the operator has not asked for it.
    private const long ConvertibleBytes = 64 << 20;

    private static readonly TimeSpan CheckTime = TimeSpan.FromSeconds(2);

    private readonly ConditionalWeakTable<sqlite3, object> _prepared = [];

    public string Path => path;

    public string ConnectionString { get; } = $"Data Source={path};Default Timeout=5";

    /// <summary>Bytes on disk, with those of the write-ahead log and its index.</summary>
    public long Bytes => Size(path) + Size(path + "-wal") + Size(path + "-shm");

    /// <summary>For Akka.Persistence: connections which are set as this file needs them.</summary>
    public DataOptions Options => new DataOptions()
        .UseConnectionString(ProviderName.SQLiteMS, ConnectionString)
        .UseAfterConnectionOpened(Set, (connection, _) =>
        {
            Set(connection);
            return Task.CompletedTask;
        });

    /// <summary>
    /// Looks at the files as the last process left them, and touches nothing: once SQLite has opened them, what it made of a damaged write-ahead log is all
    /// there is.
    /// </summary>
    public JournalHealth Inspect()
    {
        var (exists, log) = (Size(path) > 0, Size(path + "-wal") > 0);
        if (!exists) return log ? JournalHealth.Damaged($"{path} is gone, its write-ahead log is there") : new JournalHealth(JournalState.Fresh);
        return WalCheck.Check(path + "-wal");
    }

    /// <summary>
    /// Makes the file ready. Write-ahead logging is a property of the file; flushing every commit (synchronous = FULL) is one of the connection, compiled into
    /// the library as its default. Both are asked for and then read back: a node that would lose votes on power loss must not start.
    /// </summary>
    /// <returns>Why the content can't be believed; empty when it can.</returns>
    /// <exception cref="NodeStartupException">The file would not be durable.</exception>
    public string Prepare(ILogger log)
    {
        try
        {
            using var connection = Open();

            // Takes effect on a new file only, and there before all else.
            Pragma(connection, "auto_vacuum = INCREMENTAL");
            var mode = Pragma(connection, "journal_mode = WAL");
            if (mode != "wal") throw new NodeStartupException($"{path} refuses write-ahead logging (it says '{mode}'): use a local file system");
            var synchronous = Pragma(connection, "synchronous");
            if (synchronous is not ("2" or "3")) throw new NodeStartupException($"SQLite would not flush commits of {path} (synchronous = {synchronous}, needed: 2)");
            if (Check(connection) is { Length: > 0 } damage) return damage;
            if (Pragma(connection, "auto_vacuum") != "2") MakeShrinkable(connection, log);
            Pragma(connection, "wal_checkpoint(TRUNCATE)");
            return "";
        }
        catch (SqliteException e) when (StorageFailure.IsDamage(e))
        {
            return $"{path}: {e.Message}";
        }
    }

    /// <summary>
    /// Gives free pages at the end of the file back to the file system: one short transaction, for which others wait. While they write without a pause it gets
    /// no turn, and nothing happens.
    /// </summary>
    /// <returns>Free pages that remain.</returns>
    public int Vacuum(int pages)
    {
        using var connection = Open();
        if (FreePages(connection) is 0) return 0;
        try
        {
            Pragma(connection, $"incremental_vacuum({pages})");
        }
        catch (SqliteException e) when (e.SqliteErrorCode == raw.SQLITE_BUSY)
        {
            // Later, then.
        }

        return FreePages(connection);
    }

    /// <summary>Closes the connections that the pool keeps: the last one out takes the write-ahead log into the file and removes it.</summary>
    public void Close()
    {
        using var connection = new SqliteConnection(ConnectionString);
        SqliteConnection.ClearPool(connection);
    }

    /// <summary>Renames the file, and what belongs to it, out of the way; under which name is returned.</summary>
    public string SetAside()
    {
        var aside = Enumerable.Range(1, int.MaxValue).Select(n => $"{path}.damaged-{n}").First(name => !File.Exists(name));
        foreach (var suffix in (string[])["-shm", "-wal", ""])
        {
            if (File.Exists(path + suffix)) File.Move(path + suffix, aside + suffix);
        }

        return aside;
    }

    private SqliteConnection Open()
    {
        var connection = new SqliteConnection(ConnectionString);
        connection.Open();
        Set(connection);
        return connection;
    }

    private void Set(DbConnection connection)
    {
        var sqlite = (SqliteConnection)connection;
        if (!_prepared.TryAdd(sqlite.Handle!, path)) return;
        foreach (var pragma in PerConnection) Pragma(sqlite, pragma);
    }

    private static int FreePages(SqliteConnection connection) => int.Parse(Pragma(connection, "freelist_count"));

    /// <summary>
    /// Looks through the file's structure and compares its indexes with the tables, for a limited time: records have checksums of their own, and whether all of
    /// them were read is known at the end of the replay.
    /// </summary>
    private string Check(SqliteConnection connection)
    {
        var started = Stopwatch.GetTimestamp();
        var handle = connection.Handle!;
        raw.sqlite3_progress_handler(handle, 10_000, _ => Stopwatch.GetElapsedTime(started) > CheckTime ? 1 : 0, null);
        try
        {
            var found = Pragma(connection, "integrity_check(1)");
            return found == "ok" ? "" : $"{path}: {found}";
        }
        catch (SqliteException e) when (e.SqliteErrorCode == raw.SQLITE_INTERRUPT)
        {
            return "";
        }
        finally
        {
            raw.sqlite3_progress_handler(handle, 0, null!, null);
        }
    }

    private void MakeShrinkable(SqliteConnection connection, ILogger log)
    {
        var bytes = Size(path);
        if (bytes > ConvertibleBytes)
        {
            log.NotShrinkable(path, bytes >> 20);
            return;
        }

        // The mode is stored in the file; rewriting the file is what makes it take effect.
        Pragma(connection, "auto_vacuum = INCREMENTAL");
        using var command = connection.CreateCommand();
        command.CommandText = "VACUUM";
        command.ExecuteNonQuery();
    }

    private static string Pragma(SqliteConnection connection, string pragma)
    {
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // only constants and numbers of this class reach this
        command.CommandText = $"PRAGMA {pragma}";
#pragma warning restore CA2100
        using var reader = command.ExecuteReader();
        var first = reader.Read() ? reader.GetValue(0).ToString() ?? "" : "";

        // Some of them work row by row: to the end, or they are not done.
        while (reader.Read()) continue;
        return first;
    }

    private static long Size(string file) => new FileInfo(file) is { Exists: true } info ? info.Length : 0;
}

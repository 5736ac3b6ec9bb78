using Microsoft.Data.Sqlite;

namespace PaxosStore.Node;

/// <summary>The node's directory: held by one process at a time, with a journal database that flushes every commit.</summary>
internal sealed class DataDirectory : IDisposable
{
    private readonly FileStream _lock;

    private DataDirectory(string path, FileStream lockFile) => (Path, _lock) = (path, lockFile);

    public string Path { get; }

    public string JournalFile => System.IO.Path.Combine(Path, "journal.db");

    public string JournalConnection => $"Data Source={JournalFile};Default Timeout=5";

    public string SnapshotFile => System.IO.Path.Combine(Path, "snapshots.db");

    public string SnapshotConnection => $"Data Source={SnapshotFile};Default Timeout=5";

    /// <summary>Bytes that journal and snapshots occupy on disk, write-ahead logs included.</summary>
    public long StorageBytes => Size(JournalFile) + Size(JournalFile + "-wal") + Size(SnapshotFile) + Size(SnapshotFile + "-wal");

    /// <exception cref="NodeStartupException">Not writable, in use by another process, or not durable.</exception>
    public static DataDirectory Open(string path)
    {
        FileStream lockFile;
        try
        {
            Directory.CreateDirectory(path);
            lockFile = new FileStream(System.IO.Path.Combine(path, "LOCK"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new NodeStartupException($"data directory {path} is not writable ({e.Message}): fix its permissions or choose another with --data-dir");
        }
        catch (IOException e)
        {
            throw new NodeStartupException($"data directory {path} is in use by another process or can't be opened ({e.Message}): stop that process or choose another directory with --data-dir");
        }

        var directory = new DataDirectory(path, lockFile);
        try
        {
            Prepare(directory.JournalFile, directory.JournalConnection);
            Prepare(directory.SnapshotFile, directory.SnapshotConnection);
            return directory;
        }
        catch (SqliteException e)
        {
            directory.Dispose();
            throw new NodeStartupException($"the journal {directory.JournalFile} can't be opened: {e.Message}");
        }
        catch (NodeStartupException)
        {
            directory.Dispose();
            throw;
        }
    }

    public void Dispose() => _lock.Dispose();

    /// <summary>
    /// Write-ahead logging is a property of the file; flushing every commit (synchronous = FULL) is one of the connection, compiled into the library as
    /// its default. Both are asked for and then read back: a node that would lose votes on power loss must not start.
    /// </summary>
    private static void Prepare(string file, string connectionString)
    {
        using var connection = new SqliteConnection(connectionString);
        connection.Open();
        var mode = Pragma(connection, "journal_mode = WAL");
        if (mode != "wal") throw new NodeStartupException($"{file} refuses write-ahead logging (it says '{mode}'): use a local file system");
        var synchronous = Pragma(connection, "synchronous");
        if (synchronous is not ("2" or "3")) throw new NodeStartupException($"SQLite would not flush commits (synchronous = {synchronous}, needed: 2)");
    }

    private static string Pragma(SqliteConnection connection, string pragma)
    {
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // only the constants above reach this
        command.CommandText = $"PRAGMA {pragma}";
#pragma warning restore CA2100
        return command.ExecuteScalar()?.ToString() ?? "";
    }

    private static long Size(string file) => new FileInfo(file) is { Exists: true } info ? info.Length : 0;
}

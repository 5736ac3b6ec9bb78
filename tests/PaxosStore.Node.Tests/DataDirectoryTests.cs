using LinqToDB;
using LinqToDB.Data;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using PaxosStore.Node.Storage;

namespace PaxosStore.Node.Tests;

/// <summary>One process a directory, and every commit flushed.</summary>
public sealed class DataDirectoryTests : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("paxosstore-data-").FullName;

    public void Dispose() => Directory.Delete(_path, recursive: true);

    [Fact]
    public void A_second_owner_is_refused_until_the_first_lets_go()
    {
        using (Open(_path))
        {
            var refused = Assert.Throws<NodeStartupException>(() => Open(_path));
            Assert.Contains("in use by another process", refused.Message, StringComparison.Ordinal);
            Assert.Contains("--data-dir", refused.Message, StringComparison.Ordinal);
        }

        Open(_path).Dispose();
    }

    [Fact]
    public void Its_files_write_ahead_flush_every_commit_and_can_shrink()
    {
        var path = Path.Combine(_path, "made", "on", "demand");
        using var directory = Open(path);
        Assert.Equal(JournalState.Fresh, directory.Storage.Health.State);
        Assert.True(directory.Storage.Bytes > 0);
        foreach (var options in (DataOptions[])[directory.Storage.Journal, directory.Storage.Snapshots])
        {
            using var connection = new DataConnection(options);
            Assert.Equal("wal", connection.Execute<string>("PRAGMA journal_mode"));
            Assert.Equal(2, connection.Execute<int>("PRAGMA synchronous"));
            Assert.Equal(2, connection.Execute<int>("PRAGMA auto_vacuum"));
            Assert.Equal(5_000, connection.Execute<int>("PRAGMA busy_timeout"));
            Assert.Equal(8 << 20, connection.Execute<int>("PRAGMA journal_size_limit"));
        }
    }

    [Fact]
    public void A_journal_that_was_there_is_good_and_its_log_is_taken_in_when_it_is_closed()
    {
        using (var directory = Open(_path)) Execute(directory, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
        Assert.False(File.Exists(Path.Combine(_path, "journal.db-wal")));
        using var again = Open(_path);
        Assert.Equal(JournalState.Good, again.Storage.Health.State);
    }

    [Fact]
    public void A_file_that_is_no_database_is_damage()
    {
        File.WriteAllText(Path.Combine(_path, "journal.db"), new string('x', 5_000));
        using var directory = Open(_path);
        Assert.Equal(JournalState.Damaged, directory.Storage.Health.State);
        Assert.Contains("journal.db", directory.Storage.Health.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_node_does_not_start_on_a_damaged_journal_and_leaves_it_as_it_is()
    {
        File.WriteAllText(Path.Combine(_path, "journal.db"), new string('x', 5_000));
        var refused = Assert.Throws<NodeStartupException>(() => PaxosNode.Start(Settings(_path), NullLogger.Instance));
        Assert.Contains("does not even say whose it is", refused.Message, StringComparison.Ordinal);
        Assert.Contains("etcdctl member add", refused.Message, StringComparison.Ordinal);
        Assert.Equal(new string('x', 5_000), File.ReadAllText(Path.Combine(_path, "journal.db")));
        Open(_path).Dispose();
    }

    [Fact]
    public void A_write_ahead_log_without_its_journal_is_damage()
    {
        File.WriteAllText(Path.Combine(_path, "journal.db-wal"), "x");
        using var directory = Open(_path);
        Assert.Contains("is gone", directory.Storage.Health.Reason, StringComparison.Ordinal);
        Assert.Equal(["LOCK", "journal.db-wal"], Directory.GetFiles(_path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Damage_in_the_structure_of_the_journal_is_found()
    {
        using (var directory = Open(_path)) Execute(directory, "CREATE TABLE t (x); INSERT INTO t SELECT randomblob(300) FROM (WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 1000) SELECT i FROM n)");
        using (var file = File.Open(Path.Combine(_path, "journal.db"), FileMode.Open))
        {
            file.Position = 10 * 4096;
            file.Write(new byte[4096]);
        }

        using var again = Open(_path);
        Assert.Equal(JournalState.Damaged, again.Storage.Health.State);
    }

    /// <summary>A journal is read through its index. Here one entry says 'B' where the table says 'b', which no page shows by itself.</summary>
    [Fact]
    public void Damage_in_an_index_of_the_journal_is_found()
    {
        using (var directory = Open(_path)) Execute(directory, "CREATE TABLE t (x); CREATE INDEX i ON t (x); INSERT INTO t VALUES ('aaa'), ('bbb'), ('ccc')");
        var file = Path.Combine(_path, "journal.db");
        var bytes = File.ReadAllBytes(file);
        bytes[bytes.AsSpan().LastIndexOf("bbb"u8)] ^= 0x20;
        File.WriteAllBytes(file, bytes);

        using var again = Open(_path);
        Assert.Equal(JournalState.Damaged, again.Storage.Health.State);
        Assert.Contains("index i", again.Storage.Health.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_snapshots_are_set_aside()
    {
        File.WriteAllText(Path.Combine(_path, "snapshots.db"), new string('x', 5_000));
        File.WriteAllText(Path.Combine(_path, "snapshots.db.damaged-1"), "an older one");
        using var directory = Open(_path);
        Assert.Equal(JournalState.Fresh, directory.Storage.Health.State);
        Assert.Equal(5_000, new FileInfo(Path.Combine(_path, "snapshots.db.damaged-2")).Length);
    }

    [Fact]
    public void A_file_of_an_older_version_is_made_shrinkable()
    {
        using (var connection = new SqliteConnection($"Data Source={Path.Combine(_path, "journal.db")};Pooling=false"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (42)";
            command.ExecuteNonQuery();
        }

        using var directory = Open(_path);
        using var journal = new DataConnection(directory.Storage.Journal);
        Assert.Equal(2, journal.Execute<int>("PRAGMA auto_vacuum"));
        Assert.Equal(42, journal.Execute<int>("SELECT x FROM t"));
    }

    [Fact]
    public void A_path_below_a_file_is_named()
    {
        var file = Path.Combine(_path, "file");
        File.WriteAllText(file, "");
        var refused = Assert.Throws<NodeStartupException>(() => Open(Path.Combine(file, "data")));
        Assert.Contains(file, refused.Message, StringComparison.Ordinal);
    }

    private static NodeSettings Settings(string path) => TestNode.Settings($"data-dir = \"{path}\"");

    private static DataDirectory Open(string path) => DataDirectory.Open(Settings(path), NullLogger.Instance);

    private static void Execute(DataDirectory directory, string sql)
    {
        using var connection = new DataConnection(directory.Storage.Journal);
        connection.Execute(sql);
    }
}

using Microsoft.Data.Sqlite;

namespace PaxosStore.Node.Tests;

/// <summary>One process a directory, and every commit flushed.</summary>
public sealed class DataDirectoryTests : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("paxosstore-data-").FullName;

    public void Dispose() => Directory.Delete(_path, recursive: true);

    [Fact]
    public void A_second_owner_is_refused_until_the_first_lets_go()
    {
        using (DataDirectory.Open(_path))
        {
            var refused = Assert.Throws<NodeStartupException>(() => DataDirectory.Open(_path));
            Assert.Contains("in use by another process", refused.Message, StringComparison.Ordinal);
            Assert.Contains("--data-dir", refused.Message, StringComparison.Ordinal);
        }

        DataDirectory.Open(_path).Dispose();
    }

    [Fact]
    public void The_journal_writes_ahead_and_flushes_every_commit()
    {
        using var directory = DataDirectory.Open(Path.Combine(_path, "made", "on", "demand"));
        using var connection = new SqliteConnection(directory.JournalConnection);
        connection.Open();
        Assert.Equal("wal", Pragma(connection, "PRAGMA journal_mode"));
        Assert.InRange(int.Parse(Pragma(connection, "PRAGMA synchronous")), 2, 3);
        Assert.True(directory.StorageBytes > 0);
    }

    [Fact]
    public void A_file_that_is_no_database_is_named()
    {
        File.WriteAllText(Path.Combine(_path, "journal.db"), new string('x', 5_000));
        var refused = Assert.Throws<NodeStartupException>(() => DataDirectory.Open(_path));
        Assert.Contains("journal.db", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_path_below_a_file_is_named()
    {
        var file = Path.Combine(_path, "file");
        File.WriteAllText(file, "");
        var refused = Assert.Throws<NodeStartupException>(() => DataDirectory.Open(Path.Combine(file, "data")));
        Assert.Contains(file, refused.Message, StringComparison.Ordinal);
    }

    private static string Pragma(SqliteConnection connection, string text)
    {
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // constants of this test
        command.CommandText = text;
#pragma warning restore CA2100
        return command.ExecuteScalar()!.ToString()!;
    }
}

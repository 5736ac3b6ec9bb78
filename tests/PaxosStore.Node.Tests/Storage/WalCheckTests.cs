using System.Buffers.Binary;
using Microsoft.Data.Sqlite;
using PaxosStore.Node.Storage;

namespace PaxosStore.Node.Tests.Storage;

/// <summary>On real write-ahead logs: whatever is followed by a later transaction must be whole, and a write that was cut short is no damage.</summary>
public sealed class WalCheckTests : IDisposable
{
    private const int HeaderBytes = 32;

    private readonly string _path = Directory.CreateTempSubdirectory("paxosstore-wal-").FullName;

    public void Dispose() => Directory.Delete(_path, recursive: true);

    [Theory]
    [InlineData(512, false)]
    [InlineData(1024, true)]
    [InlineData(4096, false)]
    public void A_flipped_byte_is_damage_when_a_later_transaction_follows_and_none_in_what_is_left_of_an_older_log(int pageBytes, bool restarted)
    {
        var wal = Make(pageBytes, restarted);
        Assert.Equal(JournalState.Good, Check(wal));
        var frames = FramesOf(wal);

        // Every byte of the frames' headers, and of their content those at the ends and some between.
        for (var at = 0; at < wal.Length; at++)
        {
            var (frame, inFrame) = Math.DivRem(at - HeaderBytes, pageBytes + 24);
            if (at >= HeaderBytes && inFrame is > 40 && inFrame < pageBytes && at % 97 != 0) continue;
            var followed = at < HeaderBytes || (frame < frames.Count && frames[frame].Transaction < frames[^1].Transaction);
            foreach (var mask in (byte[])[0x01, 0x80, 0xFF, (byte)(wal[at] == 0 ? 1 : wal[at])])
            {
                var damaged = (byte[])wal.Clone();
                damaged[at] ^= mask;
                var found = Check(damaged);
                if (followed) Assert.True(found == JournalState.Damaged, $"byte {at} (frame {frame}, byte {inFrame}) flipped by {mask:x}: {found}");
                else if (frame >= frames.Count) Assert.True(found == JournalState.Good, $"byte {at}, of an older log, flipped by {mask:x}: {found}");
            }
        }
    }

    [Theory]
    [InlineData(512, false)]
    [InlineData(1024, true)]
    public void A_log_cut_anywhere_is_torn_at_most(int pageBytes, bool restarted)
    {
        var wal = Make(pageBytes, restarted);
        for (var length = 0; length <= wal.Length; length++) Assert.NotEqual(JournalState.Damaged, Check(wal[..length]));
        Assert.Equal(JournalState.Torn, Check(wal[..20]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Whatever_sectors_of_the_last_transaction_reached_the_disk_it_is_torn_at_most(bool restarted)
    {
        const int pageBytes = 1024;
        var wal = Make(pageBytes, restarted);
        var frames = FramesOf(wal);
        var first = frames.FindIndex(f => f.Transaction == frames[^1].Transaction);
        var (start, end) = (HeaderBytes + (first * (pageBytes + 24)), HeaderBytes + (frames.Count * (pageBytes + 24)));
        Assert.True(frames.Count - first > 3);

        var random = new Random(1);
        for (var round = 0; round < 5_000; round++)
        {
            var torn = (byte[])wal.Clone();
            for (var sector = start / 512; sector <= (end - 1) / 512; sector++)
            {
                if (random.Next(3) != 0) continue;
                var (from, to) = (Math.Max(start, sector * 512), Math.Min(end, (sector + 1) * 512));
                if (random.Next(2) == 0) Array.Clear(torn, from, to - from);
                else random.NextBytes(torn.AsSpan(from, to - from));
            }

            Assert.True(Check(torn) != JournalState.Damaged, $"round {round}");
        }
    }

    [Fact]
    public void A_lost_block_in_the_middle_is_damage()
    {
        const int pageBytes = 1024;
        var wal = Make(pageBytes, restarted: false);
        var frames = FramesOf(wal);
        for (var block = HeaderBytes; block + 4096 < wal.Length; block += 512)
        {
            var last = (block + 4096 - HeaderBytes) / (pageBytes + 24);
            if (last >= frames.Count || frames[last].Transaction >= frames[^1].Transaction - 1) continue;
            var damaged = (byte[])wal.Clone();
            Array.Clear(damaged, block, 4096);
            Assert.True(Check(damaged) == JournalState.Damaged, $"block at {block}");
        }
    }

    [Fact]
    public void Sqlite_itself_would_drop_what_follows_without_a_word()
    {
        var wal = Make(1024, restarted: false);
        var (whole, _) = Read(wal);
        wal[HeaderBytes + 500] ^= 1;
        var (rest, error) = Read(wal);
        Assert.True(rest < whole);
        Assert.Equal("", error);
    }

    [Fact]
    public void A_log_that_is_not_there_or_empty_is_fine()
    {
        Assert.Equal(JournalState.Good, WalCheck.Check(Path.Combine(_path, "none")).State);
        Assert.Equal(JournalState.Good, Check([]));
    }

    private static JournalState Check(byte[] wal) => WalCheck.Check(new MemoryStream(wal)).State;

    /// <summary>The frames that count, each with the number of its transaction.</summary>
    private static List<(int Transaction, bool Commit)> FramesOf(byte[] wal)
    {
        var pageBytes = BinaryPrimitives.ReadInt32BigEndian(wal.AsSpan(8));
        var frames = new List<(int, bool)>();
        var transaction = 0;
        for (var at = HeaderBytes; at < wal.Length && wal.AsSpan(at + 8, 8).SequenceEqual(wal.AsSpan(16, 8)); at += pageBytes + 24)
        {
            var commit = BinaryPrimitives.ReadInt32BigEndian(wal.AsSpan(at + 4)) != 0;
            frames.Add((transaction, commit));
            if (commit) transaction++;
        }

        return frames;
    }

    /// <summary>A log of transactions of one page and of several; the last has several. Restarted, it lies over a longer, older one.</summary>
    private byte[] Make(int pageBytes, bool restarted)
    {
        var file = Path.Combine(_path, "made.db");
        foreach (var old in Directory.GetFiles(_path)) File.Delete(old);
        using var connection = new SqliteConnection($"Data Source={file};Pooling=false");
        connection.Open();
        Execute(connection, $"PRAGMA page_size = {pageBytes}; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (n INTEGER PRIMARY KEY, x)");
        for (var n = 0; n < 30; n++) Execute(connection, $"INSERT INTO t (x) VALUES (randomblob({pageBytes / 4}))");
        if (!restarted) Execute(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
        else Execute(connection, "PRAGMA wal_checkpoint(RESTART)");
        for (var n = 0; n < 9; n++) Execute(connection, $"INSERT INTO t (x) VALUES (randomblob({(n % 3) * pageBytes * 2})); UPDATE t SET x = x WHERE n = 3");
        Execute(connection, $"INSERT INTO t (x) VALUES (randomblob({pageBytes * 4}))");
        File.Copy(file, file + ".copy", overwrite: true);
        var wal = Copy(file + "-wal");
        return wal;
    }

    private (long Rows, string Error) Read(byte[] wal)
    {
        var file = Path.Combine(_path, "read.db");
        File.Delete(file + "-shm");
        File.Copy(Path.Combine(_path, "made.db.copy"), file, overwrite: true);
        File.WriteAllBytes(file + "-wal", wal);
        using var connection = new SqliteConnection($"Data Source={file};Pooling=false");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT count(*) FROM t";
        try
        {
            return ((long)command.ExecuteScalar()!, "");
        }
        catch (SqliteException e)
        {
            return (-1, e.Message);
        }
    }

    private static byte[] Copy(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // constants and numbers of this test
        command.CommandText = sql;
#pragma warning restore CA2100
        using var reader = command.ExecuteReader();
        do
        {
            while (reader.Read()) continue;
        }
        while (reader.NextResult());
    }
}

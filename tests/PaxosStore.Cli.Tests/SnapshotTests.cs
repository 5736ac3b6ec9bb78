using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json;
using Etcdserverpb;
using Google.Protobuf;
using PaxosStore.Kv;
using PaxosStore.Testing;

namespace PaxosStore.Cli.Tests;

/// <summary>A backup is whole, checked and on the disk, or it is not there.</summary>
public sealed class SnapshotTests : IAsyncLifetime, IDisposable
{
    private readonly TemporaryFolder folder = new();
    private DoorHost door = null!;

    public async Task InitializeAsync()
    {
        door = await DoorHost.StartAsync();
        for (var i = 0; i < 3; i++)
        {
            await door.Client.Kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("k" + i), Value = ByteString.CopyFrom(new byte[100_000]) });
        }
    }

    public async Task DisposeAsync() => await door.DisposeAsync();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task What_is_saved_is_shown_and_can_be_read_by_a_node()
    {
        var file = folder.At("backup");
        var run = (await Run.Async(door, "snapshot", "save", file)).Done();
        Assert.Contains($"{file}: revision 4, 3 keys, 0.3 MiB, from 127.0.0.1:{door.Port}", run.Output, StringComparison.Ordinal);
        Assert.Equal(["backup"], Directory.GetFiles(folder.Path).Select(Path.GetFileName));

        var bytes = await File.ReadAllBytesAsync(file);
        Assert.Equal(32, bytes.Length % 512);
        Assert.Equal(SHA256.HashData(bytes.AsSpan(..^32)), bytes[^32..]);

        var status = JsonDocument.Parse((await Run.Async("snapshot", "status", file, "-w", "json")).Done().Output).RootElement;
        Assert.Equal((4L, 3L, bytes.Length), (Number(status, "revision"), Number(status, "keys"), (int)Number(status, "size")));
        Assert.Equal(Convert.ToHexStringLower(bytes[^32..]), status.GetProperty("sha256").GetString());
        var table = (await Run.Async("snapshot", "status", file)).Done().Lines;
        Assert.StartsWith("revision compacted keys versions", table[0], StringComparison.Ordinal);
        Assert.StartsWith("4 -1 3 3", table[1], StringComparison.Ordinal);

        var header = KvSnapshotHeader.Parse(bytes);
        Assert.Equal((4L, 3L, header.Slot), (header.Revision, header.LiveKeys, Number(status, "slot")));
    }

    [Fact]
    public async Task A_backup_that_breaks_off_leaves_the_last_one_alone()
    {
        var file = folder.At("backup");
        (await Run.Async(door, "snapshot", "save", file)).Done();
        var good = await File.ReadAllBytesAsync(file);

        door.Store.Backup = () => new BrokenBackup();
        (await Run.Async(door, "snapshot", "save", file)).Failed(Ctl.Failure, "error: ");
        Assert.Equal(good, await File.ReadAllBytesAsync(file));
        Assert.Equal(["backup"], Directory.GetFiles(folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public async Task What_is_no_backup_is_not_saved_as_one()
    {
        door.Store.Backup = () => new PlainBackup(new byte[1000]);
        (await Run.Async(door, "snapshot", "save", folder.At("backup"))).Failed(Ctl.Failure, "is no backup of a PaxosStore: it does not begin with PXSTORE");
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public async Task Where_a_backup_can_not_go_is_told_before_it_is_taken()
    {
        (await Run.Async(door, "snapshot", "save", folder.Path)).Failed(Ctl.Usage, "is a directory");
        (await Run.Async(door, "snapshot", "save", folder.At("no/such"))).Failed(Ctl.Failure, "is not there: create it first");
    }

    [Theory]
    [InlineData(0, "does not begin with PXSTORE")]
    [InlineData(7, "has format 129, this program reads format 1")]
    [InlineData(8, "its hash does not fit its content")]
    [InlineData(200_000, "its hash does not fit its content")]
    [InlineData(-1, "its hash does not fit its content")]
    public async Task A_changed_byte_is_found(int at, string words)
    {
        var file = await SavedAsync();
        var bytes = await File.ReadAllBytesAsync(file);
        bytes[at < 0 ? bytes.Length + at : at] ^= 0x80;
        await File.WriteAllBytesAsync(file, bytes);
        (await Run.Async("snapshot", "status", file)).Failed(Ctl.Failure, words);
        (await Run.Async("snapshot", "restore", file, "--data-dir", folder.At("n1"))).Failed(Ctl.Failure, words);
        Assert.False(Directory.Exists(folder.At("n1")));
    }

    [Theory]
    [InlineData(1, "is not whole")]
    [InlineData(512, "its hash does not fit its content")]
    [InlineData(int.MaxValue, "does not begin with PXSTORE")]
    public async Task A_file_that_was_cut_off_is_found(int missing, string words)
    {
        var file = await SavedAsync();
        using (var stream = File.OpenWrite(file)) stream.SetLength(Math.Max(0, stream.Length - missing));
        (await Run.Async("snapshot", "status", file)).Failed(Ctl.Failure, words);
    }

    [Fact]
    public async Task A_header_that_contradicts_itself_is_found()
    {
        var image = new byte[512];
        "PXSTORE\u0001"u8.CopyTo(image);
        BinaryPrimitives.WriteInt64LittleEndian(image.AsSpan(16), -5);
        await File.WriteAllBytesAsync(folder.At("f"), [.. image, .. SHA256.HashData(image)]);
        (await Run.Async("snapshot", "status", folder.At("f"))).Failed(Ctl.Failure, "its header contradicts itself");
    }

    [Fact]
    public async Task A_directory_is_made_that_a_node_can_start_from()
    {
        var file = await SavedAsync();
        var directory = folder.At("n1.data");
        var run = (await Run.Async(
            "snapshot", "restore", file, "--data-dir", directory, "--revision-bump=500",
            "--initial-cluster=n1=http://10.0.0.1:2380,n2=http://10.0.0.2:2380")).Done();

        var bytes = await File.ReadAllBytesAsync(file);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(Path.Combine(directory, "restore.snapshot")));
        var sha256 = Convert.ToHexStringLower(bytes[^32..]);
        Assert.Equal($$"""{"revisionBump":500,"sha256":"{{sha256}}"}""", await File.ReadAllTextAsync(Path.Combine(directory, "restore.json")));
        Assert.Equal(2, Directory.GetFileSystemEntries(directory).Length);

        Assert.Contains("goes on above revision 504", run.Output, StringComparison.Ordinal);
        Assert.Contains($"paxosctl snapshot restore {file} --data-dir <DIRECTORY>", run.Output, StringComparison.Ordinal);
        Assert.Contains(
            $"PaxosStore.Server --name n1 --data-dir {directory} --initial-cluster-token restored-{sha256[..12]}", run.Output, StringComparison.Ordinal);
        Assert.Contains("PaxosStore.Server --name n2 --data-dir <DIRECTORY OF n2>", run.Output, StringComparison.Ordinal);
        Assert.Contains("--initial-cluster n1=http://10.0.0.1:2380,n2=http://10.0.0.2:2380", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_revision_jumps_a_thousand_million_ahead_unless_told_otherwise()
    {
        (await Run.Async("snapshot", "restore", await SavedAsync(), "--data-dir", folder.At("n1"))).Done();
        Assert.StartsWith("""{"revisionBump":1000000000,""", await File.ReadAllTextAsync(folder.At("n1/restore.json")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_an_empty_directory_is_filled()
    {
        var file = await SavedAsync();
        Directory.CreateDirectory(folder.At("empty"));
        (await Run.Async("snapshot", "restore", file, "--data-dir", folder.At("empty"))).Done();
        (await Run.Async("snapshot", "restore", file, "--data-dir", folder.At("empty"))).Failed(
            Ctl.Failure, "is not empty: choose an empty or a new directory");
        (await Run.Async("snapshot", "restore", file, "--data-dir", file)).Failed(Ctl.Failure, "is a file");
        (await Run.Async("snapshot", "restore", folder.At("nothing"), "--data-dir", folder.At("n2"))).Failed(Ctl.Failure, "is not there");
    }

    private async Task<string> SavedAsync()
    {
        (await Run.Async(door, "snapshot", "save", folder.At("backup"))).Done();
        return folder.At("backup");
    }

    private static long Number(JsonElement element, string name) => element.GetProperty(name).GetInt64();

    private sealed class PlainBackup(byte[] content) : IStoreBackup
    {
        public long EstimatedBytes => content.Length;

        public long Revision => 1;

        public IEnumerable<ReadOnlyMemory<byte>> Chunks() => [content];

        public void Dispose()
        {
        }
    }

    private sealed class BrokenBackup : IStoreBackup
    {
        public long EstimatedBytes => 1 << 20;

        public long Revision => 1;

        public IEnumerable<ReadOnlyMemory<byte>> Chunks()
        {
            yield return new byte[100_000];
            throw new KvException(KvErrorCode.Stopped);
        }

        public void Dispose()
        {
        }
    }
}

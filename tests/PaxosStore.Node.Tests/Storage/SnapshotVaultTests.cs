using System.Security.Cryptography;
using LinqToDB.Data;
using PaxosStore.Consensus;
using PaxosStore.Node.Storage;

namespace PaxosStore.Node.Tests.Storage;

/// <summary>Snapshots in files.</summary>
public sealed class SqliteSnapshotVaultTests : SnapshotVaultTests
{
    private protected override Task<StorageSystem> OpenAsync(string path) => Task.FromResult(new StorageSystem(path));
}

/// <summary>Snapshots in a database.</summary>
public sealed class PostgresSnapshotVaultTests(PostgresServer server) : SnapshotVaultTests, IClassFixture<PostgresServer>
{
    private protected override async Task<StorageSystem> OpenAsync(string path)
    {
        PostgresServer.Require();
        return new StorageSystem(path, await server.NewDatabaseAsync());
    }
}

/// <summary>A snapshot is there whole or not at all, and damage to it is told.</summary>
public abstract class SnapshotVaultTests : IAsyncLifetime
{
    private static readonly NodeId Self = new(0xAB);

    private readonly string _path = Directory.CreateTempSubdirectory("paxosstore-vault-").FullName;
    private readonly CancellationToken _never = CancellationToken.None;
    private StorageSystem? _storage;
    private SnapshotVault _vault = null!;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        if (_storage is not null) await _storage.StopAsync();
        Directory.Delete(_path, recursive: true);
    }

    private protected abstract Task<StorageSystem> OpenAsync(string path);

    [SkippableFact]
    public async Task Sealed_snapshots_are_listed_newest_first_and_read_back_after_a_restart()
    {
        await StartAsync();
        await WriteAsync(7, 3);
        await WriteAsync(12, 2);
        await RestartAsync();

        var found = await _vault.ListAsync(_never);
        Assert.Equal([12, 7], found.Select(m => m.Slot));
        Assert.Equal(3, found[1].Chunks);
        Assert.Equal([9, 9], found[1].Base.ToArray());
        for (var index = 0; index < 3; index++) Assert.Equal(Chunk(7, index), (await _vault.ReadChunkAsync(7, index, _never)).ToArray());
    }

    [SkippableFact]
    public async Task An_unsealed_snapshot_is_invisible_and_can_be_gone_on_with_after_a_restart()
    {
        await StartAsync();
        for (var index = 0; index < 3; index++) await _vault.WriteChunkAsync(7, index, Chunk(7, index), _never);
        await _vault.WriteChunkAsync(7, 4, Chunk(7, 4), _never);
        await RestartAsync();

        Assert.Empty(await _vault.ListAsync(_never));
        Assert.Equal(3, await _vault.ChunksPresentAsync(7, _never));
        Assert.Equal(0, await _vault.ChunksPresentAsync(8, _never));
        for (var index = 2; index < 5; index++) await _vault.WriteChunkAsync(7, index, Chunk(7, index), _never);
        await _vault.SealAsync(Manifest(7, 5), _never);
        Assert.Equal(7, Assert.Single(await _vault.ListAsync(_never)).Slot);
    }

    [SkippableFact]
    public async Task Only_what_is_stored_whole_can_be_sealed()
    {
        await StartAsync();
        await _vault.WriteChunkAsync(7, 0, Chunk(7, 0), _never);
        await _vault.WriteChunkAsync(7, 2, Chunk(7, 2), _never);
        var missing = await Assert.ThrowsAsync<SnapshotCorruptException>(() => _vault.SealAsync(Manifest(7, 3), _never));
        Assert.Contains("chunk 1 of snapshot 7 is missing", missing.Message, StringComparison.Ordinal);

        await _vault.WriteChunkAsync(7, 1, Chunk(8, 1), _never);
        await Assert.ThrowsAsync<SnapshotCorruptException>(() => _vault.SealAsync(Manifest(7, 3), _never));
        Assert.Empty(await _vault.ListAsync(_never));
    }

    [SkippableFact]
    public async Task A_chunk_of_the_greatest_length_is_taken_and_a_longer_one_refused()
    {
        await StartAsync();
        var chunk = RandomNumberGenerator.GetBytes(SnapshotVault.MaxChunkBytes);
        await _vault.WriteChunkAsync(7, 0, chunk, _never);
        Assert.Equal(chunk, (await _vault.ReadChunkAsync(7, 0, _never)).ToArray());
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => _vault.WriteChunkAsync(7, 1, new byte[SnapshotVault.MaxChunkBytes + 1], _never));
    }

    [SkippableTheory]
    [InlineData("zeroes")]
    [InlineData("cut")]
    [InlineData("one byte")]
    [InlineData("another row")]
    [InlineData("manifest = 'M'")]
    [InlineData("manifest = 'Z'")]
    [InlineData("serializer_id = 99")]
    public async Task A_damaged_chunk_is_named_and_the_others_are_read(string damage)
    {
        await StartAsync();
        await WriteAsync(7, 3);
        Damage("snapshot-ab-7", 2, damage);
        await RestartAsync();
        for (var again = 0; again < 20; again++) await Assert.ThrowsAsync<SnapshotCorruptException>(() => _vault.ReadChunkAsync(7, 1, _never));
        await RestartAsync();
        Assert.Equal(Chunk(7, 2), (await _vault.ReadChunkAsync(7, 2, _never)).ToArray());
        Assert.Equal(1, await _vault.ChunksPresentAsync(7, _never));
    }

    [SkippableTheory]
    [InlineData("zeroes")]
    [InlineData("another row")]
    [InlineData("manifest = 'Z'")]
    public async Task A_damaged_manifest_hides_no_other_and_its_snapshot_can_be_deleted(string damage)
    {
        await StartAsync();
        await WriteAsync(7, 1);
        await WriteAsync(12, 2);
        await WriteAsync(15, 1);
        Damage("snapshots-ab", 12, damage);
        Assert.Equal([15, 7], (await _vault.ListAsync(_never)).Select(m => m.Slot));
        await _vault.DeleteUnsealedAsync(0, _never);
        Assert.Equal(0, Count("persistence_id = 'snapshot-ab-12' OR sequence_number = 12"));
        Assert.Equal([15, 7], (await _vault.ListAsync(_never)).Select(m => m.Slot));
    }

    [SkippableFact]
    public async Task A_deleted_snapshot_leaves_nothing_and_touches_no_other()
    {
        await StartAsync();
        await WriteAsync(7, 20);
        await WriteAsync(12, 2);
        await _vault.DeleteAsync(7, _never);
        Assert.Equal([12], (await _vault.ListAsync(_never)).Select(m => m.Slot));
        Assert.Equal(4, Count("true"));
        await _vault.DeleteAsync(7, _never);
        await WriteAsync(7, 1);
        Assert.Equal([12, 7], (await _vault.ListAsync(_never)).Select(m => m.Slot));
    }

    [SkippableFact]
    public async Task What_interrupted_writes_left_is_deleted_but_for_the_one_that_goes_on()
    {
        await StartAsync();
        await WriteAsync(7, 2);
        await _vault.WriteChunkAsync(9, 0, Chunk(9, 0), _never);
        await _vault.WriteChunkAsync(12, 0, Chunk(12, 0), _never);
        await RestartAsync();
        await _vault.DeleteUnsealedAsync(12, _never);
        Assert.Equal(0, Count("persistence_id = 'snapshot-ab-9' OR sequence_number = 9"));
        Assert.Equal(1, await _vault.ChunksPresentAsync(12, _never));
        Assert.Equal([7], (await _vault.ListAsync(_never)).Select(m => m.Slot));
    }

    [SkippableFact]
    public async Task Members_that_share_a_store_do_not_see_each_others()
    {
        await StartAsync();
        await WriteAsync(7, 1);
        var other = new SnapshotVault(_storage!.System, new NodeId(0xA));
        Assert.Empty(await other.ListAsync(_never));
        await other.DeleteUnsealedAsync(0, _never);
        await other.DeleteAsync(7, _never);
        Assert.Equal([7], (await _vault.ListAsync(_never)).Select(m => m.Slot));
    }

    private static byte[] Chunk(long slot, int index) => [.. Enumerable.Range(0, 1_000 + index).Select(i => (byte)((i * 31) + (slot * 7) + index))];

    private static SnapshotManifest Manifest(long slot, int chunks)
    {
        byte[] content = [.. Enumerable.Range(0, chunks).SelectMany(i => Chunk(slot, i))];
        return new SnapshotManifest(slot, chunks, content.Length, SHA256.HashData(content), new byte[] { 9, 9 });
    }

    private async Task WriteAsync(long slot, int chunks)
    {
        for (var index = 0; index < chunks; index++) await _vault.WriteChunkAsync(slot, index, Chunk(slot, index), _never);
        await _vault.SealAsync(Manifest(slot, chunks), _never);
    }

    private async Task StartAsync()
    {
        _storage = await OpenAsync(_path);
        _vault = new SnapshotVault(_storage.System, Self);
    }

    private async Task RestartAsync()
    {
        await _storage!.RestartAsync();
        _vault = new SnapshotVault(_storage.System, Self);
    }

    /// <summary>Changes a row: its bytes, or one of the columns beside them.</summary>
    private void Damage(string id, long number, string how)
    {
        var where = $"WHERE persistence_id = '{id}' AND sequence_number = {number}";
        using var connection = new DataConnection(_storage!.Directory.Storage.Snapshots);
        var bytes = connection.Execute<byte[]>($"SELECT snapshot FROM snapshot {where}");
        var damaged = how switch
        {
            "zeroes" => new byte[bytes.Length],
            "cut" => bytes[..^1],
            "one byte" => [1],
            "another row" => connection.Execute<byte[]>($"SELECT snapshot FROM snapshot WHERE persistence_id = '{id}' AND sequence_number < {number}"),
            _ => null,
        };
        var changed = damaged is null
            ? connection.Execute($"UPDATE snapshot SET {how} {where}")
            : connection.Execute($"UPDATE snapshot SET snapshot = @bytes {where}", new DataParameter("bytes", damaged));
        Assert.Equal(1, changed);
    }

    private long Count(string where)
    {
        using var connection = new DataConnection(_storage!.Directory.Storage.Snapshots);
        return connection.Execute<long>($"SELECT count(*) FROM snapshot WHERE {where}");
    }
}

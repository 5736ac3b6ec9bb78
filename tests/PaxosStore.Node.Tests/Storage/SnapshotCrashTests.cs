using System.Security.Cryptography;
using Akka.TestKit.Xunit2;
using PaxosStore.Consensus;
using PaxosStore.Node.Storage;

namespace PaxosStore.Node.Tests.Storage;

/// <summary>A crash before any write of a snapshot's life leaves it whole or findable.</summary>
public sealed class SnapshotCrashTests : TestKit
{
    private const int Chunks = 10;

    private readonly CancellationToken _never = CancellationToken.None;

    public SnapshotCrashTests() : base(CrashingSnapshotStore.Config) => CrashingSnapshotStore.Clear();

    [Fact]
    public async Task Whatever_a_crash_leaves_behind_is_whole_or_found_and_deleted()
    {
        var (writes, kept) = (0, 0);
        for (var survived = false; !survived; writes++)
        {
            CrashingSnapshotStore.Clear();
            CrashingSnapshotStore.WritesLeft = writes;
            survived = await LifeAsync();

            CrashingSnapshotStore.WritesLeft = int.MaxValue;
            var vault = Vault();
            await vault.DeleteUnsealedAsync(0, _never);
            var found = await vault.ListAsync(_never);
            if (found.Count == 0)
            {
                Assert.Empty(CrashingSnapshotStore.Rows);
                continue;
            }

            Assert.Equal(Chunks, await vault.ChunksPresentAsync(7, _never));
            kept++;
            await vault.DeleteAsync(7, _never);
            Assert.Empty(CrashingSnapshotStore.Rows);
        }

        // Marker, chunks, manifest; manifest, two slices of chunks, marker.
        Assert.Equal(1 + Chunks + 1 + 1 + 2 + 1, writes - 1);
        Assert.Equal(1, kept);
    }

    [Fact]
    public async Task A_deletion_that_could_not_know_all_writes_keeps_the_marker_for_the_next_run()
    {
        CrashingSnapshotStore.WritesLeft = 2;
        var vault = Vault();
        await vault.WriteChunkAsync(7, 0, new byte[10], _never);
        await Assert.ThrowsAsync<SnapshotStorageException>(() => vault.WriteChunkAsync(7, 1, new byte[10], _never));
        CrashingSnapshotStore.WritesLeft = int.MaxValue;
        await vault.DeleteAsync(7, _never);
        Assert.Equal("snapshots-open-ab", Assert.Single(CrashingSnapshotStore.Rows).Id);
        await Vault().DeleteUnsealedAsync(0, _never);
        Assert.Empty(CrashingSnapshotStore.Rows);
    }

    private SnapshotVault Vault() => new(Sys, new NodeId(0xAB));

    /// <summary>Written, sealed, deleted; false when the process dies on the way.</summary>
    private async Task<bool> LifeAsync()
    {
        var vault = Vault();
        var chunk = new byte[100];
        try
        {
            for (var index = 0; index < Chunks; index++) await vault.WriteChunkAsync(7, index, chunk, _never);
            await vault.SealAsync(new SnapshotManifest(7, Chunks, chunk.Length * Chunks, SHA256.HashData(new byte[chunk.Length * Chunks]), default), _never);
            await vault.DeleteAsync(7, _never);
            return true;
        }
        catch (SnapshotStorageException)
        {
            return false;
        }
    }
}

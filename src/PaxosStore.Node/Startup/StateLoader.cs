using System.Diagnostics;
using Microsoft.Extensions.Logging;
using PaxosStore.Node.Storage;

namespace PaxosStore.Node.Startup;

/// <summary>A state and the snapshot it was made from.</summary>
internal sealed record LoadedState(KvStateMachine State, SnapshotManifest Manifest);

/// <summary>Finds the newest snapshot that is whole.</summary>
internal static class StateLoader
{
    /// <summary>The sound snapshots, newest first, and the state of the newest; what is damaged is logged and deleted.</summary>
    public static async Task<(LoadedState? Newest, List<SnapshotManifest> Sound)> LoadAsync(SnapshotVault vault, ILogger log, CancellationToken cancellation)
    {
        await vault.DeleteUnsealedAsync(0, cancellation).ConfigureAwait(false);
        var sound = new List<SnapshotManifest>();
        LoadedState? newest = null;
        foreach (var manifest in await vault.ListAsync(cancellation).ConfigureAwait(false))
        {
            if (newest is not null)
            {
                sound.Add(manifest);
                continue;
            }

            try
            {
                var began = Stopwatch.GetTimestamp();
                newest = new LoadedState(await ReadAsync(vault, manifest, cancellation).ConfigureAwait(false), manifest);
                log.SnapshotLoaded(manifest.Slot, manifest.Bytes, (long)Stopwatch.GetElapsedTime(began).TotalMilliseconds);
                sound.Add(manifest);
            }
            catch (Exception e) when (e is SnapshotCorruptException or FormatException)
            {
                log.SnapshotDamaged($"slot {manifest.Slot}: {e.Message}");
                await vault.DeleteAsync(manifest.Slot, cancellation).ConfigureAwait(false);
            }
        }

        return (newest, sound);
    }

    private static async Task<KvStateMachine> ReadAsync(SnapshotVault vault, SnapshotManifest manifest, CancellationToken cancellation)
    {
        using var reader = new KvSnapshotReader();
        for (var index = 0; index < manifest.Chunks; index++)
        {
            var chunk = await vault.ReadChunkAsync(manifest.Slot, index, cancellation).ConfigureAwait(false);
            reader.Add(chunk.Span);
        }

        return reader.Complete();
    }
}

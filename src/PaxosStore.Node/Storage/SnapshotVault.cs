using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Pattern;
using Akka.Persistence;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using PaxosStore.Consensus;

namespace PaxosStore.Node.Storage;

/// <summary>
/// Snapshots as chunks in Akka.Persistence's snapshot store, so that they live where the journal lives. A slot's first row is its <em>open</em> marker and
/// its last the manifest; deleting goes the other way round. So whatever a crash leaves behind has a marker and can be found, and a snapshot is there
/// whole or not at all.
/// </summary>
internal sealed class SnapshotVault
{
    /// <summary>Longest chunk.</summary>
    public const int MaxChunkBytes = 1 << 20;

    private const int SliceOfChunks = 8;

    // Longer than the store's own circuit breaker, so that its answer, not ours, says what went wrong.
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(30);

    private readonly IActorRef _store;
    private readonly ILogger _log;
    private readonly string _manifests;
    private readonly string _open;
    private readonly string _chunks;
    private readonly Lock _gate = new();
    private readonly HashSet<long> _marked = [];
    private readonly HashSet<long> _uncertain = [];
    private readonly Dictionary<long, HashSet<Task>> _saving = [];

    public SnapshotVault(ActorSystem system, NodeId self, ILogger? log = null)
    {
        _store = Persistence.Instance.Apply(system).SnapshotStoreFor("");
        _log = log ?? NullLogger.Instance;
        (_manifests, _open, _chunks) = ($"snapshots-{self}", $"snapshots-open-{self}", $"snapshot-{self}-");
    }

    /// <summary>Stores a chunk durably; storing the same one again is fine.</summary>
    public async Task WriteChunkAsync(long slot, int index, ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        Check(slot, index);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes.Length, MaxChunkBytes);
        bool marked;
        lock (_gate) marked = _marked.Contains(slot);
        if (!marked)
        {
            await SaveAsync(_open, slot, slot, SnapshotCodec.Encode(new SnapshotManifest(slot, 0, 0, default, default)), cancellation).ConfigureAwait(false);
            lock (_gate) _marked.Add(slot);
        }

        await SaveAsync(Chunks(slot), index + 1, slot, SnapshotCodec.Encode(slot, index, bytes.Span), cancellation).ConfigureAwait(false);
    }

    /// <summary>
    /// Makes the snapshot visible, after reading back every chunk: the journal may be cut as soon as this returns, so nothing less than the proof that the
    /// snapshot can be read will do.
    /// </summary>
    /// <exception cref="SnapshotCorruptException">The stored chunks are not what the manifest says.</exception>
    public async Task SealAsync(SnapshotManifest manifest, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        Check(manifest.Slot, manifest.Chunks);
        using var digest = KvSnapshot.NewHash();
        long bytes = 0;
        for (var index = 0; index < manifest.Chunks; index++)
        {
            var chunk = await ReadChunkAsync(manifest.Slot, index, cancellation).ConfigureAwait(false);
            digest.AppendData(chunk.Span);
            bytes += chunk.Length;
        }

        if (bytes != manifest.Bytes || !manifest.Sha256.Span.SequenceEqual(digest.GetHashAndReset()))
        {
            throw new SnapshotCorruptException($"snapshot {manifest.Slot} as stored ({bytes} bytes) is not what its manifest says ({manifest.Bytes} bytes)");
        }

        await SaveAsync(_manifests, manifest.Slot, manifest.Slot, SnapshotCodec.Encode(manifest), cancellation).ConfigureAwait(false);
    }

    /// <summary>The sealed snapshots, newest slot first; a damaged manifest is logged and left out.</summary>
    public async Task<IReadOnlyList<SnapshotManifest>> ListAsync(CancellationToken cancellation)
    {
        // The markers name the slots as well: a row that can't even be selected hides none but its own.
        var slots = await SlotsAsync(_manifests, cancellation).ConfigureAwait(false);
        slots.UnionWith(await SlotsAsync(_open, cancellation).ConfigureAwait(false));
        var manifests = new List<SnapshotManifest>();
        foreach (var slot in slots.Reverse())
        {
            if (await ManifestAsync(slot, cancellation).ConfigureAwait(false) is { } manifest) manifests.Add(manifest);
        }

        return manifests;
    }

    /// <exception cref="SnapshotCorruptException">The chunk is missing or damaged.</exception>
    public async Task<ReadOnlyMemory<byte>> ReadChunkAsync(long slot, int index, CancellationToken cancellation)
    {
        Check(slot, index);
        var row = await LoadAsync(Chunks(slot), index + 1, cancellation).ConfigureAwait(false);
        return row?.Metadata.SequenceNr == index + 1
            ? SnapshotCodec.Decode(row.Snapshot, slot, index)
            : throw new SnapshotCorruptException($"chunk {index} of snapshot {slot} is missing");
    }

    /// <summary>How many chunks, from the first on, are stored and sound: where an interrupted transfer goes on.</summary>
    public async Task<int> ChunksPresentAsync(long slot, CancellationToken cancellation)
    {
        for (var index = 0; ; index++)
        {
            try
            {
                await ReadChunkAsync(slot, index, cancellation).ConfigureAwait(false);
            }
            catch (SnapshotCorruptException)
            {
                return index;
            }
        }
    }

    /// <summary>Deletes a snapshot, sealed or not. The caller has stopped writing to it.</summary>
    public async Task DeleteAsync(long slot, CancellationToken cancellation)
    {
        Check(slot, 0);
        await DrainAsync(slot).ConfigureAwait(false);
        await AskAsync<DeleteSnapshotSuccess>(new DeleteSnapshot(Row(_manifests, slot)), cancellation).ConfigureAwait(false);
        for (long upTo = SliceOfChunks, last = await LastChunkAsync(slot, cancellation).ConfigureAwait(false); upTo < last; upTo += SliceOfChunks)
        {
            await DeleteChunksAsync(slot, upTo, cancellation).ConfigureAwait(false);
        }

        await DeleteChunksAsync(slot, long.MaxValue, cancellation).ConfigureAwait(false);
        lock (_gate)
        {
            _marked.Remove(slot);

            // A write that was never answered may still come in: the marker stays for DeleteUnsealed of the next run.
            if (_uncertain.Contains(slot)) return;
        }

        await AskAsync<DeleteSnapshotSuccess>(new DeleteSnapshot(Row(_open, slot)), cancellation).ConfigureAwait(false);
    }

    /// <summary>Deletes what interrupted writes left behind, and snapshots whose manifest is damaged.</summary>
    public async Task DeleteUnsealedAsync(long exceptSlot, CancellationToken cancellation)
    {
        foreach (var slot in await SlotsAsync(_open, cancellation).ConfigureAwait(false))
        {
            if (slot == exceptSlot || await ManifestAsync(slot, cancellation).ConfigureAwait(false) is not null) continue;
            await DeleteAsync(slot, cancellation).ConfigureAwait(false);
        }
    }

    private static void Check(long slot, int index)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(slot, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(index);
    }

    // Rows are told apart by their number alone; for the store, the least time means any.
    private static SnapshotMetadata Row(string id, long number) => new(id, number, DateTime.MinValue);

    private string Chunks(long slot) => _chunks + slot;

    /// <summary>The slots that have a row under the id, ascending.</summary>
    private async Task<SortedSet<long>> SlotsAsync(string id, CancellationToken cancellation)
    {
        var slots = new SortedSet<long>();
        try
        {
            for (var before = long.MaxValue; await LoadAsync(id, before, cancellation).ConfigureAwait(false) is { } row; before = row.Metadata.SequenceNr - 1)
            {
                slots.Add(row.Metadata.SequenceNr);
            }
        }
        catch (SnapshotCorruptException e)
        {
            _log.SnapshotDamaged(e.Message);
        }

        return slots;
    }

    private async Task<SnapshotManifest?> ManifestAsync(long slot, CancellationToken cancellation)
    {
        try
        {
            var row = await LoadAsync(_manifests, slot, cancellation).ConfigureAwait(false);
            return row?.Metadata.SequenceNr == slot ? SnapshotCodec.Decode(row.Snapshot, slot) : null;
        }
        catch (SnapshotCorruptException e)
        {
            _log.SnapshotDamaged(e.Message);
            return null;
        }
    }

    private async Task<long> LastChunkAsync(long slot, CancellationToken cancellation)
    {
        try
        {
            return (await LoadAsync(Chunks(slot), long.MaxValue, cancellation).ConfigureAwait(false))?.Metadata.SequenceNr ?? 0;
        }
        catch (SnapshotCorruptException)
        {
            // Then the slices can't be counted, and all chunks go at once.
            return 0;
        }
    }

    private Task<DeleteSnapshotsSuccess> DeleteChunksAsync(long slot, long upTo, CancellationToken cancellation) => AskAsync<DeleteSnapshotsSuccess>(
        new DeleteSnapshots(Chunks(slot), new SnapshotSelectionCriteria(upTo, DateTime.MaxValue)), cancellation);

    /// <summary>The row with the greatest number up to <paramref name="max"/>.</summary>
    private async Task<SelectedSnapshot?> LoadAsync(string id, long max, CancellationToken cancellation) => (await AskAsync<LoadSnapshotResult>(
        new LoadSnapshot(id, new SnapshotSelectionCriteria(max, DateTime.MaxValue), long.MaxValue), cancellation).ConfigureAwait(false)).Snapshot;

    /// <summary>A write can't be called back: the caller may stop waiting, but a deletion waits for its end.</summary>
    private async Task SaveAsync(string id, long number, long slot, SnapshotRow row, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var save = SaveToEndAsync(new SaveSnapshot(Row(id, number), row), slot);
        lock (_gate)
        {
            if (!_saving.TryGetValue(slot, out var saves)) _saving[slot] = saves = [];
            saves.RemoveWhere(s => s.IsCompleted);
            saves.Add(save);
        }

        await save.WaitAsync(cancellation).ConfigureAwait(false);
    }

    private async Task SaveToEndAsync(SaveSnapshot save, long slot)
    {
        try
        {
            await AskAsync<SaveSnapshotSuccess>(save, CancellationToken.None).ConfigureAwait(false);
        }
        catch (SnapshotStorageException)
        {
            lock (_gate) _uncertain.Add(slot);
            throw;
        }
    }

    private async Task DrainAsync(long slot)
    {
        Task[] saves;
        lock (_gate) saves = _saving.Remove(slot, out var open) ? [.. open] : [];
        await Task.WhenAll(saves).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task<T> AskAsync<T>(object request, CancellationToken cancellation)
    {
        try
        {
            return await _store.Ask<object>(request, AnswerTimeout, cancellation).ConfigureAwait(false) switch
            {
                T answer => answer,
                LoadSnapshotFailed m => throw Failed(m.Cause),
                SaveSnapshotFailure m => throw Failed(m.Cause),
                DeleteSnapshotFailure m => throw Failed(m.Cause),
                DeleteSnapshotsFailure m => throw Failed(m.Cause),
                var other => throw new InvalidOperationException($"the snapshot store answered {request.GetType().Name} with {other.GetType().Name}"),
            };
        }
        catch (AskTimeoutException e)
        {
            throw new SnapshotStorageException($"the snapshot store did not answer within {AnswerTimeout.TotalSeconds} s", e);
        }
    }

    /// <summary>A row that can be fetched but not understood is damaged; all else is the storage's trouble.</summary>
    private static Exception Failed(Exception cause) =>
        StorageFailure.IsDamage(cause) || StorageFailure.Cause(cause) is SerializationException or ArgumentException
            ? new SnapshotCorruptException($"a row of the snapshot store can't be read: {StorageFailure.Cause(cause).Message}")
            : new SnapshotStorageException($"the snapshot store failed: {StorageFailure.Describe(cause)}", cause);
}

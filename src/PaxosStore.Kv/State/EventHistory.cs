namespace PaxosStore.Kv;

/// <summary>
/// Every change in order of (revision, position within the revision), appended by the applier and read by watchers through a
/// <see cref="HistoryView"/>.
/// Slots below the trim mark become null; whole chunks of them are let go.
/// </summary>
internal sealed class EventHistory
{
    private const int FewestDeadChunks = 16;

    private KeyVersion?[][] _chunks = new KeyVersion?[4][];
    private long _firstChunk;
    private long _end;

    /// <summary>Next event whose older versions have not been cut yet.</summary>
    private long _toCut;

    /// <summary>First event still held.</summary>
    private long _toDrop;

    public long End => _end;

    /// <summary>The history as it stands; stays readable while more is appended.</summary>
    public HistoryView View => new(_chunks, _firstChunk, _end);

    public void Append(KeyVersion version)
    {
        var chunk = (_end >> HistoryView.ChunkBits) - _firstChunk;
        var slot = (int)(_end & HistoryView.SlotMask);
        if (slot == 0)
        {
            if (chunk == _chunks.Length)
            {
                Rebuild(_chunks.Length * 2);
                chunk = (_end >> HistoryView.ChunkBits) - _firstChunk;
            }

            _chunks[chunk] = new KeyVersion?[HistoryView.ChunkSize];
        }

        _chunks[chunk][slot] = version;
        _end++;
    }

    /// <summary>The next event at or below <paramref name="compactRevision"/> whose older versions are to be cut, or null.</summary>
    public KeyVersion? NextToCut(long compactRevision)
    {
        if (_toCut == _end) return null;
        var version = View[_toCut];
        if (version is null || version.ModRevision > compactRevision) return null;
        _toCut++;
        return version;
    }

    /// <summary>Whether there is an event at or below <paramref name="compactRevision"/> whose older versions are to be cut.</summary>
    public bool HasToCut(long compactRevision) => _toCut < _end && View[_toCut] is { } version && version.ModRevision <= compactRevision;

    /// <summary>Lets go of events below <paramref name="compactRevision"/> that have been cut; those at it stay, a watcher may start there.</summary>
    public void DropBelow(long compactRevision)
    {
        while (_toDrop < _toCut)
        {
            ref var slot = ref _chunks[(_toDrop >> HistoryView.ChunkBits) - _firstChunk][_toDrop & HistoryView.SlotMask];
            if (slot!.ModRevision >= compactRevision) break;
            Volatile.Write(ref slot, null);
            _toDrop++;
        }

        var dead = (_toDrop >> HistoryView.ChunkBits) - _firstChunk;
        if (dead >= FewestDeadChunks && dead * 2 >= _chunks.Length) Rebuild(_chunks.Length);
    }

    /// <summary>Moves to a new directory without the dead chunks; views keep the old one.</summary>
    private void Rebuild(int length)
    {
        var dead = (int)((_toDrop >> HistoryView.ChunkBits) - _firstChunk);
        var used = (int)(((_end + HistoryView.SlotMask) >> HistoryView.ChunkBits) - _firstChunk) - dead;
        while (length > 4 && length >= used * 4) length /= 2;
        var chunks = new KeyVersion?[length][];
        Array.Copy(_chunks, dead, chunks, 0, used);
        _chunks = chunks;
        _firstChunk += dead;
    }
}

/// <summary>The event history up to some point. Positions count from the first event ever.</summary>
internal readonly struct HistoryView(KeyVersion?[][] chunks, long firstChunk, long end)
{
    public const int ChunkBits = 9;
    public const int ChunkSize = 1 << ChunkBits;
    public const int SlotMask = ChunkSize - 1;

    public long End => end;

    /// <summary>The event at <paramref name="position"/>, or null when it has been trimmed.</summary>
    public KeyVersion? this[long position] => Volatile.Read(ref chunks[(position >> ChunkBits) - firstChunk][position & SlotMask]);

    /// <summary>Position of the first held event at or above <paramref name="revision"/>.</summary>
    public long Seek(long revision)
    {
        var (low, high) = (firstChunk << ChunkBits, end);
        while (low < high)
        {
            var middle = low + ((high - low) >> 1);
            if (this[middle] is { } version && version.ModRevision >= revision) high = middle;
            else low = middle + 1;
        }

        return low;
    }
}

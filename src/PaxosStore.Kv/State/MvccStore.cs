namespace PaxosStore.Kv;

/// <summary>
/// The keys as the applier changes them: tree, event history, revisions, leases attached. Single-threaded; views capture its root.
/// Changes happen between <see cref="Begin"/> and <see cref="Commit"/>, all at one new revision.
/// </summary>
internal sealed class MvccStore
{
    private const int LeastTrimPerBatch = 512;

    private long _writing;
    private long _trimmingFrom;

    public KeyNode? Root { get; private set; }

    public EventHistory History { get; } = new();

    public KeyLeases Leases { get; } = new();

    public TrimMark Trim { get; } = new();

    /// <summary>Revision of the last change; only grows.</summary>
    public long Revision { get; private set; } = 1;

    /// <summary>Lowest readable revision; −1 before the first compaction. Trimming what lies below follows in later batches.</summary>
    public long CompactRevision { get; private set; } = -1;

    public long DataBytes { get; private set; }

    /// <summary>About the bytes of all versions not given back yet.</summary>
    public long HistoryBytes { get; private set; }

    /// <summary>Sum of the hashes of all live versions.</summary>
    public UInt128 Sum { get; private set; }

    /// <summary>Number of the batch being applied: the edit that owns the nodes it makes.</summary>
    public long Edit { get; private set; }

    /// <summary>Wall clock of the batch being applied.</summary>
    public long WallClockUnixMs { get; private set; }

    /// <summary>What a request reads before anything of it was written.</summary>
    public MvccReader Reader => new(Root, Revision, CompactRevision, Trim);

    /// <summary>Starts a batch; memory of compacted history is given back, but none at or above <paramref name="pinned"/>.</summary>
    public void BeginBatch(long wallClockUnixMs, long pinned)
    {
        Edit++;
        WallClockUnixMs = Math.Max(WallClockUnixMs, wallClockUnixMs);
        TrimSlice(Math.Min(CompactRevision, pinned));
    }

    /// <summary>Whether something lies below what can be read and is pinned.</summary>
    public bool HasToTrim(long pinned) => History.HasToCut(Math.Min(CompactRevision, pinned));

    public void Begin() => _writing = Revision + 1;

    /// <summary>Ends the request; the revision moves by one if it changed anything.</summary>
    public void Commit()
    {
        if (Root is not null && Root.Newest > Revision) Revision = Root.Newest;
    }

    /// <summary>Writes a key; the version before (a tombstone counts as none), or null.</summary>
    public KeyVersion? Put(PutOp op)
    {
        var lease = op.Lease;
        KeyVersion? kept = null;
        if (op.IgnoreValue || op.IgnoreLease)
        {
            // The key was there before the transaction; if an earlier operation of it deleted the key, nothing is left to keep.
            kept = KeyTree.Find(Root, op.Key.Span) is { IsTombstone: false } head ? head : null;
            if (op.IgnoreLease) lease = kept?.Lease ?? 0;
        }

        var value = op.IgnoreValue ? kept?.Value ?? default : KeyVersion.Own(op.Value);
        var version = new KeyVersion(op.Key.ToArray(), value, _writing, isTombstone: false)
        {
            Lease = lease,
            CreateRevision = _writing,
            Version = 1,
            CreatedAtUnixMs = WallClockUnixMs,
            ModifiedAtUnixMs = WallClockUnixMs,
        };
        Root = KeyTree.Put(Root, version, Edit);
        var previous = version.Previous is { IsTombstone: false } live ? live : null;
        if (previous is not null)
        {
            version.CreateRevision = previous.CreateRevision;
            version.Version = previous.Version + 1;
            version.CreatedAtUnixMs = previous.CreatedAtUnixMs;
            version.Attributes = previous.Attributes;
        }

        Count(version, previous);
        Reattach(version.Key, previous?.Lease ?? 0, lease);
        History.Append(version);
        return previous;
    }

    /// <summary>Deletes a live key.</summary>
    public void Delete(KeyVersion live)
    {
        var tombstone = new KeyVersion(live.Key, default, _writing, isTombstone: true) { ModifiedAtUnixMs = WallClockUnixMs };
        Root = KeyTree.Put(Root, tombstone, Edit);
        Count(tombstone, live);
        Reattach(live.Key, live.Lease, 0);
        History.Append(tombstone);
    }

    /// <summary>Ends a lease and deletes its keys in key order at one revision; null when there is no such lease.</summary>
    public long? Revoke(long leaseId)
    {
        if (Leases.Remove(leaseId) is not { } lease) return null;
        Begin();
        foreach (var key in lease.Keys) Delete(KeyTree.Find(Root, key)!);
        Commit();
        return lease.Keys.Count;
    }

    /// <summary>Makes everything below <paramref name="revision"/> unreadable at once; memory is given back by and by.</summary>
    public KvErrorCode Compact(long revision)
    {
        if (revision <= CompactRevision) return KvErrorCode.Compacted;
        if (revision > Revision) return KvErrorCode.FutureRevision;
        CompactRevision = revision;
        return KvErrorCode.None;
    }

    /// <summary>Takes in a version that was live at the compact revision; these come before all events, one per key.</summary>
    public void RestoreBase(KeyVersion version)
    {
        Root = KeyTree.Put(Root, version, Edit);
        Count(version, previous: null);
    }

    /// <summary>Takes in the next event of the history.</summary>
    public void RestoreEvent(KeyVersion version)
    {
        Root = KeyTree.Put(Root, version, Edit);
        Count(version, version.Previous is { IsTombstone: false } live ? live : null);
        History.Append(version);
    }

    /// <summary>Sets the counters once all versions are in.</summary>
    public void FinishRestore(long revision, long compactRevision, long wallClockUnixMs)
    {
        (Revision, CompactRevision, WallClockUnixMs) = (revision, compactRevision, wallClockUnixMs);

        // What lies below was never there: that is as good as trimmed.
        if (compactRevision > 0) Trim.Through = compactRevision;
    }

    /// <summary>Moves the revision ahead and compacts everything at it; the newest versions stay readable.</summary>
    public void CompactAll(long revisionJump)
    {
        Revision += revisionJump;
        CompactRevision = Revision;
    }

    /// <summary>Puts a finished version in the place of the live one before it, as far as sums go.</summary>
    private void Count(KeyVersion version, KeyVersion? previous)
    {
        HistoryBytes += version.HeldBytes;
        if (previous is not null)
        {
            DataBytes -= previous.LiveBytes;
            Sum -= previous.Hash;
        }

        if (version.IsTombstone) return;
        DataBytes += version.LiveBytes;
        version.Hash = StateHash.Of(version);
        Sum += version.Hash;
    }

    private void Reattach(byte[] key, long from, long to)
    {
        if (from == to) return;
        if (from != 0) Leases.Detach(from, key);
        if (to != 0) Leases.Attach(to, key);
    }

    /// <summary>
    /// Gives back a bounded amount of what compaction made unreadable, never less than what the batch before added, so it always catches up.
    /// </summary>
    private void TrimSlice(long through)
    {
        var slice = LeastTrimPerBatch + (2 * (History.End - _trimmingFrom));
        _trimmingFrom = History.End;
        if (through <= 0) return;

        if (through > Trim.Through) Trim.Through = through;
        for (var i = 0L; i < slice && History.NextToCut(through) is { } version; i++)
        {
            // What lay below the one before was cut when that one's turn came.
            HistoryBytes -= version.Previous?.HeldBytes ?? 0;
            version.Previous = null;
            if (!version.IsTombstone || !ReferenceEquals(KeyTree.Find(Root, version.Key), version)) continue;
            Root = KeyTree.Remove(Root, version.Key, Edit);
            HistoryBytes -= version.HeldBytes;
        }

        History.DropBelow(through);
    }
}

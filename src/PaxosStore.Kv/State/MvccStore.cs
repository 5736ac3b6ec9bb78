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

    /// <summary>Number of the batch being applied: the edit that owns the nodes it makes.</summary>
    public long Edit { get; private set; }

    /// <summary>Wall clock of the batch being applied.</summary>
    public long WallClockUnixMs { get; private set; }

    /// <summary>What a request reads before anything of it was written.</summary>
    public MvccReader Reader => new(Root, Revision, CompactRevision, Trim);

    public void BeginBatch(long wallClockUnixMs)
    {
        Edit++;
        WallClockUnixMs = Math.Max(WallClockUnixMs, wallClockUnixMs);
        TrimSlice();
    }

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
        byte[] value;
        KeyVersion? kept = null;
        if (op.IgnoreValue || op.IgnoreLease)
        {
            // The key was there before the transaction; if an earlier operation of it deleted the key, nothing is left to keep.
            kept = KeyTree.Find(Root, op.Key.Span) is { IsTombstone: false } head ? head : null;
            if (op.IgnoreLease) lease = kept?.Lease ?? 0;
        }

        value = op.IgnoreValue ? kept?.Value ?? [] : op.Value.ToArray();
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
            DataBytes -= previous.LiveBytes;
        }

        DataBytes += version.LiveBytes;
        Reattach(version.Key, previous?.Lease ?? 0, lease);
        History.Append(version);
        return previous;
    }

    /// <summary>Deletes a live key.</summary>
    public void Delete(KeyVersion live)
    {
        var tombstone = new KeyVersion(live.Key, [], _writing, isTombstone: true) { ModifiedAtUnixMs = WallClockUnixMs };
        Root = KeyTree.Put(Root, tombstone, Edit);
        DataBytes -= live.LiveBytes;
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

    private void Reattach(byte[] key, long from, long to)
    {
        if (from == to) return;
        if (from != 0) Leases.Detach(from, key);
        if (to != 0) Leases.Attach(to, key);
    }

    /// <summary>
    /// Gives back a bounded amount of what compaction made unreadable, never less than what the batch before added, so it always catches up.
    /// </summary>
    private void TrimSlice()
    {
        var slice = LeastTrimPerBatch + (2 * (History.End - _trimmingFrom));
        _trimmingFrom = History.End;
        if (CompactRevision <= 0) return;

        Trim.Through = CompactRevision;
        for (var i = 0L; i < slice && History.NextToCut(CompactRevision) is { } version; i++)
        {
            version.Previous = null;
            if (version.IsTombstone && ReferenceEquals(KeyTree.Find(Root, version.Key), version))
                Root = KeyTree.Remove(Root, version.Key, Edit);
        }

        History.DropBelow(CompactRevision);
    }
}

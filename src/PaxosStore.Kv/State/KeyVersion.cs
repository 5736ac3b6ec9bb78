using System.Runtime.InteropServices;

namespace PaxosStore.Kv;

/// <summary>
/// One version of one key. Immutable once its transaction is over, except that <see cref="Previous"/> is cut when the versions below are compacted.
/// </summary>
internal sealed class KeyVersion
{
    /// <summary>Bytes of bookkeeping counted per version.</summary>
    private const int Overhead = 64;

    private KeyVersion? _previous;

    public KeyVersion(byte[] key, ReadOnlyMemory<byte> value, long modRevision, bool isTombstone)
    {
        Key = key;
        Value = value;
        ModRevision = modRevision;
        IsTombstone = isTombstone;
    }

    public byte[] Key { get; set; }

    /// <summary>The value; perhaps a part of the command that brought it, see <see cref="Own"/>.</summary>
    public ReadOnlyMemory<byte> Value { get; set; }

    /// <summary>Revision that created the current generation; 0 for a tombstone.</summary>
    public long CreateRevision { get; set; }

    public long ModRevision { get; }

    /// <summary>Changes since creation, from 1; 0 for a tombstone.</summary>
    public long Version { get; set; }

    /// <summary>Attached key lease or 0.</summary>
    public long Lease { get; set; }

    public bool IsTombstone { get; }

    /// <summary>Wall clock of the batch that created the generation.</summary>
    public long CreatedAtUnixMs { get; set; }

    /// <summary>Wall clock of the batch that made this version.</summary>
    public long ModifiedAtUnixMs { get; set; }

    /// <summary>What other doors keep beside the value; null when no door has set any.</summary>
    public KeyAttributes? Attributes { get; set; }

    /// <summary>
    /// The next older version, also of an earlier generation; null at the first one, and where compaction has cut the chain.
    /// Read with acquire and cut with release, so that a reader who meets a cut also sees the trim mark raised before it.
    /// </summary>
    public KeyVersion? Previous
    {
        get => Volatile.Read(ref _previous);
        set => Volatile.Write(ref _previous, value);
    }

    /// <summary>What <see cref="StateHash"/> makes of it, once it is finished; 0 for a tombstone.</summary>
    public UInt128 Hash { get; set; }

    /// <summary>What it counts for in <see cref="KvView.DataBytes"/> while it is the newest of its key.</summary>
    public long LiveBytes => IsTombstone ? 0 : HeldBytes;

    /// <summary>What it counts for in <see cref="KvView.HistoryBytes"/>.</summary>
    public long HeldBytes => Key.Length + Value.Length + Overhead;

    /// <summary>
    /// What a version may keep of a command: the part itself where it is most of the array, which the log holds for a while anyway; else a copy, or a small value
    /// would hold the memory of a large transaction.
    /// </summary>
    public static ReadOnlyMemory<byte> Own(ReadOnlyMemory<byte> part) =>
        MemoryMarshal.TryGetArray(part, out var within) && within.Array!.Length - part.Length <= part.Length / 2 ? part : part.ToArray();

    /// <summary>The version a reader at <paramref name="revision"/> sees, or null when the key is not there.</summary>
    public KeyVersion? LiveAt(long revision)
    {
        var version = this;
        while (version is not null && version.ModRevision > revision) version = version.Previous;
        return version is null || version.IsTombstone ? null : version;
    }

    public KeyValue ToKeyValue(bool dropValue = false) =>
        new(Key, dropValue ? default : Value, CreateRevision, ModRevision, Version, Lease);
}

/// <summary>
/// Room for what other protocols attach to a key. The etcd door leaves it null; a put carries it over from the version before.
/// </summary>
/// <param name="Flags">Opaque number of the client (Consul flags).</param>
/// <param name="LockIndex">How often a lock was taken on the key (Consul).</param>
/// <param name="DataVersion">Changes of the data alone (ZooKeeper).</param>
/// <param name="AccessListId">Access list in force; 0 = none (ZooKeeper).</param>
internal sealed record KeyAttributes(ulong Flags, long LockIndex, long DataVersion, long AccessListId);

/// <summary>Below which revision history may be physically gone, shared by all views of one state machine.</summary>
internal sealed class TrimMark
{
    private long _through = -1;

    /// <summary>
    /// Raised before the first cut of a trim. A reader checks it after its last look at the history: a revision below it may have met
    /// a cut.
    /// </summary>
    public long Through
    {
        get => Volatile.Read(ref _through);
        set => Volatile.Write(ref _through, value);
    }

    /// <exception cref="KvException"><see cref="KvErrorCode.Compacted"/> when a read at <paramref name="revision"/> may be incomplete.</exception>
    public void ThrowIfTrimmed(long revision)
    {
        var through = Through;
        if (revision < through) throw new KvException(KvErrorCode.Compacted, compactRevision: through);
    }
}

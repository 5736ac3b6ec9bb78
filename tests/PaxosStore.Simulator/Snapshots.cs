using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>A snapshot on some node's disk.</summary>
internal sealed class Snapshot(LogBase logBase, byte[] data, ulong digest)
{
    public LogBase Base { get; } = logBase;

    public byte[] Data { get; private set; } = data;

    /// <summary>Over the whole; no longer what <see cref="Data"/> gives when the disk went bad.</summary>
    public ulong Digest { get; } = digest;

    public Slot Slot => Base.Through;

    public bool Intact => Of(Data) == Digest;

    public static Snapshot Make(LogBase logBase, byte[] data) => new(logBase, data, Of(data));

    public static ulong Of(ReadOnlySpan<byte> data)
    {
        var hash = 14695981039346656037;
        foreach (var b in data) hash = (hash ^ b) * 1099511628211;
        return hash;
    }

    /// <summary>Bits rot.</summary>
    public void Damage()
    {
        Data = [.. Data];
        Data[Data.Length / 2] ^= 0x10;
    }
}

/// <summary>
/// The snapshots a node has on disk: two generations, newest first. The log is cut only below the older, so that a damaged newer one costs nothing.
/// </summary>
internal sealed class SnapshotStore(bool keepsOldest)
{
    private const int Generations = 2;

    private readonly List<Snapshot> _all = [];
    private readonly List<Snapshot> _written = [];

    /// <summary>Newest first.</summary>
    public IReadOnlyList<Snapshot> All => _all;

    public Snapshot? Newest => _all.Count > 0 ? _all[0] : null;

    /// <summary>What the log may be cut below; null as long as there is one generation only. A mutant goes by what it wrote, not by what it kept.</summary>
    public Snapshot? Older => keepsOldest && _written.Count >= Generations ? _written[^Generations] : _all.Count >= Generations ? _all[Generations - 1] : null;

    /// <summary>A snapshot is durable; the third oldest goes.</summary>
    public void Add(Snapshot snapshot)
    {
        if (keepsOldest) _written.Add(snapshot);
        _all.RemoveAll(s => s.Slot == snapshot.Slot);
        _all.Add(snapshot);
        _all.Sort((a, b) => b.Slot.CompareTo(a.Slot));
        if (_all.Count > Generations) _all.RemoveAt(keepsOldest ? 0 : Generations);
    }

    /// <summary>The newest that is whole; what is damaged is thrown away.</summary>
    public Snapshot? Load(bool unchecked_)
    {
        if (!unchecked_) _all.RemoveAll(s => !s.Intact);
        return Newest;
    }

    public void Clear()
    {
        _all.Clear();
        _written.Clear();
    }
}

/// <summary>Pieces of a snapshot that a node takes in; lost with the process.</summary>
internal sealed class Intake(SnapshotPiece first)
{
    private readonly List<byte> _data = [];

    public SnapshotPiece First { get; } = first;

    public int Pieces { get; private set; }

    public void Add(SnapshotPiece piece)
    {
        _data.AddRange(piece.Data.Span);
        Pieces++;
    }

    public Snapshot Whole => new(First.Base, [.. _data], BitConverter.ToUInt64(First.Digest.Span));
}

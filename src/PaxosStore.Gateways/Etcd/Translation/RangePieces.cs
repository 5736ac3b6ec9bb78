using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Translation;

/// <summary>
/// Cuts a range of one state into pieces of about so many bytes. The first piece is small, so that the first keys arrive soon; the next ones grow or shrink
/// with what the keys weigh.
/// </summary>
internal sealed class RangePieces(KvView view, RangeOp op, int pieceBytes)
{
    private const long FirstKeys = 10;
    private const long MostKeys = 100_000;

    private readonly long total = view.Range(op with { CountOnly = true }).Count;
    private readonly long revision = op.Revision > 0 ? op.Revision : view.Revision;
    private ReadOnlyMemory<byte> from = op.Range.Start;
    private long left = op.CountOnly ? 0 : op.Limit > 0 ? op.Limit : long.MaxValue;
    private long keys = FirstKeys;

    /// <summary>The last piece has been returned.</summary>
    internal bool AtEnd { get; private set; }

    /// <summary>The next piece, or null after the last. The last one alone says how many keys there are and whether more than asked for.</summary>
    /// <exception cref="KvException"><see cref="KvErrorCode.Compacted"/> or <see cref="KvErrorCode.FutureRevision"/>.</exception>
    internal RangeResult? Next()
    {
        if (AtEnd) return null;
        if (left == 0) return End([], more: false);
        var range = op.Range.IsSingle ? op.Range : op.Range with { Start = from };
        var piece = view.Range(op with { Range = range, Revision = revision, Limit = Math.Min(keys, left) });
        left -= piece.Kvs.Length;
        if (!piece.More) return End(piece.Kvs, more: false);
        if (left == 0) return End(piece.Kvs, more: true);
        from = (byte[])[.. piece.Kvs[^1].Key.Span, 0];
        Adapt(piece);
        return piece with { More = false, Count = 0 };
    }

    private RangeResult End(System.Collections.Immutable.ImmutableArray<KeyValue> kvs, bool more)
    {
        AtEnd = true;
        return new RangeResult(kvs, more, total);
    }

    private void Adapt(RangeResult piece)
    {
        long bytes = 0;
        foreach (var kv in piece.Kvs) bytes += kv.Key.Length + kv.Value.Length;
        if (bytes < pieceBytes / 2) keys = Math.Min(keys * 2, MostKeys);
        else if (bytes > pieceBytes) keys = Math.Max(keys / 2, 1);
    }
}

using System.Collections.Immutable;

namespace PaxosStore.Kv;

public static partial class CommandCodec
{
    private enum OpTag : byte
    {
        Range = 1,
        Put = 2,
        DeleteRange = 3,
        Txn = 4,
    }

    [Flags]
    private enum RangeFlags : byte
    {
        None = 0,
        KeysOnly = 1,
        CountOnly = 2,
        All = 3,
    }

    [Flags]
    private enum PutFlags : byte
    {
        None = 0,
        PreviousKv = 1,
        IgnoreValue = 2,
        IgnoreLease = 4,
        All = 7,
    }

    private enum EndKind : byte
    {
        SingleKey = 0,
        Unbounded = 1,
        Exclusive = 2,
    }

    /// <summary>Encodes one operation.</summary>
    /// <exception cref="ArgumentException">Transactions nest too deep.</exception>
    public static byte[] EncodeOp(KvOp op)
    {
        var writer = Start(EnvelopeOverhead);
        WriteOp(writer, op, MostNesting);
        return writer.ToArray();
    }

    /// <summary>Decodes what <see cref="EncodeOp"/> made.</summary>
    /// <exception cref="FormatException">The bytes are anything else.</exception>
    public static KvOp DecodeOp(ReadOnlyMemory<byte> bytes)
    {
        var reader = Open(bytes);
        var op = ReadOp(ref reader, MostNesting);
        reader.End();
        return op;
    }

    private static void WriteOp(ByteWriter writer, KvOp op, int nesting)
    {
        switch (op)
        {
            case RangeOp range:
                writer.Byte((byte)OpTag.Range);
                WriteRangeOp(writer, range);
                break;
            case PutOp put:
                writer.Byte((byte)OpTag.Put);
                writer.Bytes(put.Key.Span);
                writer.Bytes(put.Value.Span);
                writer.Signed(put.Lease);
                writer.Byte((byte)((put.PreviousKv ? PutFlags.PreviousKv : 0) | (put.IgnoreValue ? PutFlags.IgnoreValue : 0)
                    | (put.IgnoreLease ? PutFlags.IgnoreLease : 0)));
                break;
            case DeleteRangeOp delete:
                writer.Byte((byte)OpTag.DeleteRange);
                WriteKeyRange(writer, delete.Range);
                writer.Flag(delete.PreviousKvs);
                break;
            case TxnOp txn:
                if (nesting == 0) throw new ArgumentException("Transactions nest too deep.", nameof(op));
                writer.Byte((byte)OpTag.Txn);
                writer.Unsigned((uint)LengthOf(txn.Compare));
                for (var i = 0; i < LengthOf(txn.Compare); i++) WriteComparison(writer, txn.Compare[i]);
                WriteOps(writer, txn.Success, nesting - 1);
                WriteOps(writer, txn.Failure, nesting - 1);
                break;
            default:
                throw new ArgumentException($"Unknown operation {op.GetType().Name}.", nameof(op));
        }
    }

    private static KvOp ReadOp(ref ByteReader reader, int nesting) => (OpTag)reader.Byte() switch
    {
        OpTag.Range => ReadRangeOp(ref reader),
        OpTag.Put => ReadPut(ref reader),
        OpTag.DeleteRange => new DeleteRangeOp(ReadKeyRange(ref reader)) { PreviousKvs = reader.Flag() },
        OpTag.Txn => ReadTxn(ref reader, nesting),
        _ => throw ByteReader.Malformed("operation is unknown"),
    };

    private static PutOp ReadPut(ref ByteReader reader)
    {
        var (key, value, lease) = (reader.Bytes(), reader.Bytes(), reader.Signed());
        var flags = (PutFlags)reader.Byte();
        if ((flags & ~PutFlags.All) != 0) throw ByteReader.Malformed("put flag is unknown");
        return new PutOp(key, value)
        {
            Lease = lease,
            PreviousKv = (flags & PutFlags.PreviousKv) != 0,
            IgnoreValue = (flags & PutFlags.IgnoreValue) != 0,
            IgnoreLease = (flags & PutFlags.IgnoreLease) != 0,
        };
    }

    private static TxnOp ReadTxn(ref ByteReader reader, int nesting)
    {
        if (nesting == 0) throw ByteReader.Malformed("transactions nest too deep");
        var count = reader.Count();
        var compare = Grow<Comparison>(count);
        for (var i = 0; i < count; i++) compare.Add(ReadComparison(ref reader));
        return new TxnOp(compare.DrainToImmutable(), ReadOps(ref reader, nesting - 1), ReadOps(ref reader, nesting - 1));
    }

    private static void WriteOps(ByteWriter writer, ImmutableArray<KvOp> ops, int nesting)
    {
        writer.Unsigned((uint)LengthOf(ops));
        for (var i = 0; i < LengthOf(ops); i++) WriteOp(writer, ops[i], nesting);
    }

    private static ImmutableArray<KvOp> ReadOps(ref ByteReader reader, int nesting)
    {
        var count = reader.Count();
        var ops = Grow<KvOp>(count);
        for (var i = 0; i < count; i++) ops.Add(ReadOp(ref reader, nesting));
        return ops.DrainToImmutable();
    }

    private static void WriteRangeOp(ByteWriter writer, RangeOp op)
    {
        WriteKeyRange(writer, op.Range);
        writer.Signed(op.Limit);
        writer.Signed(op.Revision);
        writer.Byte((byte)op.Order);
        writer.Byte((byte)op.Target);
        writer.Byte((byte)((op.KeysOnly ? RangeFlags.KeysOnly : 0) | (op.CountOnly ? RangeFlags.CountOnly : 0)));
        writer.Signed(op.MinModRevision);
        writer.Signed(op.MaxModRevision);
        writer.Signed(op.MinCreateRevision);
        writer.Signed(op.MaxCreateRevision);
    }

    private static RangeOp ReadRangeOp(ref ByteReader reader)
    {
        var op = new RangeOp(ReadKeyRange(ref reader))
        {
            Limit = reader.Signed(),
            Revision = reader.Signed(),
            Order = reader.Enum<SortOrder>(),
            Target = reader.Enum<SortTarget>(),
        };
        var flags = (RangeFlags)reader.Byte();
        if ((flags & ~RangeFlags.All) != 0) throw ByteReader.Malformed("range flag is unknown");
        return op with
        {
            KeysOnly = (flags & RangeFlags.KeysOnly) != 0,
            CountOnly = (flags & RangeFlags.CountOnly) != 0,
            MinModRevision = reader.Signed(),
            MaxModRevision = reader.Signed(),
            MinCreateRevision = reader.Signed(),
            MaxCreateRevision = reader.Signed(),
        };
    }

    private static void WriteComparison(ByteWriter writer, Comparison comparison)
    {
        WriteKeyRange(writer, comparison.Range);
        writer.Byte((byte)comparison.Target);
        writer.Byte((byte)comparison.Result);
        writer.Signed(comparison.Number);
        writer.Bytes(comparison.Value.Span);
    }

    private static Comparison ReadComparison(ref ByteReader reader) => new(
        ReadKeyRange(ref reader), reader.Enum<CompareTarget>(), reader.Enum<CompareResult>(), reader.Signed(), reader.Bytes());

    private static void WriteKeyRange(ByteWriter writer, KeyRange range)
    {
        writer.Bytes(range.Start.Span);
        if (range.End is not { } end)
        {
            writer.Byte((byte)EndKind.SingleKey);
        }
        else if (end.IsEmpty)
        {
            writer.Byte((byte)EndKind.Unbounded);
        }
        else
        {
            writer.Byte((byte)EndKind.Exclusive);
            writer.Bytes(end.Span);
        }
    }

    private static KeyRange ReadKeyRange(ref ByteReader reader)
    {
        var start = reader.Bytes();
        switch (reader.Enum<EndKind>())
        {
            case EndKind.SingleKey:
                return KeyRange.SingleKey(start);
            case EndKind.Unbounded:
                return new KeyRange(start, ReadOnlyMemory<byte>.Empty);
            default:
                var end = reader.Bytes();
                if (end.IsEmpty) throw ByteReader.Malformed("end of the range is empty");
                return new KeyRange(start, end);
        }
    }
}

using System.Collections.Immutable;

namespace PaxosStore.Kv;

public static partial class CommandCodec
{
    private enum ResultTag : byte
    {
        Write = 1,
        Done = 2,
        LeaseGrant = 3,
        LeaseRevoke = 4,
        LeaseKeepAlive = 5,
        Refused = 6,
        Alarm = 7,
    }

    /// <summary>Encodes the reply to a command.</summary>
    public static byte[] EncodeResult(KvResult result)
    {
        var writer = Start(EnvelopeOverhead);
        WriteResult(writer, result);
        return writer.ToArray();
    }

    /// <summary>Decodes what <see cref="EncodeResult"/> made.</summary>
    /// <exception cref="FormatException">The bytes are anything else.</exception>
    public static KvResult DecodeResult(ReadOnlyMemory<byte> bytes)
    {
        var reader = Open(bytes);
        var result = ReadResult(ref reader);
        reader.End();
        return result;
    }

    /// <summary>Encodes the reply to one operation.</summary>
    public static byte[] EncodeOpResult(KvOpResult result)
    {
        var writer = Start(EnvelopeOverhead);
        WriteOpResult(writer, result, MostNesting);
        return writer.ToArray();
    }

    /// <summary>Decodes what <see cref="EncodeOpResult"/> made.</summary>
    /// <exception cref="FormatException">The bytes are anything else.</exception>
    public static KvOpResult DecodeOpResult(ReadOnlyMemory<byte> bytes)
    {
        var reader = Open(bytes);
        var result = ReadOpResult(ref reader, MostNesting);
        reader.End();
        return result;
    }

    /// <summary>Encodes events of a watcher.</summary>
    public static byte[] EncodeEvents(IReadOnlyList<KvEvent> events)
    {
        var writer = Start(EnvelopeOverhead);
        writer.Unsigned((uint)events.Count);
        for (var i = 0; i < events.Count; i++)
        {
            writer.Flag(events[i].IsDelete);
            WriteKeyValue(writer, events[i].Kv);
            WriteOptional(writer, events[i].Previous);
        }

        return writer.ToArray();
    }

    /// <summary>Decodes what <see cref="EncodeEvents"/> made.</summary>
    /// <exception cref="FormatException">The bytes are anything else.</exception>
    public static IReadOnlyList<KvEvent> DecodeEvents(ReadOnlyMemory<byte> bytes)
    {
        var reader = Open(bytes);
        var count = reader.Count();
        var events = new List<KvEvent>(Math.Min(count, MostReserved));
        for (var i = 0; i < count; i++) events.Add(new KvEvent(reader.Flag(), ReadKeyValue(ref reader), ReadOptional(ref reader)));
        reader.End();
        return events;
    }

    internal static void WriteResult(ByteWriter writer, KvResult result)
    {
        writer.Byte((byte)TagOf(result));
        writer.Signed(result.Revision);
        writer.Unsigned(result.Term);
        switch (result)
        {
            case WriteResult write:
                WriteOpResult(writer, write.Op, MostNesting);
                break;
            case LeaseGrantResult grant:
                writer.Signed(grant.Id);
                writer.Signed(grant.TtlSeconds);
                break;
            case LeaseRevokeResult revoke:
                writer.Signed(revoke.DeletedKeys);
                break;
            case LeaseKeepAliveResult keepAlive:
                WriteNumbers(writer, keepAlive.TtlSeconds);
                break;
            case RefusedResult refused:
                writer.Byte((byte)refused.Code);
                break;
            case AlarmResult alarms:
                writer.Unsigned((uint)LengthOf(alarms.Changed));
                for (var i = 0; i < LengthOf(alarms.Changed); i++) WriteAlarm(writer, alarms.Changed[i]);
                break;
            default:
                break;
        }
    }

    private static ResultTag TagOf(KvResult result) => result switch
    {
        PaxosStore.Kv.WriteResult => ResultTag.Write,
        DoneResult => ResultTag.Done,
        LeaseGrantResult => ResultTag.LeaseGrant,
        LeaseRevokeResult => ResultTag.LeaseRevoke,
        LeaseKeepAliveResult => ResultTag.LeaseKeepAlive,
        RefusedResult => ResultTag.Refused,
        AlarmResult => ResultTag.Alarm,
        _ => throw new ArgumentException($"Unknown result {result.GetType().Name}.", nameof(result)),
    };

    internal static KvResult ReadResult(ref ByteReader reader)
    {
        var tag = (ResultTag)reader.Byte();
        var (revision, term) = (reader.Signed(), reader.Unsigned());
        return tag switch
        {
            ResultTag.Write => new WriteResult(ReadOpResult(ref reader, MostNesting)) { Revision = revision, Term = term },
            ResultTag.Done => new DoneResult { Revision = revision, Term = term },
            ResultTag.LeaseGrant => new LeaseGrantResult(reader.Signed(), reader.Signed()) { Revision = revision, Term = term },
            ResultTag.LeaseRevoke => new LeaseRevokeResult(reader.Signed()) { Revision = revision, Term = term },
            ResultTag.LeaseKeepAlive => new LeaseKeepAliveResult(ReadNumbers(ref reader)) { Revision = revision, Term = term },
            ResultTag.Alarm => new AlarmResult(ReadAlarms(ref reader)) { Revision = revision, Term = term },
            ResultTag.Refused => new RefusedResult(reader.Enum<KvErrorCode>()) { Revision = revision, Term = term },
            _ => throw ByteReader.Malformed("result is unknown"),
        };
    }

    private static ImmutableArray<AlarmInfo> ReadAlarms(ref ByteReader reader)
    {
        var count = reader.Count();
        var alarms = Grow<AlarmInfo>(count);
        for (var i = 0; i < count; i++) alarms.Add(ReadAlarm(ref reader));
        return alarms.DrainToImmutable();
    }

    private static void WriteOpResult(ByteWriter writer, KvOpResult result, int nesting)
    {
        switch (result)
        {
            case RangeResult range:
                writer.Byte((byte)OpTag.Range);
                WriteKeyValues(writer, range.Kvs);
                writer.Flag(range.More);
                writer.Signed(range.Count);
                break;
            case PutResult put:
                writer.Byte((byte)OpTag.Put);
                WriteOptional(writer, put.Previous);
                break;
            case DeleteRangeResult delete:
                writer.Byte((byte)OpTag.DeleteRange);
                writer.Signed(delete.Deleted);
                WriteKeyValues(writer, delete.Previous);
                break;
            case TxnResult txn:
                if (nesting == 0) throw new ArgumentException("Transactions nest too deep.", nameof(result));
                writer.Byte((byte)OpTag.Txn);
                writer.Flag(txn.Succeeded);
                writer.Unsigned((uint)LengthOf(txn.Responses));
                for (var i = 0; i < LengthOf(txn.Responses); i++) WriteOpResult(writer, txn.Responses[i], nesting - 1);
                break;
            default:
                throw new ArgumentException($"Unknown result {result.GetType().Name}.", nameof(result));
        }
    }

    private static KvOpResult ReadOpResult(ref ByteReader reader, int nesting) => (OpTag)reader.Byte() switch
    {
        OpTag.Range => new RangeResult(ReadKeyValues(ref reader), reader.Flag(), reader.Signed()),
        OpTag.Put => new PutResult(ReadOptional(ref reader)),
        OpTag.DeleteRange => new DeleteRangeResult(reader.Signed(), ReadKeyValues(ref reader)),
        OpTag.Txn => ReadTxnResult(ref reader, nesting),
        _ => throw ByteReader.Malformed("operation is unknown"),
    };

    private static TxnResult ReadTxnResult(ref ByteReader reader, int nesting)
    {
        if (nesting == 0) throw ByteReader.Malformed("transactions nest too deep");
        var succeeded = reader.Flag();
        var count = reader.Count();
        var responses = Grow<KvOpResult>(count);
        for (var i = 0; i < count; i++) responses.Add(ReadOpResult(ref reader, nesting - 1));
        return new TxnResult(succeeded, responses.DrainToImmutable());
    }

    private static void WriteKeyValues(ByteWriter writer, ImmutableArray<KeyValue> kvs)
    {
        writer.Unsigned((uint)LengthOf(kvs));
        for (var i = 0; i < LengthOf(kvs); i++) WriteKeyValue(writer, kvs[i]);
    }

    private static ImmutableArray<KeyValue> ReadKeyValues(ref ByteReader reader)
    {
        var count = reader.Count();
        var kvs = Grow<KeyValue>(count);
        for (var i = 0; i < count; i++) kvs.Add(ReadKeyValue(ref reader));
        return kvs.DrainToImmutable();
    }

    private static void WriteOptional(ByteWriter writer, KeyValue? kv)
    {
        writer.Flag(kv is not null);
        if (kv is not null) WriteKeyValue(writer, kv);
    }

    private static KeyValue? ReadOptional(ref ByteReader reader) => reader.Flag() ? ReadKeyValue(ref reader) : null;

    private static void WriteKeyValue(ByteWriter writer, KeyValue kv)
    {
        writer.Bytes(kv.Key.Span);
        writer.Bytes(kv.Value.Span);
        writer.Signed(kv.CreateRevision);
        writer.Signed(kv.ModRevision);
        writer.Signed(kv.Version);
        writer.Signed(kv.Lease);
    }

    private static KeyValue ReadKeyValue(ref ByteReader reader) => new(
        reader.Bytes(), reader.Bytes(), reader.Signed(), reader.Signed(), reader.Signed(), reader.Signed());
}

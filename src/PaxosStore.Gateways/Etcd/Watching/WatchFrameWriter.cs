using System.Buffers;
using System.Text;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Watching;

/// <summary>Writes <see cref="WatchFrame"/> as protobuf: sizes first, then bytes. Numbers are those of WatchResponse, Event and KeyValue.</summary>
internal static class WatchFrameWriter
{
    // Tags: field number << 3 | wire type (0 = varint, 2 = length-delimited).
    private const byte FrameHeader = (1 << 3) | 2, FrameWatchId = 2 << 3, FrameCreated = 3 << 3, FrameCanceled = 4 << 3;
    private const byte FrameCompactRevision = 5 << 3, FrameCancelReason = (6 << 3) | 2, FrameFragment = 7 << 3, FrameEvent = (11 << 3) | 2;
    private const byte HeaderCluster = 1 << 3, HeaderMember = 2 << 3, HeaderRevision = 3 << 3, HeaderTerm = 4 << 3;
    private const byte EventType = 1 << 3, EventKv = (2 << 3) | 2, EventPrevious = (3 << 3) | 2;
    private const byte KvKey = (1 << 3) | 2, KvCreate = 2 << 3, KvMod = 3 << 3, KvVersion = 4 << 3, KvValue = (5 << 3) | 2, KvLease = 6 << 3;

    /// <summary>Encoded size of the whole frame.</summary>
    internal static int Size(WatchFrame frame)
    {
        var size = HeadSize(frame);
        foreach (var item in frame.Events.Span) size += EventFieldSize(item, frame.PreviousKv);
        return size;
    }

    /// <summary>Encoded size of all but the events.</summary>
    internal static int HeadSize(WatchFrame frame)
    {
        var size = BytesField(HeaderSize(frame)) + Field((ulong)frame.WatchId) + Field((ulong)frame.CompactRevision)
            + Flag(frame.Created) + Flag(frame.Canceled) + Flag(frame.Fragment);
        return frame.CancelReason.Length == 0 ? size : size + BytesField(Encoding.UTF8.GetByteCount(frame.CancelReason));
    }

    /// <summary>Encoded size one event adds to a frame.</summary>
    internal static int EventFieldSize(KvEvent item, bool previous) => BytesField(EventSize(item, previous));

    /// <summary>Writes the frame.</summary>
    internal static void Write(WatchFrame frame, IBufferWriter<byte> target)
    {
        var headSize = HeadSize(frame);
        var head = new Cursor(target.GetSpan(headSize));
        WriteHead(ref head, frame);
        target.Advance(head.Position);
        foreach (var item in frame.Events.Span)
        {
            var cursor = new Cursor(target.GetSpan(EventFieldSize(item, frame.PreviousKv)));
            WriteEvent(ref cursor, item, frame.PreviousKv);
            target.Advance(cursor.Position);
        }
    }

    private static void WriteHead(ref Cursor to, WatchFrame frame)
    {
        to.Byte(FrameHeader);
        to.Varint((ulong)HeaderSize(frame));
        to.Field(HeaderCluster, frame.ClusterId);
        to.Field(HeaderMember, frame.MemberId);
        to.Field(HeaderRevision, (ulong)frame.Revision);
        to.Field(HeaderTerm, frame.Term);
        to.Field(FrameWatchId, (ulong)frame.WatchId);
        to.Field(FrameCreated, frame.Created ? 1u : 0u);
        to.Field(FrameCanceled, frame.Canceled ? 1u : 0u);
        to.Field(FrameCompactRevision, (ulong)frame.CompactRevision);
        if (frame.CancelReason.Length > 0) to.Bytes(FrameCancelReason, Encoding.UTF8.GetBytes(frame.CancelReason));
        to.Field(FrameFragment, frame.Fragment ? 1u : 0u);
    }

    private static void WriteEvent(ref Cursor to, KvEvent item, bool previous)
    {
        to.Byte(FrameEvent);
        to.Varint((ulong)EventSize(item, previous));
        to.Field(EventType, item.IsDelete ? 1u : 0u);
        WriteKv(ref to, EventKv, item.Kv);
        if (previous && Previous(item) is { } before) WriteKv(ref to, EventPrevious, before);
    }

    private static void WriteKv(ref Cursor to, byte tag, KeyValue kv)
    {
        to.Byte(tag);
        to.Varint((ulong)KvSize(kv));
        to.Bytes(KvKey, kv.Key.Span);
        to.Field(KvCreate, (ulong)kv.CreateRevision);
        to.Field(KvMod, (ulong)kv.ModRevision);
        to.Field(KvVersion, (ulong)kv.Version);
        to.Bytes(KvValue, kv.Value.Span);
        to.Field(KvLease, (ulong)kv.Lease);
    }

    private static int HeaderSize(WatchFrame frame) =>
        Field(frame.ClusterId) + Field(frame.MemberId) + Field((ulong)frame.Revision) + Field(frame.Term);

    private static int EventSize(KvEvent item, bool previous)
    {
        var size = Flag(item.IsDelete) + BytesField(KvSize(item.Kv));
        return previous && Previous(item) is { } before ? size + BytesField(KvSize(before)) : size;
    }

    // A put that creates the key has no previous one, even when the same transaction deleted it before.
    private static KeyValue? Previous(KvEvent item) =>
        !item.IsDelete && item.Kv.CreateRevision == item.Kv.ModRevision ? null : item.Previous;

    private static int KvSize(KeyValue kv) =>
        (kv.Key.IsEmpty ? 0 : BytesField(kv.Key.Length)) + (kv.Value.IsEmpty ? 0 : BytesField(kv.Value.Length))
        + Field((ulong)kv.CreateRevision) + Field((ulong)kv.ModRevision) + Field((ulong)kv.Version) + Field((ulong)kv.Lease);

    // Every tag here is one byte long; zeros are not written.
    private static int Field(ulong value) => value == 0 ? 0 : 1 + VarintSize(value);

    private static int Flag(bool value) => value ? 2 : 0;

    private static int BytesField(int length) => 1 + VarintSize((ulong)length) + length;

    private static int VarintSize(ulong value) => (System.Numerics.BitOperations.Log2(value | 1) / 7) + 1;

    private ref struct Cursor(Span<byte> span)
    {
        private readonly Span<byte> span = span;

        internal int Position { get; private set; }

        internal void Byte(byte value) => span[Position++] = value;

        internal void Varint(ulong value)
        {
            while (value >= 0x80)
            {
                span[Position++] = (byte)(value | 0x80);
                value >>= 7;
            }

            span[Position++] = (byte)value;
        }

        internal void Field(byte tag, ulong value)
        {
            if (value == 0) return;
            Byte(tag);
            Varint(value);
        }

        internal void Bytes(byte tag, ReadOnlySpan<byte> value)
        {
            if (value.IsEmpty) return;
            Byte(tag);
            Varint((ulong)value.Length);
            value.CopyTo(span[Position..]);
            Position += value.Length;
        }
    }
}

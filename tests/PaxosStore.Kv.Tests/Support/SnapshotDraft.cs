using System.Buffers.Binary;
using System.Security.Cryptography;

namespace PaxosStore.Kv.Tests;

/// <summary>A snapshot taken apart into records, to be put together wrongly; the SHA-256 at its end is always right.</summary>
internal sealed class SnapshotDraft
{
    /// <summary>Takes a snapshot apart.</summary>
    public SnapshotDraft(ReadOnlySpan<byte> snapshot)
    {
        Header = KvSnapshotHeader.Parse(snapshot);
        for (var rest = snapshot[KvSnapshotHeader.Length..]; rest[4] != (byte)SnapshotTag.End;)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(rest);
            Records.Add(rest.Slice(4, length).ToArray());
            rest = rest[(4 + length)..];
        }
    }

    public KvSnapshotHeader Header { get; set; }

    /// <summary>Tag and content of each record but the end.</summary>
    public List<byte[]> Records { get; } = [];

    /// <summary>A record from its parts.</summary>
    public static byte[] Record(SnapshotTag tag, Action<ByteWriter> content)
    {
        var writer = new ByteWriter(64);
        writer.Byte((byte)tag);
        content(writer);
        return writer.Written.ToArray();
    }

    /// <summary>Where the first record of a kind stands.</summary>
    public int Find(SnapshotTag tag) => Records.FindIndex(r => r[0] == (byte)tag);

    /// <summary>Another record in the place of the first of its kind.</summary>
    public void Replace(SnapshotTag tag, Action<ByteWriter> content) => Records[Find(tag)] = Record(tag, content);

    /// <summary>The first record of a kind twice.</summary>
    public void Repeat(SnapshotTag tag) => Records.Insert(Find(tag), Records[Find(tag)]);

    /// <summary>The first records of two kinds, each in the place of the other.</summary>
    public void Swap(SnapshotTag one, SnapshotTag other)
    {
        var (first, second) = (Find(one), Find(other));
        (Records[first], Records[second]) = (Records[second], Records[first]);
    }

    public byte[] ToBytes()
    {
        var bytes = new List<byte>(Header.ToBytes());
        foreach (var record in Records) Add(record);
        Add([(byte)SnapshotTag.End, .. SHA256.HashData(bytes.ToArray())]);
        return [.. bytes];

        void Add(byte[] record)
        {
            bytes.AddRange(BitConverter.GetBytes(record.Length));
            bytes.AddRange(record);
        }
    }
}

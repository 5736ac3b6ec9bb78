using System.Buffers.Binary;
using System.Numerics;

namespace PaxosStore.Kv;

/// <summary>A hash of the keys' history that an operator can compare between nodes: read from the bytes themselves, not from anything kept beside them.</summary>
internal static class KvHash
{
    private const int FlushAt = 32 * 1024;

    /// <summary>CRC-32C over all versions readable from the compact revision through <paramref name="revision"/>.</summary>
    public static uint Compute(KvView view, long revision)
    {
        var crc = ~0u;
        var writer = new ByteWriter(FlushAt + 4096);
        writer.Signed(view.CompactRevision);
        writer.Signed(revision);
        KeyTree.ForEachHead(view.Root, head =>
        {
            var newest = head;
            while (newest is not null && newest.ModRevision > revision) newest = newest.Previous;
            if (newest is not null) StateDigest.AppendKey(newest, view.CompactRevision, writer);
            if (writer.Length < FlushAt) return;
            crc = Append(crc, writer.Written);
            writer.Clear();
        });
        return ~Append(crc, writer.Written);
    }

    private static uint Append(uint crc, ReadOnlySpan<byte> bytes)
    {
        for (; bytes.Length >= 8; bytes = bytes[8..]) crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (var b in bytes) crc = BitOperations.Crc32C(crc, b);
        return crc;
    }
}

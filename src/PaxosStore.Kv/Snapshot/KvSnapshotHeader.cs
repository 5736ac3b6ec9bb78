using System.Buffers.Binary;

namespace PaxosStore.Kv;

/// <summary>The first 64 bytes of a snapshot: which state it is.</summary>
/// <param name="Slot">Last slot applied.</param>
/// <param name="Revision">Revision of the last change.</param>
/// <param name="CompactRevision">Lowest readable revision; −1 before the first compaction.</param>
/// <param name="LiveKeys">Keys alive.</param>
/// <param name="Versions">Versions of keys that follow, deletes among them.</param>
/// <param name="LogTime">Elapsed time as the leaders counted it.</param>
/// <param name="Term">Ballot round of the log.</param>
public sealed record KvSnapshotHeader(
    long Slot, long Revision, long CompactRevision, long LiveKeys, long Versions, TimeSpan LogTime, ulong Term)
{
    /// <summary>Length in bytes.</summary>
    public const int Length = 64;

    /// <summary>How every snapshot begins; the last byte is the version of the format.</summary>
    public static ReadOnlySpan<byte> Magic => "PXSTORE\u0001"u8;

    /// <summary>Reads the header of a snapshot.</summary>
    /// <param name="bytes">Its first <see cref="Length"/> bytes or more.</param>
    /// <exception cref="FormatException">They are too few or no header.</exception>
    public static KvSnapshotHeader Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < Length) throw new FormatException($"A snapshot begins with {Length} bytes; there are only {bytes.Length}.");
        if (!bytes.StartsWith(Magic[..^1])) throw new FormatException("This is no PaxosStore snapshot: it does not begin with PXSTORE.");
        if (bytes[Magic.Length - 1] != Magic[^1])
        {
            throw new FormatException(
                $"The snapshot has format {bytes[Magic.Length - 1]}, this program reads format {Magic[^1]}: use the version that wrote it.");
        }

        var header = new KvSnapshotHeader(
            Number(bytes, 1), Number(bytes, 2), Number(bytes, 3), Number(bytes, 4), Number(bytes, 5), new TimeSpan(Number(bytes, 6)), (ulong)Number(bytes, 7));
        if (header.Slot < 0 || header.Revision < 1 || header.CompactRevision < -1 || header.CompactRevision > header.Revision
            || header.LiveKeys < 0 || header.Versions < header.LiveKeys || header.LogTime < TimeSpan.Zero)
        {
            throw new FormatException($"The snapshot's header is damaged: {header}.");
        }

        return header;
    }

    internal byte[] ToBytes()
    {
        var bytes = new byte[Length];
        Magic.CopyTo(bytes);
        long[] numbers = [Slot, Revision, CompactRevision, LiveKeys, Versions, LogTime.Ticks, (long)Term];
        for (var i = 0; i < numbers.Length; i++) BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8 * (i + 1)), numbers[i]);
        return bytes;
    }

    private static long Number(ReadOnlySpan<byte> bytes, int index) => BinaryPrimitives.ReadInt64LittleEndian(bytes[(8 * index)..]);
}

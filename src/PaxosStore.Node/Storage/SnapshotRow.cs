using System.Buffers.Binary;
using Google.Protobuf;
using PaxosStore.Node.Journal;
using PaxosStore.Node.Wire;

namespace PaxosStore.Node.Storage;

/// <summary>What a whole snapshot consists of; it is written last, and without it there is no snapshot.</summary>
/// <param name="Slot">Last slot whose commands are in it.</param>
/// <param name="Chunks">How many chunks.</param>
/// <param name="Bytes">Length of all chunks together.</param>
/// <param name="Sha256">Digest of the chunks' bytes, one after the other.</param>
/// <param name="Base">What the consensus core must know to go on from here; opaque to the storage.</param>
internal sealed record SnapshotManifest(long Slot, int Chunks, long Bytes, ReadOnlyMemory<byte> Sha256, ReadOnlyMemory<byte> Base);

/// <summary>A snapshot does not read as it was written; it must be fetched or made anew.</summary>
internal sealed class SnapshotCorruptException(string message) : Exception(message);

/// <summary>The snapshot store failed or did not answer: what it was asked for may or may not have happened.</summary>
internal sealed class SnapshotStorageException(string message, Exception inner) : Exception(message, inner);

/// <summary>
/// One row of the snapshot store, checksum first. The serializer takes it as it is: damage must be found by who asked for the row, not break the store's
/// actor, whose circuit breaker would shut out sound rows too.
/// </summary>
internal abstract record SnapshotRow(byte[] Raw);

/// <summary>A part of a snapshot's content.</summary>
internal sealed record SnapshotChunkRow(byte[] Raw) : SnapshotRow(Raw);

/// <summary>A <see cref="SnapshotManifest"/>.</summary>
internal sealed record SnapshotManifestRow(byte[] Raw) : SnapshotRow(Raw);

/// <summary>Rows as bytes: a CRC-32C, then the body. The checksum covers where the row belongs, too: a row at another's place is damage.</summary>
internal static class SnapshotCodec
{
    private const int ChecksumBytes = sizeof(uint);

    public static SnapshotChunkRow Encode(long slot, int index, ReadOnlySpan<byte> bytes) => new(Seal(slot, index, bytes));

    public static SnapshotManifestRow Encode(SnapshotManifest manifest)
    {
        var wire = new WireSnapshotManifest
        {
            Slot = manifest.Slot,
            Chunks = manifest.Chunks,
            Bytes = manifest.Bytes,
            Sha256 = UnsafeByteOperations.UnsafeWrap(manifest.Sha256),
            Base = UnsafeByteOperations.UnsafeWrap(manifest.Base),
        };
        return new SnapshotManifestRow(Seal(manifest.Slot, -1, wire.ToByteArray()));
    }

    /// <exception cref="SnapshotCorruptException">It is not that chunk, or damaged.</exception>
    public static ReadOnlyMemory<byte> Decode(object row, long slot, int index) => row is SnapshotChunkRow chunk && TryOpen(chunk, slot, index, out var body)
        ? body
        : throw new SnapshotCorruptException($"chunk {index} of snapshot {slot} fails its checksum");

    /// <exception cref="SnapshotCorruptException">It is not that manifest, or damaged.</exception>
    public static SnapshotManifest Decode(object row, long slot)
    {
        if (row is not SnapshotManifestRow manifest || !TryOpen(manifest, slot, -1, out var body))
        {
            throw new SnapshotCorruptException($"the manifest of snapshot {slot} fails its checksum");
        }

        var wire = WireSnapshotManifest.Parser.ParseFrom(body.Span);
        return new SnapshotManifest(wire.Slot, wire.Chunks, wire.Bytes, wire.Sha256.Memory, wire.Base.Memory);
    }

    private static byte[] Seal(long slot, int index, ReadOnlySpan<byte> body)
    {
        var raw = new byte[ChecksumBytes + body.Length];
        body.CopyTo(raw.AsSpan(ChecksumBytes));
        BinaryPrimitives.WriteUInt32LittleEndian(raw, Checksum(slot, index, body));
        return raw;
    }

    private static bool TryOpen(SnapshotRow row, long slot, int index, out ReadOnlyMemory<byte> body)
    {
        body = default;
        if (row.Raw.Length < ChecksumBytes) return false;
        body = row.Raw.AsMemory(ChecksumBytes);
        return BinaryPrimitives.ReadUInt32LittleEndian(row.Raw) == Checksum(slot, index, body.Span);
    }

    private static uint Checksum(long slot, int index, ReadOnlySpan<byte> body)
    {
        Span<byte> place = stackalloc byte[sizeof(long) + sizeof(int)];
        BinaryPrimitives.WriteInt64LittleEndian(place, slot);
        BinaryPrimitives.WriteInt32LittleEndian(place[sizeof(long)..], index);
        return JournalCodec.Checksum(body, JournalCodec.Checksum(place));
    }
}

using Akka.Actor;
using Akka.TestKit.Xunit2;
using PaxosStore.Node.Storage;
using PaxosStore.Node.Wire;

namespace PaxosStore.Node.Tests.Storage;

/// <summary>Rows of the snapshot store are for ever, like the journal's.</summary>
public sealed class SnapshotRowTests : TestKit
{
    private const string GoldenChunk = "970D2E9D0102030405";
    private const string GoldenManifest = "24218E8A08B424100318A0CB98012202AABB2A020708";

    private static readonly byte[] Bytes = [1, 2, 3, 4, 5];
    private static readonly SnapshotManifest Manifest = new(0x1234, 3, 2_500_000, new byte[] { 0xAA, 0xBB }, new byte[] { 7, 8 });

    private readonly PaxosSerializer _serializer;

    public SnapshotRowTests() => _serializer = new PaxosSerializer((ExtendedActorSystem)Sys);

    [Fact]
    public void A_chunk_is_written_and_read_as_ever()
    {
        var row = SnapshotCodec.Encode(0x1234, 2, Bytes);
        Assert.Equal("S", _serializer.Manifest(row));
        Assert.Equal(GoldenChunk, Convert.ToHexString(_serializer.ToBinary(row)));
        Assert.Equal(Bytes, SnapshotCodec.Decode(Read(GoldenChunk, "S"), 0x1234, 2).ToArray());
    }

    [Fact]
    public void A_manifest_is_written_and_read_as_ever()
    {
        var row = SnapshotCodec.Encode(Manifest);
        Assert.Equal("M", _serializer.Manifest(row));
        Assert.Equal(GoldenManifest, Convert.ToHexString(_serializer.ToBinary(row)));
        var read = SnapshotCodec.Decode(Read(GoldenManifest, "M"), 0x1234);
        Assert.Equal((Manifest.Slot, Manifest.Chunks, Manifest.Bytes), (read.Slot, read.Chunks, read.Bytes));
        Assert.Equal(Manifest.Sha256.ToArray(), read.Sha256.ToArray());
        Assert.Equal(Manifest.Base.ToArray(), read.Base.ToArray());
    }

    [Fact]
    public void Any_flipped_bit_any_cut_and_any_other_place_is_damage()
    {
        var (chunk, manifest) = (Convert.FromHexString(GoldenChunk), Convert.FromHexString(GoldenManifest));
        for (var bit = 0; bit < chunk.Length * 8; bit++) Damaged(() => SnapshotCodec.Decode(new SnapshotChunkRow(Flip(chunk, bit)), 0x1234, 2));
        for (var bit = 0; bit < manifest.Length * 8; bit++) Damaged(() => SnapshotCodec.Decode(new SnapshotManifestRow(Flip(manifest, bit)), 0x1234));
        for (var length = 0; length < chunk.Length; length++) Damaged(() => SnapshotCodec.Decode(new SnapshotChunkRow(chunk[..length]), 0x1234, 2));
        for (var length = 0; length < manifest.Length; length++) Damaged(() => SnapshotCodec.Decode(new SnapshotManifestRow(manifest[..length]), 0x1234));
        Damaged(() => SnapshotCodec.Decode(new SnapshotChunkRow(chunk), 0x1234, 1));
        Damaged(() => SnapshotCodec.Decode(new SnapshotChunkRow(chunk), 0x1235, 2));
        Damaged(() => SnapshotCodec.Decode(new SnapshotManifestRow(manifest), 0x1235));
        Damaged(() => SnapshotCodec.Decode("text", 0x1234, 2));
    }

    private static byte[] Flip(byte[] bytes, int bit)
    {
        var flipped = (byte[])bytes.Clone();
        flipped[bit / 8] ^= (byte)(1 << (bit % 8));
        return flipped;
    }

    private static void Damaged(Func<object> read) => Assert.Throws<SnapshotCorruptException>(read);

    private object Read(string golden, string manifest) => _serializer.FromBinary(Convert.FromHexString(golden), manifest);
}

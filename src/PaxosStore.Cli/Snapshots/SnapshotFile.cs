using System.Buffers.Binary;
using System.Security.Cryptography;

namespace PaxosStore.Cli.Snapshots;

/// <summary>
/// A backup that has been checked: an image, which begins with a header of 64 bytes and is padded to a multiple of 512, then the SHA-256 of the image.
/// </summary>
/// <param name="FileBytes">Bytes of the file.</param>
/// <param name="Sha256">Of the image, hexadecimal.</param>
/// <param name="Slot">Last log entry in it.</param>
/// <param name="Revision">Revision it holds.</param>
/// <param name="CompactRevision">Lowest revision that can be read from it.</param>
/// <param name="LiveKeys">Keys in it.</param>
/// <param name="Versions">Versions of keys in it.</param>
/// <param name="LogTime">Time as the cluster counted it.</param>
/// <param name="Term">Ballot round of the log.</param>
internal sealed record SnapshotFile(
    long FileBytes, string Sha256, long Slot, long Revision, long CompactRevision, long LiveKeys, long Versions, TimeSpan LogTime, ulong Term)
{
    private const int HeaderBytes = 64;
    private const int PageBytes = 512;
    private const int FormatAt = 7;
    private const byte Format = 1;

    private static ReadOnlySpan<byte> Magic => "PXSTORE"u8;

    /// <summary>Reads all of a file.</summary>
    /// <exception cref="CtlException">It is no whole and sound backup.</exception>
    internal static async Task<SnapshotFile> VerifyAsync(string path, CancellationToken cancellation)
    {
        if (!File.Exists(path)) throw new CtlException($"{path} is not there");
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 20, FileOptions.SequentialScan);
        var header = new byte[HeaderBytes];
        if (await file.ReadAtLeastAsync(header, HeaderBytes, throwOnEndOfStream: false, cancellation) < HeaderBytes || !header.AsSpan().StartsWith(Magic))
        {
            throw new CtlException($"{path} is no backup of a PaxosStore: it does not begin with PXSTORE");
        }

        if (header[FormatAt] != Format)
        {
            throw new CtlException($"{path} has format {header[FormatAt]}, this program reads format {Format}: use the paxosctl of the version that wrote it");
        }

        var size = file.Length;
        if (size % PageBytes != SHA256.HashSizeInBytes)
        {
            throw new CtlException($"{path} is not whole: {size} bytes are no multiple of {PageBytes} and a hash; take the backup again");
        }

        var computed = await HashAsync(file, size - SHA256.HashSizeInBytes, cancellation);
        var trailer = new byte[SHA256.HashSizeInBytes];
        await file.ReadExactlyAsync(trailer, cancellation);
        return computed.AsSpan().SequenceEqual(trailer)
            ? Parse(path, size, Convert.ToHexStringLower(trailer), header)
            : throw new CtlException($"{path} is damaged: its hash does not fit its content; use another backup");
    }

    /// <summary>Hash of the first bytes of a file; leaves it standing behind them.</summary>
    private static async Task<byte[]> HashAsync(FileStream file, long length, CancellationToken cancellation)
    {
        file.Position = 0;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 20];
        for (var left = length; left > 0;)
        {
            var read = await file.ReadAsync(buffer.AsMemory(0, (int)Math.Min(left, buffer.Length)), cancellation);
            if (read == 0) throw new EndOfStreamException($"{file.Name} became shorter while it was read");
            hash.AppendData(buffer, 0, read);
            left -= read;
        }

        return hash.GetHashAndReset();
    }

    private static SnapshotFile Parse(string path, long size, string sha256, byte[] header)
    {
        long Number(int index) => BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(8 * index));
        var file = new SnapshotFile(size, sha256, Number(1), Number(2), Number(3), Number(4), Number(5), new TimeSpan(Number(6)), (ulong)Number(7));
        var sound = file.Slot >= 0 && file.Revision >= 1 && file.CompactRevision <= file.Revision && file.LiveKeys >= 0 && file.Versions >= file.LiveKeys;
        return sound ? file : throw new CtlException($"{path} is damaged: its header contradicts itself; use another backup");
    }
}

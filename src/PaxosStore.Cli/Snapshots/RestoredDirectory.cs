using System.Security.Cryptography;
using System.Text.Json;

namespace PaxosStore.Cli.Snapshots;

/// <summary>
/// A data directory from which a node starts with the state of a backup: the backup, and a note that says what to do with it. The note is
/// written last: without it the directory is not one.
/// </summary>
internal static class RestoredDirectory
{
    private const string SnapshotName = "restore.snapshot";
    private const string NoteName = "restore.json";

    /// <summary>Makes one.</summary>
    /// <exception cref="CtlException">The directory is not empty, or the backup changed while it was copied.</exception>
    internal static async Task WriteAsync(string directory, string file, SnapshotFile snapshot, long revisionBump, CancellationToken cancellation)
    {
        if (File.Exists(directory)) throw new CtlException($"{directory} is a file: choose another --data-dir");
        if (Directory.Exists(directory) && Directory.EnumerateFileSystemEntries(directory).Any())
        {
            throw new CtlException($"{directory} is not empty: choose an empty or a new directory with --data-dir");
        }

        Directory.CreateDirectory(directory);
        if (Path.GetDirectoryName(directory) is { Length: > 0 } parent) Durable.FlushDirectory(parent);
        var sha256 = await CopyAsync(file, Path.Combine(directory, SnapshotName), snapshot.FileBytes, cancellation);
        if (sha256 != snapshot.Sha256) throw new CtlException($"{file} changed while it was copied: empty {directory} and try again");
        Durable.FlushDirectory(directory);
        Durable.WriteFile(Path.Combine(directory, NoteName), JsonSerializer.Serialize(new { revisionBump, sha256 }));
    }

    /// <summary>Copies the file to the disk; returns the hash of the image as it was copied.</summary>
    private static async Task<string> CopyAsync(string file, string target, long length, CancellationToken cancellation)
    {
        await using var source = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 20, FileOptions.SequentialScan);
        await using var copy = Durable.Create(target);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var image = length - SHA256.HashSizeInBytes;
        var buffer = new byte[1 << 20];
        for (int read; (read = await source.ReadAsync(buffer, cancellation)) > 0;)
        {
            hash.AppendData(buffer, 0, (int)Math.Clamp(image, 0, read));
            image -= read;
            await copy.WriteAsync(buffer.AsMemory(0, read), cancellation);
        }

        Durable.Flush(copy);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}

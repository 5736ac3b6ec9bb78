using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace PaxosStore.Cli.Snapshots;

/// <summary>
/// Files that are on the disk when the call returns. .NET's own flush keeps some errors of the system to itself, so the system is asked directly; on
/// Windows, which has no such call for directories, by .NET.
/// </summary>
internal static partial class Durable
{
    private const int ReadOnly = 0;

    /// <summary>Creates or empties a file for writing.</summary>
    internal static FileStream Create(string path) =>
        new(path, FileMode.Create, FileAccess.ReadWrite, FileShare.None, 1 << 20, FileOptions.SequentialScan);

    /// <summary>Brings a file to the disk.</summary>
    /// <exception cref="IOException">The system says that it is not there.</exception>
    internal static void Flush(FileStream file)
    {
        if (OperatingSystem.IsWindows())
        {
            file.Flush(flushToDisk: true);
            return;
        }

        file.Flush();
        Sync(file.SafeFileHandle, file.Name);
    }

    /// <summary>Renames a file over whatever has the new name, on the disk too.</summary>
    internal static void Rename(string from, string to)
    {
        File.Move(from, to, overwrite: true);
        FlushDirectory(Path.GetDirectoryName(Path.GetFullPath(to))!);
    }

    /// <summary>Writes a small file so that it is there whole or not at all.</summary>
    internal static void WriteFile(string path, string text)
    {
        var part = path + ".part";
        using (var file = Create(part))
        {
            file.Write(Encoding.UTF8.GetBytes(text));
            Flush(file);
        }

        Rename(part, path);
    }

    /// <summary>Brings the names in a directory to the disk.</summary>
    internal static void FlushDirectory(string directory)
    {
        if (OperatingSystem.IsWindows()) return;
        using var handle = Open(directory, ReadOnly);
        if (handle.IsInvalid) throw Failed("open", directory);
        Sync(handle, directory);
    }

    private static void Sync(SafeFileHandle handle, string path)
    {
        if (FSync(handle) != 0) throw Failed("flush", path);
    }

    private static IOException Failed(string what, string path) =>
        new($"can't {what} {path} ({Marshal.GetLastPInvokeErrorMessage()}): nothing written there can be relied on");

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(SafeFileHandle descriptor);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags);
}

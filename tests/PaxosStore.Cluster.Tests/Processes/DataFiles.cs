namespace PaxosStore.Cluster.Tests.Processes;

/// <summary>Files of a data directory, looked at and spoilt from outside.</summary>
internal static class DataFiles
{
    /// <summary>Bytes of all files below the directory. A file that goes away meanwhile counts as nothing.</summary>
    public static long Size(string directory)
    {
        var total = 0L;
        foreach (var file in new DirectoryInfo(directory).EnumerateFiles("*", SearchOption.AllDirectories))
        {
            file.Refresh();
            total += file.Exists ? file.Length : 0;
        }

        return total;
    }

    /// <summary>Flips one bit in each of <paramref name="count"/> places, spread evenly over the part of the file between the two fractions of its length.</summary>
    public static void FlipBits(string path, int count, double from = 0.1, double to = 0.9)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        for (var i = 0; i < count; i++)
        {
            file.Position = (long)(file.Length * (from + (to - from) * (i + 0.5) / count));
            var old = file.ReadByte();
            file.Position--;
            file.WriteByte((byte)(old ^ 0x10));
        }

        file.Flush(flushToDisk: true);
    }
}

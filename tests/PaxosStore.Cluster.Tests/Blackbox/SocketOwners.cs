using System.Globalization;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Blackbox;

/// <summary>Finds whose end of a local connection a port is, by what the kernel shows below /proc.</summary>
internal static class SocketOwners
{
    /// <summary>The node that connected from <paramref name="port"/>, or null.</summary>
    public static NodeProcess? Of(int port, IEnumerable<NodeProcess> nodes)
    {
        var link = (string[])["/proc/net/tcp", "/proc/net/tcp6"] is var tables ? tables.Select(t => Inode(t, port)).FirstOrDefault(i => i is not null) : null;
        return link is null ? null : nodes.FirstOrDefault(n => n.IsRunning && Holds(n.Pid, $"socket:[{link}]"));
    }

    /// <summary>Columns: number, local address as hexadecimal host:port, ..., and the inode as the tenth.</summary>
    private static string? Inode(string table, int port)
    {
        if (!File.Exists(table))
            return null;
        var end = ":" + port.ToString("X4", CultureInfo.InvariantCulture);
        return File.ReadLines(table).Skip(1).Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .FirstOrDefault(c => c.Length > 9 && c[1].EndsWith(end, StringComparison.Ordinal) && c[9] != "0")?[9];
    }

    private static bool Holds(int pid, string socket)
    {
        try
        {
            return Directory.EnumerateFiles($"/proc/{pid}/fd").Any(f => Target(f) == socket);
        }
        catch (IOException)
        {
            return false; // it has just ended
        }
    }

    private static string? Target(string file)
    {
        try
        {
            return File.ResolveLinkTarget(file, returnFinalTarget: false)?.Name;
        }
        catch (IOException)
        {
            return null; // closed meanwhile
        }
    }
}

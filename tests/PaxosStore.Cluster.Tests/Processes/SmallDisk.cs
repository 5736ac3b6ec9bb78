using System.Diagnostics;

namespace PaxosStore.Cluster.Tests.Processes;

/// <summary>
/// Gives each node a disk of its own of 64 MB: a tmpfs over its data directory that only the node's mount namespace has. From outside it is reached
/// through /proc.
/// </summary>
internal static class SmallDisk
{
    private const long LastBytes = 6 << 20;
    private const string Mount = "mkdir -p \"$0\" && mount -t tmpfs -o size=64m tmpfs \"$0\" && exec \"$@\"";
    private static readonly TimeSpan Notice = TimeSpan.FromSeconds(1);
    private static readonly string[] AsRoot = ["unshare", "--mount"];
    private static readonly string[] AsAnybody = ["unshare", "--map-root-user", "--mount"];
    private static string[] _unshare = AsRoot;

    /// <summary>Skips the test where no mount namespace can be made.</summary>
    public static async Task RequireAsync()
    {
        foreach (var command in (string[][])[AsRoot, AsAnybody])
        {
            _unshare = command;
            var result = await Programs.RunAsync(command[0], [.. command[1..], "mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
            if (result.ExitCode == 0)
                return;
        }

        Skip.IfNot(Programs.Found(false, "the right to make a mount namespace"), "no mount namespaces here");
    }

    /// <summary>The command to start a node through.</summary>
    public static IReadOnlyList<string> Wrapper(NodeProcess node) => [.. _unshare, "sh", "-c", Mount, node.DataDirectory];

    /// <summary>Takes all space that is left, the last megabytes a little later than the rest: the node is to have a chance to see it coming.</summary>
    public static async Task FillAsync(NodeProcess node)
    {
        await using var file = new FileStream(Ballast(node), FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        var room = new DriveInfo(Path.GetDirectoryName(Ballast(node))!).AvailableFreeSpace - LastBytes;
        for (var block = new byte[1 << 16]; file.Length < room;)
            await file.WriteAsync(block);
        await Task.Delay(Notice);
        try
        {
            for (var block = new byte[1 << 12]; ;)
                await file.WriteAsync(block);
        }
        catch (IOException)
        {
            Trace.WriteLine($"{node}: no space is left beside {file.Length} bytes of ballast");
        }
    }

    /// <summary>Gives it back.</summary>
    public static void Free(NodeProcess node) => File.Delete(Ballast(node));

    private static string Ballast(NodeProcess node) => $"/proc/{node.Pid}/root{node.DataDirectory}/ballast";
}

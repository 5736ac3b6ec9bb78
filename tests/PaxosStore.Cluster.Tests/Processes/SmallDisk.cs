namespace PaxosStore.Cluster.Tests.Processes;

/// <summary>
/// Gives each node a disk of its own of 64 MB: a tmpfs over its data directory that only the node's mount namespace has. From outside it is reached
/// through /proc.
/// </summary>
internal static class SmallDisk
{
    private const string Mount = "mkdir -p \"$0\" && mount -t tmpfs -o size=64m tmpfs \"$0\" && exec \"$@\"";
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

    /// <summary>Takes all space that is left; how many bytes it was.</summary>
    public static long Fill(NodeProcess node)
    {
        using var file = new FileStream(Ballast(node), FileMode.Append, FileAccess.Write, FileShare.None, bufferSize: 0);
        foreach (var size in (int[])[1 << 20, 1 << 12])
        {
            var block = new byte[size];
            try
            {
                while (true)
                    file.Write(block);
            }
            catch (IOException)
            {
                // Full, as far as blocks of this size go.
            }
        }

        return file.Length;
    }

    /// <summary>Gives it back.</summary>
    public static void Free(NodeProcess node) => File.Delete(Ballast(node));

    private static string Ballast(NodeProcess node) => $"/proc/{node.Pid}/root{node.DataDirectory}/ballast";
}

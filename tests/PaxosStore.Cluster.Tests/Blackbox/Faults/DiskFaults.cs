using System.Diagnostics;
using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Blackbox.Faults;

/// <summary>What is done to disks: system calls are spoiled by strace, small disks are filled.</summary>
internal static class DiskFaults
{
    private const string Flushes = "fsync,fdatasync";
    private static readonly TimeSpan ExitLimit = TimeSpan.FromSeconds(15);

    /// <summary>Flushes fail with EIO, or writes with ENOSPC: a node that cannot keep its promises must end. It comes back when the fault is over.</summary>
    public static async Task FailAsync(World world, PlannedFault fault, CancellationToken heal)
    {
        var injection = fault.Kind == "disk-error" ? $"{Flushes}:error=EIO" : "pwrite64,write,pwritev:error=ENOSPC";
        await SpoilAsync(world, fault, injection, fault.Kind == "disk-error" ? "EIO at flushes" : "ENOSPC at writes", async node =>
        {
            // Ending takes a moment; it is waited for past the heal.
            for (var end = HistoryRecorder.Now + (long)ExitLimit.TotalNanoseconds; node.IsRunning && HistoryRecorder.Now < end;)
                await Task.Delay(20, CancellationToken.None);
            await World.LastAsync(fault, heal);
        });
    }

    /// <summary>The node dies within the Nth flush that one of its threads makes.</summary>
    public static Task KillAtSyncAsync(World world, PlannedFault fault, CancellationToken heal) =>
        SpoilAsync(world, fault, $"{Flushes}:signal=SIGKILL:when={fault.Amount}", "killed in a flush", node => World.LastAsync(fault, heal));

    /// <summary>Each flush takes so many milliseconds longer.</summary>
    public static Task SlowAsync(World world, PlannedFault fault, CancellationToken heal) =>
        SpoilAsync(world, fault, $"{Flushes}:delay_enter={fault.Amount * 1000}", "flushes delayed", _ => World.LastAsync(fault, heal));

    /// <summary>The disk is full; there is room again when the fault is over, and the node must have stayed up.</summary>
    public static async Task FillAsync(World world, PlannedFault fault, CancellationToken heal)
    {
        if (world.Take(fault.Target) is not [var node])
            return;
        var from = HistoryRecorder.Now;
        await SmallDisk.FillAsync(node);
        world.Counts.Add("disk full", 1);
        await World.LastAsync(fault, heal);
        File.Delete(Path.Combine(node.DataDirectory, "ballast"));
        if (!node.IsRunning)
            world.Violate($"{node} ended when its disk was full: exit code {node.ExitCode}\n{node.LogTail}");
        world.Release([node]);
        world.Mark("disk full", node.Name, from);
    }

    /// <summary>A small disk for each node, mounted where only this process and its children see it.</summary>
    public static IReadOnlyList<string> SmallDiskWrapper(NodeProcess node)
    {
        Directory.CreateDirectory(node.DataDirectory);
        using var mount = Process.Start("mount", ["-t", "tmpfs", "-o", "size=128m", "tmpfs", node.DataDirectory]);
        mount.WaitForExit();
        return mount.ExitCode == 0 ? [] : throw new InvalidOperationException($"could not mount a tmpfs at {node.DataDirectory}");
    }

    /// <summary>Takes the small disk away again.</summary>
    public static void Unmount(NodeProcess node)
    {
        using var unmount = Process.Start("umount", ["-l", node.DataDirectory]);
        unmount.WaitForExit();
    }

    private static async Task SpoilAsync(World world, PlannedFault fault, string injection, string what, Func<NodeProcess, Task> lasts)
    {
        if (world.Take(fault.Target) is not [var node])
            return;
        var from = HistoryRecorder.Now;
        var output = $"{node.LogFile}.strace-{from}";
        string[] files = [.. Directory.GetFiles(node.DataDirectory, "*", SearchOption.AllDirectories).SelectMany(f => (string[])["-P", f])];
        var start = new ProcessStartInfo("strace", ["-f", "-qq", "-p", $"{node.Pid}", "-o", output, .. files, "-e", $"inject={injection}"]) { RedirectStandardError = true };
        using (var strace = Process.Start(start)!)
        {
            await lasts(node);
            if (!strace.HasExited)
                Signals.Send(strace.Id, Signals.Terminate);
            await strace.WaitForExitAsync();
        }

        var hits = Hits(output, died: !node.IsRunning && fault.Kind == "kill-at-sync");
        world.Counts.Add(what, hits);
        if (fault.Kind == "disk-error" && hits > 0 && node.IsRunning)
            world.Violate($"{node} went on although {hits} of its calls failed ({what})");
        world.Release([node]);
        world.Mark(what, node.Name, from);
    }

    /// <summary>Calls that strace says it has spoiled; one that killed is not written down as such.</summary>
    private static int Hits(string output, bool died) =>
        died ? 1 : File.Exists(output) ? File.ReadLines(output).Count(l => l.Contains("(INJECTED)", StringComparison.Ordinal) || l.Contains("(DELAYED)", StringComparison.Ordinal)) : 0;
}

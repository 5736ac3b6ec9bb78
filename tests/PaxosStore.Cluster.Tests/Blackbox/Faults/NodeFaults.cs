using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Blackbox.Faults;

/// <summary>What is done to whole processes.</summary>
internal static class NodeFaults
{
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(20);

    /// <summary>kill -9; they come back when the fault is over.</summary>
    public static async Task KillAsync(World world, PlannedFault fault, CancellationToken heal)
    {
        var nodes = world.Take(fault.Target);
        var from = HistoryRecorder.Now;
        foreach (var node in nodes)
        {
            node.Kill();
            world.Counts.Add("kill -9", 1);
        }

        await World.LastAsync(fault, heal);
        world.Release(nodes);
        world.Mark("kill -9", string.Join(' ', nodes), from);
    }

    /// <summary>SIGSTOP and SIGCONT.</summary>
    public static async Task PauseAsync(World world, PlannedFault fault, CancellationToken heal)
    {
        var nodes = world.Take(fault.Target);
        var from = HistoryRecorder.Now;
        foreach (var node in nodes)
        {
            node.Pause();
            world.Counts.Add("SIGSTOP", 1);
        }

        await World.LastAsync(fault, heal);
        foreach (var node in nodes)
            node.Resume();
        world.Release(nodes);
        world.Mark("SIGSTOP", string.Join(' ', nodes), from);
    }

    /// <summary>Each node in turn is stopped in order and started again; the next one waits until it serves.</summary>
    public static async Task RollAsync(World world, PlannedFault fault, CancellationToken heal)
    {
        foreach (var name in world.Find(fault.Target).Select(n => n.Name))
        {
            if (heal.IsCancellationRequested)
                return;
            if (world.Take(name) is not [var node])
                continue;
            var from = HistoryRecorder.Now;
            if (await node.StopAsync(StopLimit) is var code and not 0)
                world.Violate($"{node} was asked to end and did so with exit code {code}\n{node.LogTail}");
            world.Counts.Add("restart in order", 1);
            world.Release([node]);
            await ServesAsync(world, node, heal);
            world.Mark("restart", node.Name, from);
        }
    }

    /// <summary>The wall clock of the node that has one of its own jumps by so many seconds, and back; where the leader is meant, that node leads first.</summary>
    public static async Task ShiftClockAsync(World world, PlannedFault fault, CancellationToken heal)
    {
        if (world.Cluster.Nodes.FirstOrDefault(n => File.Exists(ClockFile(n))) is not { } node)
            return;
        if (fault.Target == "leader" && world.Find("leader")[0] != node)
            await AdminFaults.MoveLeaderAsync(world, node.Name, heal);
        var from = HistoryRecorder.Now;
        Set(node, fault.Amount);
        world.Counts.Add("wall clock shifted", 1);
        await World.LastAsync(fault, heal);
        Set(node, 0);
        world.Mark($"clock {fault.Amount:+#;-#} s", node.Name, from);
    }

    /// <summary>The command to start a node through whose clock can be shifted. Time that passes is left alone: timers run as they do.</summary>
    public static IReadOnlyList<string> ClockWrapper(NodeProcess node)
    {
        Set(node, 0);
        return
        [
            "env", $"LD_PRELOAD={Tools.FakeTime}", $"FAKETIME_TIMESTAMP_FILE={ClockFile(node)}", "FAKETIME_CACHE_DURATION=1", "FAKETIME_DONT_FAKE_MONOTONIC=1",
            "FAKETIME_DONT_RESET=1", "NO_FAKE_STAT=1",
        ];
    }

    private static void Set(NodeProcess node, int seconds) => File.WriteAllText(ClockFile(node), $"{seconds:+0;-0;+0}\n");

    private static string ClockFile(NodeProcess node) => node.LogFile + ".clock";

    private static async Task ServesAsync(World world, NodeProcess node, CancellationToken heal)
    {
        var end = HistoryRecorder.Now + 10_000_000_000;
        using var client = world.Cluster.Connect(node);
        while (!heal.IsCancellationRequested && HistoryRecorder.Now < end)
        {
            try
            {
                await client.ReadRevisionAsync(TimeSpan.FromSeconds(1));
                return;
            }
            catch (Grpc.Core.RpcException)
            {
                await World.LastAsync(TimeSpan.FromMilliseconds(50), heal);
            }
        }
    }
}

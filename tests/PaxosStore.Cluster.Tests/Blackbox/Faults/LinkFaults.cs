using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Blackbox.Faults;

/// <summary>What is done to the connections between nodes.</summary>
internal static class LinkFaults
{
    /// <summary>Nobody hears the node and it hears nobody: connections are cut and new ones refused.</summary>
    public static Task IsolateAsync(World world, PlannedFault fault, CancellationToken heal) =>
        CutAsync(world, fault, world.Find(fault.Target), heal);

    /// <summary>Some nodes on one side, the rest on the other.</summary>
    public static Task PartitionAsync(World world, PlannedFault fault, CancellationToken heal) =>
        CutAsync(world, fault, world.Find(fault.Target), heal);

    /// <summary>The node is heard and hears nothing (0), or hears and is not heard (1); connections stay open.</summary>
    public static async Task OneWayAsync(World world, PlannedFault fault, CancellationToken heal)
    {
        var node = world.Find(fault.Target)[0];
        var from = HistoryRecorder.Now;
        var stalled = new LinkRule { Stalled = true };
        using (fault.Amount == 0 ? world.Network.Impose(stalled, n => n != node, n => n == node) : world.Network.Impose(stalled, n => n == node, n => n != node))
            await World.LastAsync(fault, heal);
        world.Counts.Add("one-way cut", 1);
        world.Mark(fault.Amount == 0 ? "deaf" : "mute", node.Name, from);
    }

    /// <summary>Whatever the node sends and is sent arrives later by so many milliseconds.</summary>
    public static Task DelayAsync(World world, PlannedFault fault, CancellationToken heal) =>
        ImposeAsync(world, fault, new LinkRule { Delay = TimeSpan.FromMilliseconds(fault.Amount) }, $"delay {fault.Amount} ms", heal);

    /// <summary>The node's connections together carry little.</summary>
    public static Task ThrottleAsync(World world, PlannedFault fault, CancellationToken heal) =>
        ImposeAsync(world, fault, new LinkRule { BytesPerSecond = fault.Amount }, $"{fault.Amount / 1000} kB/s", heal);

    /// <summary>Connections are reset again and again, so many milliseconds apart.</summary>
    public static async Task ResetAsync(World world, PlannedFault fault, CancellationToken heal)
    {
        var nodes = world.Find(fault.Target);
        var from = HistoryRecorder.Now;
        var end = from + (long)(fault.Seconds * 1e9);
        while (HistoryRecorder.Now < end && !heal.IsCancellationRequested)
        {
            world.Network.Break(nodes.Contains, _ => true, reset: true);
            await World.LastAsync(TimeSpan.FromMilliseconds(fault.Amount), heal);
        }

        world.Mark("resets", string.Join(' ', nodes), from);
    }

    /// <summary>So many percent of the packets to and from the node's port are lost; TCP sends them again, later and later.</summary>
    public static async Task LosePacketsAsync(World world, PlannedFault fault, CancellationToken heal)
    {
        var node = world.Find(fault.Target)[0];
        var from = HistoryRecorder.Now;
        var share = $"{fault.Amount / 100.0:F2}";
        string[][] rules = [.. ((string[])["--dport", "--sport"]).Select(side => (string[])
            ["INPUT", "-i", "lo", "-p", "tcp", side, $"{node.Ports.Peer}", "-m", "statistic", "--mode", "random", "--probability", share, "-j", "DROP"])];
        foreach (var rule in rules)
            await IptablesAsync(["-A", .. rule]);
        await World.LastAsync(fault, heal);
        world.Counts.Add("packets lost", LostPackets(await IptablesAsync(["-L", "INPUT", "-v", "-n", "-x"]), node.Ports.Peer));
        foreach (var rule in rules)
            await IptablesAsync(["-D", .. rule]);
        world.Mark($"packets lost {fault.Amount} %", node.Name, from);
    }

    private static async Task CutAsync(World world, PlannedFault fault, IReadOnlyList<NodeProcess> inside, CancellationToken heal)
    {
        var from = HistoryRecorder.Now;
        var refused = new LinkRule { Refused = true };
        using (world.Network.Impose(refused, inside.Contains, n => !inside.Contains(n)))
            await World.LastAsync(fault, heal);
        world.Counts.Add("partition", 1);
        world.Mark("partition", string.Join(' ', inside), from);
    }

    private static async Task ImposeAsync(World world, PlannedFault fault, LinkRule rule, string what, CancellationToken heal)
    {
        var nodes = world.Find(fault.Target);
        var from = HistoryRecorder.Now;
        using (world.Network.Impose(rule, nodes.Contains, _ => true))
        using (world.Network.Impose(rule, n => !nodes.Contains(n), nodes.Contains))
            await World.LastAsync(fault, heal);
        world.Mark(what, string.Join(' ', nodes), from);
    }

    private static async Task<string> IptablesAsync(string[] arguments)
    {
        var result = await Programs.RunAsync("iptables", ["-w", .. arguments]);
        return result.ExitCode == 0 ? result.Output : throw new InvalidOperationException($"iptables {string.Join(' ', arguments)}: {result}");
    }

    private static long LostPackets(string list, int port) =>
        list.Split('\n').Where(l => l.Contains($"pt:{port} ", StringComparison.Ordinal)).Sum(l => long.Parse(l.Split(' ', StringSplitOptions.RemoveEmptyEntries)[0]));
}

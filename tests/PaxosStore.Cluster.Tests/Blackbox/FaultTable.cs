using PaxosStore.Cluster.Tests.Blackbox.Faults;

namespace PaxosStore.Cluster.Tests.Blackbox;

/// <summary>Does a fault until it is over or all faults are healed, and undoes it.</summary>
internal delegate Task Injection(World world, PlannedFault fault, CancellationToken heal);

/// <summary>All kinds of faults.</summary>
internal static class FaultTable
{
    private static readonly Dictionary<string, (Injection Inject, Func<bool> IsPossible)> Table = new()
    {
        ["kill"] = (NodeFaults.KillAsync, Always),
        ["pause"] = (NodeFaults.PauseAsync, Always),
        ["rolling"] = (NodeFaults.RollAsync, Always),
        ["clock"] = (NodeFaults.ShiftClockAsync, () => Tools.FakeTime is not null),
        ["members"] = (AdminFaults.ReplaceMemberAsync, Always),
        ["auth"] = (AdminFaults.ToggleAuthAsync, Always),
        ["move-leader"] = (AdminFaults.MoveLeaderAsync, Always),
        ["isolate"] = (LinkFaults.IsolateAsync, Always),
        ["one-way"] = (LinkFaults.OneWayAsync, Always),
        ["partition"] = (LinkFaults.PartitionAsync, Always),
        ["delay"] = (LinkFaults.DelayAsync, Always),
        ["reset"] = (LinkFaults.ResetAsync, Always),
        ["bandwidth"] = (LinkFaults.ThrottleAsync, Always),
        ["packet-loss"] = (LinkFaults.LosePacketsAsync, () => Tools.PacketFilter),
        ["disk-error"] = (DiskFaults.FailAsync, () => Tools.Strace),
        ["disk-no-space"] = (DiskFaults.FailAsync, () => Tools.Strace),
        ["kill-at-sync"] = (DiskFaults.KillAtSyncAsync, () => Tools.Strace),
        ["slow-disk"] = (DiskFaults.SlowAsync, () => Tools.Strace),
        ["full-disk"] = (DiskFaults.FillAsync, () => Tools.OwnNamespaces),
    };

    /// <summary>The names of all kinds.</summary>
    public static IReadOnlyCollection<string> Kinds => Table.Keys;

    /// <summary>Does one fault; one that this machine has no means for is counted as skipped.</summary>
    public static async Task InjectAsync(World world, PlannedFault fault, CancellationToken heal)
    {
        var (inject, isPossible) = Table[fault.Kind];
        if (!isPossible())
            world.Counts.Add($"skipped: {fault.Kind}", 1);
        else
            await inject(world, fault, heal);
    }

    private static bool Always() => true;
}

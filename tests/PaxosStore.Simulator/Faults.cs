using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>What goes wrong.</summary>
internal enum FaultKind
{
    /// <summary>The process dies, after <see cref="Fault.Arg"/> more effects; what was not durable is lost from some point on.</summary>
    Crash,

    /// <summary>All nodes die at once.</summary>
    PowerLoss,

    /// <summary>The process stands still; messages queue up.</summary>
    Pause,

    /// <summary>Nothing from or to the node.</summary>
    Isolate,

    /// <summary>Nothing from the node gets out.</summary>
    Mute,

    /// <summary>Nothing gets to the node.</summary>
    Deafen,

    /// <summary>One link is cut, both ways.</summary>
    CutLink,

    /// <summary>The node and the one after it can't talk to the rest.</summary>
    Corner,

    /// <summary>Two groups that can't talk to one another; <see cref="Fault.Arg"/> is the mask of the one.</summary>
    Split,

    /// <summary>The next writes take very long.</summary>
    DiskStall,

    /// <summary>A write fails: the node stops.</summary>
    DiskError,

    /// <summary>The monotonic clock runs at <see cref="Fault.Arg"/> per mille.</summary>
    Drift,

    /// <summary>The wall clock jumps by <see cref="Fault.Arg"/> ms.</summary>
    WallJump,

    /// <summary>The process dies and a record of its journal is found damaged: it comes back without those after it, or (odd <see cref="Fault.Arg"/>) without any.</summary>
    JournalDamage,

    /// <summary>The process dies and a snapshot is found damaged: the newest, or (<see cref="Fault.Arg"/> divisible by 3) all.</summary>
    SnapshotDamage,

    /// <summary>The process dies with its disks and comes back under its id with empty ones.</summary>
    Wipe,
}

/// <summary>One fault of a plan. Times are microseconds of virtual time.</summary>
/// <param name="At">When.</param>
/// <param name="Kind">What.</param>
/// <param name="Node">Index of the node, −1 for whoever leads at that moment.</param>
/// <param name="Other">Second node, where there is one.</param>
/// <param name="For">How long.</param>
/// <param name="Arg">See the kind.</param>
internal readonly record struct Fault(long At, FaultKind Kind, int Node, int Other, long For, int Arg)
{
    public override string ToString() =>
        $"{At,9} us  {Kind,-9} {(Node < 0 ? "leader" : $"n{Node + 1}")}{(Other >= 0 ? $" n{Other + 1}" : "")} for {For} us arg {Arg}";
}

/// <summary>What becomes of nodes outside the core that must make progress at the end.</summary>
internal enum Frozen
{
    Dead,
    Mute,
    Deaf,
    Slow,
}

/// <summary>A pattern of faults beside those at random.</summary>
internal enum Schedule
{
    Swizzle,
    HuntLeader,
    Comeback,
    Stutter,
}

/// <summary>Draws the faults of a plan.</summary>
internal static class Faults
{
    private const long ElectionTimeout = Plan.ElectionTimeout;

    public static List<Fault> Draw(SplitMix r, Schedule schedule, int nodes, long end)
    {
        var faults = new List<Fault>();
        switch (schedule)
        {
            case Schedule.Swizzle: Swizzle(r, nodes, end, faults); break;
            case Schedule.HuntLeader: HuntLeader(r, end, faults); break;
            case Schedule.Comeback: Comeback(r, nodes, end, faults); break;
            case Schedule.Stutter: Stutter(r, nodes, end, faults); break;
        }

        var count = r.Below(schedule == Schedule.Stutter ? 2 : 9);
        for (var i = 0; i < count; i++) faults.Add(DrawFault(r, nodes, r.Below((int)end)));
        faults.Sort((a, b) => a.At.CompareTo(b.At));
        return faults;
    }

    private static Fault DrawFault(SplitMix r, int nodes, long at)
    {
        FaultKind[] kinds =
        [
            FaultKind.Crash, FaultKind.Crash, FaultKind.Crash, FaultKind.PowerLoss, FaultKind.Pause, FaultKind.Pause, FaultKind.Isolate, FaultKind.Isolate,
            FaultKind.Mute, FaultKind.Deafen, FaultKind.CutLink, FaultKind.Split, FaultKind.DiskStall, FaultKind.DiskError, FaultKind.Drift, FaultKind.WallJump,
        ];
        var kind = kinds[r.Below(kinds.Length)];
        var node = r.Below(3) == 0 ? -1 : r.Below(nodes);
        var other = kind == FaultKind.CutLink ? r.Below(nodes) : -1;
        long lasts = r.Below(4) == 0 ? r.Below(8 * (int)ElectionTimeout) : r.Below(2 * (int)ElectionTimeout);
        var arg = kind switch
        {
            FaultKind.Crash => r.Below(24),
            FaultKind.Split => 1 + r.Below((1 << nodes) - 1),
            FaultKind.Drift => 900 + r.Below(201),
            FaultKind.WallJump => r.Below(7_200_000) - 3_600_000,
            _ => 0,
        };
        return new Fault(at, kind, node, other, lasts, arg);
    }

    /// <summary>Nodes drop out one after the other in one random order and come back in another.</summary>
    private static void Swizzle(SplitMix r, int nodes, long end, List<Fault> faults)
    {
        var begin = r.Below((int)end / 2);
        for (var i = 0; i < nodes; i++)
        {
            if (r.Below(4) == 0) continue;
            var at = begin + r.Below((int)ElectionTimeout * 2);
            FaultKind[] kinds = [FaultKind.Isolate, FaultKind.Isolate, FaultKind.Mute, FaultKind.Deafen, FaultKind.Pause, FaultKind.Crash];
            faults.Add(new Fault(at, kinds[r.Below(kinds.Length)], i, -1, r.Below((int)ElectionTimeout * 4), 0));
        }
    }

    /// <summary>Whoever leads is struck again and again.</summary>
    private static void HuntLeader(SplitMix r, long end, List<Fault> faults)
    {
        FaultKind[] kinds = [FaultKind.Crash, FaultKind.Pause, FaultKind.Isolate, FaultKind.Mute, FaultKind.Deafen, FaultKind.DiskStall];
        var only = r.Below(2) == 0 ? kinds[r.Below(kinds.Length)] : (FaultKind?)null;
        for (long at = ElectionTimeout; at < end; at += ElectionTimeout + r.Below(2 * (int)ElectionTimeout))
        {
            faults.Add(new Fault(at, only ?? kinds[r.Below(kinds.Length)], -1, -1, r.Below(3 * (int)ElectionTimeout), r.Below(12)));
        }
    }

    /// <summary>
    /// The leader is frozen and cut off; the others, sometimes kept apart for a while too, elect another; then it wakes up, believing that it leads.
    /// </summary>
    private static void Comeback(SplitMix r, int nodes, long end, List<Fault> faults)
    {
        for (long at = 3 * ElectionTimeout / 2; at < end; at += 6 * ElectionTimeout)
        {
            var away = ElectionTimeout + r.Below(3 * (int)ElectionTimeout);
            var apart = r.Below(2) == 0 ? r.Below(6 * (int)ElectionTimeout) : 0;
            faults.Add(new Fault(at, FaultKind.Pause, -1, -1, away + apart, 0));
            if (r.Below(3) > 0) faults.Add(new Fault(at, FaultKind.Isolate, -1, -1, away + apart + r.Below(30_000) - 20_000, 0));
            if (apart == 0) continue;
            for (var i = 0; i < nodes; i++) faults.Add(new Fault(at + 1, FaultKind.Isolate, i, -1, apart, 0));
        }
    }

    /// <summary>
    /// All links fail for a moment, so that the leader gives up and perhaps the same node leads again, while messages of its last leadership are still on
    /// their way; then that leader is frozen and cut off in its turn.
    /// </summary>
    private static void Stutter(SplitMix r, int nodes, long end, List<Fault> faults)
    {
        for (long at = 2 * ElectionTimeout; at < end; at += 7 * ElectionTimeout)
        {
            var silence = (ElectionTimeout * 5 / 4) + r.Below((int)ElectionTimeout / 2);
            for (var i = 0; i < nodes; i++) faults.Add(new Fault(at, FaultKind.Isolate, i, -1, silence, 0));
            var again = at + silence + ElectionTimeout + r.Below((int)ElectionTimeout);
            var away = ElectionTimeout + r.Below(2 * (int)ElectionTimeout);
            faults.Add(new Fault(again, FaultKind.Pause, -1, -1, away, 0));
            faults.Add(new Fault(again, FaultKind.Isolate, -1, -1, away + r.Below(40_000) - 20_000, 0));
        }
    }

    /// <summary>
    /// The leader and a neighbour are cut off for about as long as it takes to give up: what it proposed stands on too few disks when it, or another, leads next, and
    /// the neighbour's votes are still on their way.
    /// </summary>
    public static IEnumerable<Fault> OfCorners(SplitMix r, long end)
    {
        for (var at = ElectionTimeout * 3 / 2; at < end; at += ElectionTimeout * 3)
        {
            yield return new Fault(at, FaultKind.Corner, -1, -1, ElectionTimeout + r.Below((int)ElectionTimeout / 2), 0);
        }
    }

    /// <summary>More faults of the usual kinds, on all nodes a longer run may have.</summary>
    public static IEnumerable<Fault> More(SplitMix r, int nodes, long from, long end)
    {
        var count = r.Below(8);
        for (var i = 0; i < count; i++) yield return DrawFault(r, nodes, from + r.Below((int)(end - from)));
    }

    /// <summary>One node's journal is damaged again and again.</summary>
    public static IEnumerable<Fault> OfBadDisk(SplitMix r, int nodes, long end)
    {
        var node = r.Below(nodes);
        for (var at = ElectionTimeout * 2; at < end; at += ElectionTimeout + r.Below(3 * (int)ElectionTimeout))
        {
            yield return new Fault(at, FaultKind.JournalDamage, node, -1, r.Below(10_000), r.Below(1_000));
        }
    }

    /// <summary>Storage goes bad.</summary>
    public static IEnumerable<Fault> OfStorage(SplitMix r, int nodes, long end, bool wipes)
    {
        var count = 1 + r.Below(4);
        for (var i = 0; i < count; i++)
        {
            var kind = (FaultKind)((int)FaultKind.JournalDamage + r.Below(wipes ? 3 : 2));
            var node = r.Below(4) == 0 ? -1 : r.Below(nodes);
            yield return new Fault(r.Below((int)end), kind, node, -1, r.Below(2 * (int)ElectionTimeout), r.Below(1_000));
        }
    }
}

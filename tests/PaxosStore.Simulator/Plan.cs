using System.Text;
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

/// <summary>Everything a run does, drawn from its seed: sizes, rates, faults. Printable, and equal for equal seeds.</summary>
internal sealed class Plan
{
    public const long Heartbeat = 20_000;
    public const long ElectionTimeout = 120_000;

    public required ulong Seed { get; init; }
    public required int Voters { get; init; }
    public required int Observers { get; init; }
    public required int Clients { get; init; }
    public required long FaultsEnd { get; init; }
    public required double Drop { get; init; }
    public required double Duplicate { get; init; }
    public required double Tail { get; init; }
    public required long TailMean { get; init; }
    public required long DelayMean { get; init; }
    public required long DiskMean { get; init; }
    public required long ThinkMean { get; init; }
    public required double ReadShare { get; init; }
    public required int CommandBytes { get; init; }
    public required PaxosOptions Options { get; init; }
    public required List<Fault> Faults { get; init; }

    /// <summary>Mask of the nodes that must make progress at the end: a quorum of voters, sometimes more.</summary>
    public required int Core { get; init; }

    public required Frozen Rest { get; init; }

    public int Nodes => Voters + Observers;

    /// <summary>Acceptors may forget what they had in memory only.</summary>
    public bool HasCrashes => Faults.Any(f => f.Kind is FaultKind.Crash or FaultKind.PowerLoss or FaultKind.DiskError);

    public static Plan FromSeed(ulong seed)
    {
        var r = new SplitMix(Mix(seed, 1));
        int[] sizes = [3, 3, 3, 3, 3, 3, 2, 1, 5, 5];
        var voters = sizes[r.Below(sizes.Length)];
        var observers = r.Below(8) == 0 ? 1 : 0;
        var end = 600_000 + r.Below(900_000);
        var schedule = (Schedule)r.Below(8);
        var stutter = schedule == Schedule.Stutter;
        var options = new PaxosOptions
        {
            HeartbeatInterval = TimeSpan.FromMicroseconds(Heartbeat),
            ElectionTimeout = TimeSpan.FromMicroseconds(ElectionTimeout),
            PipelineWindow = Pick(r, 1, 2, 4, 8, 64),
            EagerSlots = Pick(r, 1, 2, 2, 64),
            MessageBytes = Pick(r, 1 << 20, 200, 200, 400),
            MaxBatchBytes = Pick(r, 1 << 20, 60),
            QueueCommands = Pick(r, 20_000, 20_000, 2),
            QueueReads = Pick(r, 20_000, 20_000, 2),
            ReadRounds = Pick(r, 1, 2),
            LearnerWindow = Pick(r, 4096, 16, 3),
        };
        return new Plan
        {
            Seed = seed,
            Voters = voters,
            Observers = observers,
            Clients = 2 + r.Below(4),
            FaultsEnd = end,
            Drop = Pick(r, 0, 0.01, 0.05, 0.15),
            Duplicate = stutter ? 0.3 : Pick(r, 0, 0.05, 0.15, 0.3),
            Tail = stutter ? 0.2 : Pick(r, 0, 0.01, 0.05, 0.15),
            TailMean = stutter ? 3 * ElectionTimeout : Pick(r, Heartbeat, ElectionTimeout, 3 * ElectionTimeout),
            DelayMean = Pick(r, 500, 2_000, 5_000),
            DiskMean = Pick(r, 300, 2_000, 8_000),
            ThinkMean = Pick(r, 3_000, 10_000, 30_000),
            ReadShare = Pick(r, 0.2, 0.5, 0.7),
            CommandBytes = Pick(r, 24, 24, 120),
            Options = options,
            Faults = DrawFaults(r, schedule, voters + observers, end),
            Core = DrawCore(r, voters, observers),
            Rest = (Frozen)r.Below(4),
        };
    }

    /// <summary>Stream <paramref name="purpose"/> of a seed; streams of one seed are independent of one another.</summary>
    public static ulong Mix(ulong seed, ulong purpose) => new SplitMix((seed * 0x9E3779B97F4A7C15) ^ (purpose * 0xD1B54A32D192ED03)).Next();

    public override string ToString()
    {
        var text = new StringBuilder();
        text.AppendLine($"seed {Seed}: {Voters} voters, {Observers} observers, {Clients} clients, faults until {FaultsEnd} us");
        text.AppendLine($"network: drop {Drop}, duplicate {Duplicate}, late {Tail} by {TailMean} us, delay {DelayMean} us; disk {DiskMean} us");
        text.AppendLine($"work: think {ThinkMean} us, reads {ReadShare}, command {CommandBytes} B");
        text.AppendLine($"options: window {Options.PipelineWindow}, eager {Options.EagerSlots}, message {Options.MessageBytes} B, "
            + $"batch {Options.MaxBatchBytes} B, queue {Options.QueueCommands}, reads {Options.QueueReads}, rounds {Options.ReadRounds}, "
            + $"learner {Options.LearnerWindow}");
        foreach (var fault in Faults) text.AppendLine($"  {fault}");
        text.Append($"end: core {string.Join(' ', Enumerable.Range(0, Nodes).Where(i => (Core & (1 << i)) != 0).Select(i => $"n{i + 1}"))}, rest {Rest}");
        return text.ToString();
    }

    private static T Pick<T>(SplitMix r, params ReadOnlySpan<T> choices) => choices[r.Below(choices.Length)];

    private static List<Fault> DrawFaults(SplitMix r, Schedule schedule, int nodes, long end)
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

    private static int DrawCore(SplitMix r, int voters, int observers)
    {
        var core = 0;
        var size = r.Below(3) == 0 ? voters : (voters / 2) + 1;
        while (System.Numerics.BitOperations.PopCount((uint)core) < size) core |= 1 << r.Below(voters);
        if (observers > 0 && r.Below(2) == 0) core |= 1 << voters;
        return core;
    }
}

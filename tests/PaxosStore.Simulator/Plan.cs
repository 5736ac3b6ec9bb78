using System.Text;
using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>Everything a run does, drawn from its seed: sizes, rates, faults. Printable, and equal for equal seeds.</summary>
internal sealed record Plan
{
    public const long Heartbeat = 20_000;
    public const long ElectionTimeout = 120_000;

    private static readonly int UsualBacklog = new PaxosOptions().BacklogBytes;

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

    public required Extras Extras { get; init; }

    /// <summary>What clients do, in the world with the real store; null in the world of the protocol core.</summary>
    public List<Whole.Step>? Steps { get; init; }

    /// <summary>Nodes at the beginning.</summary>
    public int FirstNodes => Voters + Observers;

    public int Nodes => FirstNodes + Extras.Spares;

    /// <summary>Acceptors may forget what they had in memory only.</summary>
    public bool HasCrashes => Faults.Any(f => f.Kind is not (FaultKind.Pause or FaultKind.Isolate or FaultKind.Mute or FaultKind.Deafen
        or FaultKind.CutLink or FaultKind.Split or FaultKind.DiskStall or FaultKind.Drift or FaultKind.WallJump));

    public static Plan FromSeed(ulong seed)
    {
        var plan = DrawUsual(seed);
        var r = new SplitMix(Mix(seed, 7));
        var corners = r.Below(16) == 0;
        if (corners) plan = plan with { Voters = 5, Observers = 0, Drop = 0.15, Duplicate = 0.3, Tail = 0.2, TailMean = ElectionTimeout, Core = 0b10111 };
        var extras = Extras.Draw(r, plan.FirstNodes, corners);
        var (usualEnd, end) = (plan.FaultsEnd, plan.FaultsEnd + extras.Longer);
        if (extras.Longer > 0) plan.Faults.AddRange(Simulator.Faults.More(r, plan.FirstNodes + extras.Spares, usualEnd / 2, end));
        if (corners) plan = plan with { Faults = [.. Simulator.Faults.OfCorners(r, end)] };
        if (extras is { Storage: true, Relapses: true })
        {
            plan.Faults.AddRange(Simulator.Faults.OfBadDisk(r, plan.FirstNodes, end));
            plan = plan with { Tail = 0.2, TailMean = 3 * ElectionTimeout };
        }
        else if (extras.Storage) plan.Faults.AddRange(Simulator.Faults.OfStorage(r, plan.FirstNodes + extras.Spares, end, wipes: true));
        if (extras.Longer > 0 || extras.Storage) plan.Faults.Sort((a, b) => a.At.CompareTo(b.At));
        return plan with { FaultsEnd = end, Extras = extras, Options = plan.Options with { SnapshotPause = extras.SnapshotPause, BacklogBytes = BacklogOf(seed) } };
    }

    /// <summary>In a run out of four the disk falls behind so far at times that messages are dropped over it.</summary>
    private static int BacklogOf(ulong seed) => Pick(new SplitMix(Mix(seed, 60)), UsualBacklog, UsualBacklog, UsualBacklog, UsualBacklog, UsualBacklog, UsualBacklog, 2_000, 500);

    /// <summary>The plan of a seed in the world of the whole store: leases need longer runs, snapshots of keys larger pieces.</summary>
    public static Plan WholeFromSeed(ulong seed)
    {
        var plan = FromSeed(seed);
        var r = new SplitMix(Mix(seed, 40));
        var (usualEnd, end) = (plan.FaultsEnd, plan.FaultsEnd + 500_000 + r.Below(1_500_000));
        var faults = plan.Faults.Concat(Simulator.Faults.More(r, plan.Nodes, usualEnd / 2, end)).OrderBy(f => f.At);
        plan = plan with
        {
            FaultsEnd = end,
            Faults = [.. faults],
            Clients = 3 + r.Below(5),
            Extras = plan.Extras with { PieceBytes = Pick(r, 300, 1_000, 4_000) },
            Options = plan.Options with { MaxBatchBytes = Pick(r, 1 << 20, 1 << 20, 400, 60) },
        };
        return plan with { Steps = Whole.Steps.Draw(r, plan) };
    }

    private static Plan DrawUsual(ulong seed)
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
            Faults = Simulator.Faults.Draw(r, schedule, voters + observers, end),
            Core = DrawCore(r, voters, observers),
            Rest = (Frozen)r.Below(4),
            Extras = null!,
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
            + $"learner {Options.LearnerWindow}, backlog {Options.BacklogBytes} B");
        text.AppendLine(Extras.ToString());
        foreach (var fault in Faults) text.AppendLine($"  {fault}");
        foreach (var step in Steps ?? []) text.AppendLine($"  client {step.Client} after {step.Think} us: {step.Kind} key {step.Key} arg {step.Arg} at n{step.Home + 1}, step {step.Id}");
        if (Extras.CoreIsFound) text.Append($"end: core found then, rest {Rest}");
        else text.Append($"end: core {string.Join(' ', Enumerable.Range(0, Nodes).Where(i => (Core & (1 << i)) != 0).Select(i => $"n{i + 1}"))}, rest {Rest}");
        return text.ToString();
    }

    public static T Pick<T>(SplitMix r, params ReadOnlySpan<T> choices) => choices[r.Below(choices.Length)];

    private static int DrawCore(SplitMix r, int voters, int observers)
    {
        var core = 0;
        var size = r.Below(3) == 0 ? voters : (voters / 2) + 1;
        while (System.Numerics.BitOperations.PopCount((uint)core) < size) core |= 1 << r.Below(voters);
        if (observers > 0 && r.Below(2) == 0) core |= 1 << voters;
        return core;
    }
}

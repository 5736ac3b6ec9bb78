using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>How the operator of a run changes the members.</summary>
internal enum Churn
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>Whatever comes to mind: adds, promotes, demotes, removes, several at once, hands leadership over.</summary>
    Random,

    /// <summary>Up to five voters.</summary>
    Grow,

    /// <summary>Down to one voter.</summary>
    Shrink,

    /// <summary>A new node for an old one, again and again.</summary>
    Replace,
}

/// <summary>
/// What a run does beyond the protocol among fixed members on sound disks: snapshots, other members, bad storage, nodes of several speeds. Drawn from a stream of its
/// own.
/// </summary>
internal sealed record Extras
{
    public const int MostNodes = 8;

    public required Churn Churn { get; init; }

    /// <summary>Slots from an entry that holds a configuration to the first it governs.</summary>
    public required int Alpha { get; init; }

    /// <summary>Nodes that may join.</summary>
    public required int Spares { get; init; }

    /// <summary>How much longer faults last than without <see cref="Churn"/>.</summary>
    public required long Longer { get; init; }

    /// <summary>Mean time between two ideas of the operator.</summary>
    public required long Pace { get; init; }

    /// <summary>
    /// Operators know nothing of each other: while a leader that can't be heard makes one change, another is asked of its successor, which may die over it.
    /// </summary>
    public required bool Rivals { get; init; }

    /// <summary>Slots from one snapshot to the next; 0 = none are taken.</summary>
    public required int SnapshotEvery { get; init; }

    public required int PieceBytes { get; init; }

    public required TimeSpan SnapshotPause { get; init; }

    /// <summary>Storage goes bad.</summary>
    public required bool Storage { get; init; }

    /// <summary>It is one disk that goes bad, again and again, while messages come late: answers to what a node asked before it forgot again.</summary>
    public required bool Relapses { get; init; }

    /// <summary>Five voters, one with a fast clock; leaders are cornered while votes come late.</summary>
    public required bool Corners { get; init; }

    /// <summary>The first nodes begin with empty journals and introduce themselves; else they have done so already.</summary>
    public required bool Fresh { get; init; }

    /// <summary>The speed of each node's disk, in multiples of the usual latency.</summary>
    public required double[] DiskFactors { get; init; }

    /// <summary>What each node's network adds, us.</summary>
    public required long[] Delays { get; init; }

    /// <summary>The rate of each node's clock.</summary>
    public required double[] Rates { get; init; }

    /// <summary>Who must make progress at the end can't be told beforehand.</summary>
    public bool CoreIsFound => Churn != Churn.None || Storage || Fresh;

    public static Extras Draw(SplitMix r, int nodes, bool corners)
    {
        var churn = r.Below(4) == 0 && !corners ? (Churn)(1 + r.Below(4)) : Churn.None;
        var spares = churn == Churn.None ? 0 : Math.Min(MostNodes - nodes, 2 + r.Below(4));
        var mixed = r.Below(4) == 0;
        return new Extras
        {
            Churn = churn,
            Alpha = churn == Churn.None ? Configuration.UsualAlpha : Plan.Pick(r, 1, 2, 4, 16, 64),
            Spares = spares,
            Longer = churn == Churn.None ? 0 : 500_000 + r.Below(1_500_000),
            Pace = Plan.Pick(r, 20_000, 60_000, 150_000),
            Rivals = r.Below(3) == 0,
            SnapshotEvery = r.Below(churn == Churn.None ? 2 : 4) == 0 ? 0 : Plan.Pick(r, 2, 5, 10, 20, 40),
            PieceBytes = Plan.Pick(r, 16, 40, 1_000),
            SnapshotPause = TimeSpan.FromMicroseconds(Plan.Pick(r, 0, 1_000, 5_000)),
            Storage = r.Below(4) == 0,
            Relapses = r.Below(4) == 0,
            Corners = corners,
            Fresh = r.Below(8) == 0,
            DiskFactors = [.. Enumerable.Range(0, nodes + spares).Select(_ => mixed ? Plan.Pick(r, 0.3, 1, 1, 3) : 1)],
            Delays = [.. Enumerable.Range(0, nodes + spares).Select(_ => mixed ? Plan.Pick(r, 0, 0, 2_000, 5_000) : 0L)],
            Rates = [.. Enumerable.Range(0, nodes + spares).Select(i => corners ? (i == 0 ? 1.1 : 0.9) : mixed ? 0.9 + (r.Below(21) / 100.0) : 1)],
        };
    }

    public override string ToString() =>
        $"members: {Churn} every {Pace} us, alpha {Alpha}, {Spares} spares{(Rivals ? ", rivals" : "")}{(Fresh ? ", all new" : "")}; "
        + $"snapshots: every {SnapshotEvery} slots, pieces of {PieceBytes} B, pause {SnapshotPause.TotalMicroseconds} us; "
        + $"speeds: disks {string.Join(' ', DiskFactors)}, networks {string.Join(' ', Delays)}, clocks {string.Join(' ', Rates)}";
}

using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>What is wrong on purpose in a run. <see cref="None"/> is the product.</summary>
internal sealed record Defects
{
    public static readonly Defects None = new();

    public SafetyRules Rules { get; init; } = SafetyRules.Paxos;

    /// <summary>Progress at the end is not demanded: the mistake must be noticed by the harm it does.</summary>
    public bool SafetyOnly { get; init; }

    /// <summary>The state machine does not look whether it has applied a request before.</summary>
    public bool NoSessionDedup { get; init; }

    /// <summary>A node comes back with an empty journal under its old identity.</summary>
    public bool JournalLostAtRestart { get; init; }

    /// <summary>A failed write is taken for a good one.</summary>
    public bool WriteErrorIgnored { get; init; }

    /// <summary>Recovery skips the first record of a write that was cut short and takes the rest.</summary>
    public bool TornWriteSkipped { get; init; }

    /// <summary>A read is answered as soon as its barrier is known, without waiting for the log to be applied that far.</summary>
    public bool ReadBeforeApplied { get; init; }

    /// <summary>A read barrier that another incarnation of the node asked for, or that was given up, is taken for the one asked for now.</summary>
    public bool AnyBarrierWillDo { get; init; }

    /// <summary>A client's write is acknowledged as soon as the leader took it.</summary>
    public bool AckAtVote { get; init; }

    /// <summary>A mistake in the world of the whole store.</summary>
    public Whole.WholeDefect Whole { get; init; }

    // Snapshots.

    /// <summary>The log is cut as soon as a snapshot is begun.</summary>
    public bool CutBeforeDurable { get; init; }

    /// <summary>A snapshot is installed when its first piece is there.</summary>
    public bool InstallsPart { get; init; }

    /// <summary>A snapshot is loaded whatever its digest says.</summary>
    public bool TakesDamagedSnapshot { get; init; }

    /// <summary>Of three snapshots the newest is thrown away.</summary>
    public bool OldSnapshotWins { get; init; }

    /// <summary>A snapshot leaves out the client sessions.</summary>
    public bool SnapshotWithoutSessions { get; init; }

    /// <summary>A snapshot says that it covers one slot more than it does.</summary>
    public bool SnapshotAheadOfState { get; init; }

    /// <summary>The record that stands for all before it leaves out the promise.</summary>
    public bool BaseWithoutPromise { get; init; }

    /// <summary>Votes after the base are deleted with what was before it.</summary>
    public bool CutsVotes { get; init; }

    // Identity.

    /// <summary>A node that lost records of its journal does not say so.</summary>
    public bool HidesLoss { get; init; }
}

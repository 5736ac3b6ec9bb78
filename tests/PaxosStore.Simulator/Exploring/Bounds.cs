using PaxosStore.Consensus;

namespace PaxosStore.Simulator.Exploring;

/// <summary>How far an exploration goes: within these limits nothing is left out.</summary>
internal sealed record Bounds
{
    /// <summary>Voters; n1 … nN.</summary>
    public int Nodes { get; init; } = 3;

    /// <summary>Slots 1 … S; what is proposed beyond them gets lost on its way.</summary>
    public int Slots { get; init; } = 2;

    /// <summary>Attempts to lead, of all nodes together.</summary>
    public int Ballots { get; init; } = 2;

    /// <summary>
    /// The first so many nodes may try to lead. Ids do nothing but order ballots of one round; with two ballots two candidates are all there can be, in either order.
    /// </summary>
    public int Candidates { get; init; } = 2;

    /// <summary>Commands of clients, handed to whoever leads. An opening no-op of each leader comes on top.</summary>
    public int Commands { get; init; } = 1;

    /// <summary>Crashes, of all nodes together, each with a restart from what was durable.</summary>
    public int Crashes { get; init; } = 1;

    /// <summary>How often, in all, a learner finds that it has been waiting too long and asks a peer.</summary>
    public int Fetches { get; init; } = 1;

    /// <summary>Messages between the roles of one node are steps of their own, too, and not carried out at once.</summary>
    public bool RolesApart { get; init; }

    /// <summary>Every vote is reported in a part of its own.</summary>
    public bool PromisesInParts { get; init; }

    /// <summary>Tells states apart that differ only in what can have no effect any more, and lets every write wait: many times as many states, for comparison.</summary>
    public bool Plain { get; init; }

    /// <summary>Gives up after so many states.</summary>
    public long MostStates { get; init; } = long.MaxValue;

    /// <summary>What the roles know of these bounds. Time stands still but where the exploration moves it on, so only its order matters.</summary>
    public PaxosOptions Options => new() { MessageBytes = PromisesInParts ? 1 : 1 << 20 };

    public override string ToString() =>
        $"{Nodes} nodes, {Slots} slots, {Ballots} ballots by n1{(Candidates > 1 ? $" to n{Candidates}" : "")}, {Commands} commands, {Crashes} crashes, {Fetches} fetches"
        + (RolesApart ? ", roles apart" : "") + (PromisesInParts ? ", promises in parts" : "") + (Plain ? ", plain" : "");
}

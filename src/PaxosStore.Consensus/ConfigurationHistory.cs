using System.Collections.Immutable;

namespace PaxosStore.Consensus;

/// <summary>A configuration and the first slot that it governs.</summary>
/// <param name="From">First slot governed.</param>
/// <param name="Configuration">Who votes there.</param>
public readonly record struct Governing(Slot From, Configuration Configuration);

/// <summary>
/// What stands in for the log up to a slot: together with the state there, everything that whoever starts from it needs to know of what was before.
/// </summary>
/// <param name="Through">All slots ≤ it are chosen, and covered by the state that goes with this.</param>
/// <param name="LogTime">Highest log time up to there.</param>
/// <param name="Configurations">What governs the slots after <paramref name="Through"/>, ascending, as far as the log up to it decides.</param>
public sealed record LogBase(Slot Through, TimeSpan LogTime, ImmutableArray<Governing> Configurations)
{
    /// <summary>The beginning of a new cluster's log.</summary>
    public static LogBase Initial(Configuration configuration) => new(Slot.Zero, TimeSpan.Zero, [new Governing(Slot.Zero.Next, configuration)]);

    /// <summary>The voters of a cluster that has not changed; none of one that has.</summary>
    internal ImmutableArray<NodeId> Founders => Configurations is [{ Configuration: { Version: 0 } first }] ? first.Voters : [];

    /// <inheritdoc/>
    public bool Equals(LogBase? other) =>
        other is not null && Through == other.Through && LogTime == other.LogTime && Configurations.AsSpan().SequenceEqual(other.Configurations.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => Through.GetHashCode();
}

/// <summary>
/// Which configuration governs which slot, as far as the log known so far decides. Invariant: ascending, never empty; the first entry governs every slot that is
/// still asked about.
/// </summary>
internal sealed class ConfigurationHistory(IEnumerable<Governing> known)
{
    private readonly List<Governing> _entries = [.. known];

    public Configuration Newest => _entries[^1].Configuration;

    /// <summary>First slot that <see cref="Newest"/> governs.</summary>
    public Slot NewestFrom => _entries[^1].From;

    public Configuration At(Slot slot)
    {
        var i = _entries.Count - 1;
        while (i > 0 && _entries[i].From > slot) i--;
        return _entries[i].Configuration;
    }

    /// <summary>What governs <paramref name="slot"/> and all after it.</summary>
    public ImmutableArray<Governing> From(Slot slot)
    {
        var first = 0;
        while (first + 1 < _entries.Count && _entries[first + 1].From <= slot) first++;
        return [.. _entries.Skip(first)];
    }

    /// <summary>
    /// An entry of the log in <paramref name="slot"/> holds a configuration. False when it is void: two leaders that did not know of each other may both have
    /// left a successor of the same one; the first in the log is it.
    /// </summary>
    public bool Add(Slot slot, Configuration next, SafetyRules rules)
    {
        if (!rules.Succeeds(Newest.Version, next.Version)) return false;
        _entries.Add(new Governing(rules.GovernsFrom(slot, next), next));
        return true;
    }

    /// <summary>Nobody asks about slots before <paramref name="slot"/> any more. True when something was let go.</summary>
    public bool ForgetBefore(Slot slot)
    {
        var stale = 0;
        while (stale + 1 < _entries.Count && _entries[stale + 1].From <= slot) stale++;
        _entries.RemoveRange(0, stale);
        return stale > 0;
    }
}

/// <summary>Questions about several configurations at once.</summary>
public static class GoverningExtensions
{
    /// <summary>All members, each once.</summary>
    public static ImmutableArray<NodeId> Nodes(this ImmutableArray<Governing> governing) =>
        governing is [var only] ? only.Configuration.Nodes : [.. governing.SelectMany(g => g.Configuration.Nodes).Distinct()];

    /// <summary>All voters, each once.</summary>
    public static ImmutableArray<NodeId> Voters(this ImmutableArray<Governing> governing) =>
        governing is [var only] ? only.Configuration.Voters : [.. governing.SelectMany(g => g.Configuration.Voters).Distinct()];

    /// <summary>Whether a node votes in any of them.</summary>
    public static bool IsVoter(this ImmutableArray<Governing> governing, NodeId node) => governing.Any(g => g.Configuration.IsVoter(node));

    /// <summary>Whether a node votes in all of them.</summary>
    public static bool VotesEverywhere(this ImmutableArray<Governing> governing, NodeId node) => governing.All(g => g.Configuration.IsVoter(node));
}

using System.Collections.Immutable;
using System.Numerics;

namespace PaxosStore.Consensus;

/// <summary>
/// Who takes part: a value of the log, never of gossip. Voters form quorums; observers learn only.
/// </summary>
public sealed class Configuration
{
    /// <summary>Creates a configuration.</summary>
    /// <param name="voters">1 to 63 distinct nodes.</param>
    /// <param name="observers">Nodes without a vote, distinct from the voters.</param>
    /// <exception cref="ArgumentException">No voter, too many, or a node named twice.</exception>
    public Configuration(IEnumerable<NodeId> voters, IEnumerable<NodeId>? observers = null)
    {
        Voters = [.. voters.Order()];
        Observers = [.. (observers ?? []).Order()];
        Members = [.. Voters, .. Observers];
        if (Voters.Length is 0 or > 63) throw new ArgumentException($"a configuration needs 1 to 63 voters, not {Voters.Length}", nameof(voters));
        if (Members.Distinct().Count() != Members.Length) throw new ArgumentException("a node stands twice in the configuration", nameof(voters));
    }

    /// <summary>Nodes with a vote, ascending.</summary>
    public ImmutableArray<NodeId> Voters { get; }

    /// <summary>Nodes without a vote, ascending.</summary>
    public ImmutableArray<NodeId> Observers { get; }

    /// <summary>Voters, then observers.</summary>
    public ImmutableArray<NodeId> Members { get; }

    /// <summary>Votes that decide: a strict majority, so that any two quorums share a voter.</summary>
    public int QuorumSize => Voters.Length / 2 + 1;

    /// <summary>Whether <paramref name="node"/> votes.</summary>
    public bool IsVoter(NodeId node) => IndexOf(node) >= 0;

    /// <summary>Position of <paramref name="node"/> among the voters, or −1.</summary>
    internal int IndexOf(NodeId node) => Voters.IndexOf(node);

    /// <summary>The voter's bit in a <see cref="VoterSet"/>, or none when it has no vote.</summary>
    internal VoterSet SetOf(NodeId node)
    {
        var index = IndexOf(node);
        return index < 0 ? default : new VoterSet(1UL << index);
    }
}

/// <summary>A set of voters of one configuration, one bit each: counts voters, never votes, so a duplicate adds nothing.</summary>
internal readonly record struct VoterSet(ulong Bits)
{
    public int Count => BitOperations.PopCount(Bits);

    public bool Contains(VoterSet other) => (Bits & other.Bits) == other.Bits;

    public static VoterSet operator |(VoterSet a, VoterSet b) => new(a.Bits | b.Bits);
}

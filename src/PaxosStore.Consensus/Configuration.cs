using System.Collections.Immutable;
using System.Numerics;

namespace PaxosStore.Consensus;

/// <summary>What a member may do.</summary>
public enum MemberKind
{
    /// <summary>Votes.</summary>
    Voter,

    /// <summary>Learns only.</summary>
    Observer,

    /// <summary>Learns only until it has caught up; then the leader makes it a voter.</summary>
    Candidate,
}

/// <summary>One member of a configuration.</summary>
/// <param name="Id">Who. An id that has left is never used again.</param>
/// <param name="Kind">What it may do.</param>
/// <param name="Address">How it is reached; opaque here.</param>
public sealed record Member(NodeId Id, MemberKind Kind, string Address = "");

/// <summary>
/// Who takes part: a value of the log, never of gossip. Voters form quorums; observers and candidates learn only.
/// </summary>
public sealed class Configuration : IEquatable<Configuration>
{
    /// <summary>Usual distance between the slot that holds a configuration and the first one it governs.</summary>
    public const int UsualAlpha = 64;

    /// <summary>A first configuration whose members have no address.</summary>
    public Configuration(IEnumerable<NodeId> voters, IEnumerable<NodeId>? observers = null)
        : this(0, UsualAlpha, [.. voters.Select(v => new Member(v, MemberKind.Voter)), .. (observers ?? []).Select(o => new Member(o, MemberKind.Observer))])
    {
    }

    /// <summary>Creates a configuration.</summary>
    /// <param name="version">Counts the configurations of a cluster from 0.</param>
    /// <param name="alpha">Slots from the entry that holds a successor to the first slot that one governs; never changes in the life of a cluster.</param>
    /// <param name="members">1 to 63 voters among them; no node twice.</param>
    /// <param name="change">Tells whoever asked for it that this is what came of it; opaque.</param>
    /// <exception cref="ArgumentException">No voter, too many, or a node named twice.</exception>
    public Configuration(long version, int alpha, IEnumerable<Member> members, ulong change = 0)
    {
        (Version, Alpha, Change) = (version, alpha, change);
        Members = [.. members.OrderBy(m => m.Kind != MemberKind.Voter).ThenBy(m => m.Id)];
        Voters = [.. Members.Where(m => m.Kind == MemberKind.Voter).Select(m => m.Id)];
        Nodes = [.. Members.Select(m => m.Id)];
        if (Voters.Length is 0 or > 63) throw new ArgumentException($"a configuration needs 1 to 63 voters, not {Voters.Length}", nameof(members));
        if (Nodes.Distinct().Count() != Nodes.Length) throw new ArgumentException("a node stands twice in the configuration", nameof(members));
        if (alpha < 1) throw new ArgumentException("alpha is at least 1", nameof(alpha));
    }

    /// <summary>Counts the configurations of a cluster from 0.</summary>
    public long Version { get; }

    /// <summary>A successor chosen in slot s governs from slot s + α on; a leader has at most α slots in flight (Paxos Made Simple §3).</summary>
    public int Alpha { get; }

    /// <summary>What whoever asked for this configuration knows it by.</summary>
    public ulong Change { get; }

    /// <summary>Voters, then the others; each ascending.</summary>
    public ImmutableArray<Member> Members { get; }

    /// <summary>Nodes with a vote, ascending.</summary>
    public ImmutableArray<NodeId> Voters { get; }

    /// <summary>All members' ids in the order of <see cref="Members"/>.</summary>
    public ImmutableArray<NodeId> Nodes { get; }

    /// <summary>Votes that decide: a strict majority, so that any two quorums share a voter.</summary>
    public int QuorumSize => Voters.Length / 2 + 1;

    /// <summary>Whether <paramref name="node"/> votes.</summary>
    public bool IsVoter(NodeId node) => IndexOf(node) >= 0;

    /// <summary>The member of that id, or null.</summary>
    public Member? Find(NodeId node)
    {
        foreach (var member in Members)
        {
            if (member.Id == node) return member;
        }

        return null;
    }

    /// <summary>The successor with other members.</summary>
    public Configuration With(IEnumerable<Member> members, ulong change) => new(Version + 1, Alpha, members, change);

    /// <summary>The successor in which one member is another kind.</summary>
    public Configuration With(NodeId node, MemberKind kind, ulong change = 0) => With(Members.Select(m => m.Id == node ? m with { Kind = kind } : m), change);

    /// <summary>By content.</summary>
    public bool Equals(Configuration? other) =>
        other is not null && Version == other.Version && Alpha == other.Alpha && Change == other.Change && Members.AsSpan().SequenceEqual(other.Members.AsSpan());

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Configuration);

    /// <inheritdoc/>
    public override int GetHashCode() => unchecked(((int)Version * 397) ^ Members.Length);

    /// <inheritdoc/>
    public override string ToString() => $"v{Version}[{string.Join(' ', Members.Select(m => m.Kind == MemberKind.Voter ? $"{m.Id}" : $"{m.Id}({m.Kind})"))}]";

    /// <summary>Position of <paramref name="node"/> among the voters, or −1.</summary>
    internal int IndexOf(NodeId node) => Voters.IndexOf(node);

    /// <summary>The voter's bit in a <see cref="VoterSet"/>, or none when it has no vote.</summary>
    internal VoterSet SetOf(NodeId node)
    {
        var index = IndexOf(node);
        return index < 0 ? default : new VoterSet(1UL << index);
    }

    /// <summary>Those of <paramref name="nodes"/> that vote.</summary>
    internal VoterSet SetOf(IEnumerable<NodeId> nodes)
    {
        var set = default(VoterSet);
        foreach (var node in nodes) set |= SetOf(node);
        return set;
    }
}

/// <summary>A set of voters of one configuration, one bit each: counts voters, never votes, so a duplicate adds nothing.</summary>
internal readonly record struct VoterSet(ulong Bits)
{
    public int Count => BitOperations.PopCount(Bits);

    public bool Contains(VoterSet other) => (Bits & other.Bits) == other.Bits;

    public static VoterSet operator |(VoterSet a, VoterSet b) => new(a.Bits | b.Bits);
}

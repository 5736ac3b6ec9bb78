namespace PaxosStore.Consensus;

/// <summary>Identity of a node, fixed for its life. Never re-used for a node that lost its journal.</summary>
/// <param name="Value">Opaque, positive.</param>
public readonly record struct NodeId(ulong Value) : IComparable<NodeId>
{
    /// <inheritdoc/>
    public int CompareTo(NodeId other) => Value.CompareTo(other.Value);

    /// <summary>Order of ids.</summary>
    public static bool operator <(NodeId a, NodeId b) => a.Value < b.Value;

    /// <summary>Order of ids.</summary>
    public static bool operator >(NodeId a, NodeId b) => a.Value > b.Value;

    /// <summary>Order of ids.</summary>
    public static bool operator <=(NodeId a, NodeId b) => a.Value <= b.Value;

    /// <summary>Order of ids.</summary>
    public static bool operator >=(NodeId a, NodeId b) => a.Value >= b.Value;

    /// <inheritdoc/>
    public override string ToString() => Value.ToString("x");
}

/// <summary>
/// One attempt of one node to lead; totally ordered, and never used for two attempts, also not across restarts
/// (Lamport, "Paxos Made Simple" §2.2: proposal numbers of different proposers come from disjoint sets).
/// </summary>
/// <param name="Round">Attempt counter; compared first.</param>
/// <param name="Node">Who attempts; makes ballots of different nodes distinct.</param>
public readonly record struct Ballot(long Round, NodeId Node) : IComparable<Ballot>
{
    /// <summary>Below every ballot a node can use.</summary>
    public static readonly Ballot None;

    /// <inheritdoc/>
    public int CompareTo(Ballot other) => Round != other.Round ? Round.CompareTo(other.Round) : Node.CompareTo(other.Node);

    /// <summary>Strictly older attempt.</summary>
    public static bool operator <(Ballot a, Ballot b) => a.CompareTo(b) < 0;

    /// <summary>Strictly newer attempt.</summary>
    public static bool operator >(Ballot a, Ballot b) => a.CompareTo(b) > 0;

    /// <summary>Older or the same attempt.</summary>
    public static bool operator <=(Ballot a, Ballot b) => a.CompareTo(b) <= 0;

    /// <summary>Newer or the same attempt.</summary>
    public static bool operator >=(Ballot a, Ballot b) => a.CompareTo(b) >= 0;

    /// <inheritdoc/>
    public override string ToString() => $"{Round}.{Node}";
}

/// <summary>A position in the log; the first is 1, 0 stands before it.</summary>
/// <param name="Number">Position.</param>
public readonly record struct Slot(long Number) : IComparable<Slot>
{
    /// <summary>Before the first slot.</summary>
    public static readonly Slot Zero;

    /// <summary>After every slot.</summary>
    public static readonly Slot End = new(long.MaxValue);

    /// <summary>The slot after this one.</summary>
    public Slot Next => new(Number + 1);

    /// <inheritdoc/>
    public int CompareTo(Slot other) => Number.CompareTo(other.Number);

    /// <summary>The later of two.</summary>
    public static Slot Max(Slot a, Slot b) => a.Number >= b.Number ? a : b;

    /// <summary>The earlier of two.</summary>
    public static Slot Min(Slot a, Slot b) => a.Number <= b.Number ? a : b;

    /// <summary>Earlier.</summary>
    public static bool operator <(Slot a, Slot b) => a.Number < b.Number;

    /// <summary>Later.</summary>
    public static bool operator >(Slot a, Slot b) => a.Number > b.Number;

    /// <summary>Earlier or the same.</summary>
    public static bool operator <=(Slot a, Slot b) => a.Number <= b.Number;

    /// <summary>Later or the same.</summary>
    public static bool operator >=(Slot a, Slot b) => a.Number >= b.Number;

    /// <summary>The slot <paramref name="n"/> further on.</summary>
    public static Slot operator +(Slot a, long n) => new(a.Number + n);

    /// <summary>The distance between two slots.</summary>
    public static long operator -(Slot a, Slot b) => a.Number - b.Number;

    /// <inheritdoc/>
    public override string ToString() => $"#{Number}";
}

using System.Collections.Immutable;

namespace PaxosStore.Consensus;

/// <summary>A message on its way.</summary>
/// <param name="To">Receiving node; may be the sender itself.</param>
/// <param name="Role">Receiving role.</param>
/// <param name="Message">What.</param>
public readonly record struct Outgoing(NodeId To, Role Role, Message Message)
{
    /// <summary>Bytes it takes while it waits for the disk, roughly; the values that a promise reports are in the log anyway.</summary>
    public int WaitingSize => JournalRecord.Overhead * (1 + (Message is Promise promise ? promise.Entries.Length : 0));
}

/// <summary>A value that is chosen, handed on in slot order without gaps.</summary>
/// <param name="Slot">Where.</param>
/// <param name="Value">What.</param>
/// <param name="Next">The configuration it brings; null when it brings none, or one that is void because another successor of the same came first.</param>
public readonly record struct ChosenValue(Slot Slot, Value Value, Configuration? Next);

/// <summary>Something an acceptor must not forget.</summary>
public abstract record JournalRecord
{
    /// <summary>Bytes it takes, roughly.</summary>
    public virtual int Size => Overhead;

    /// <summary>Bytes that anything takes beside the values in it, roughly.</summary>
    internal const int Overhead = 128;
}

/// <summary>Nothing below <paramref name="Ballot"/> any more.</summary>
public sealed record PromiseRecord(Ballot Ballot) : JournalRecord;

/// <summary>A vote; it also raises the promise to <paramref name="Ballot"/>.</summary>
public sealed record AcceptRecord(Slot Slot, Ballot Ballot, Value Value) : JournalRecord
{
    /// <inheritdoc/>
    public override int Size => Overhead + Value.Size;
}

/// <summary>A chosen value learned from a peer.</summary>
public sealed record LearnRecord(Slot Slot, Value Value) : JournalRecord
{
    /// <inheritdoc/>
    public override int Size => Overhead + Value.Size;
}

/// <summary>All slots ≤ <paramref name="Chosen"/> are chosen and stand in this journal. Losing it costs time, never safety.</summary>
public sealed record ChosenRecord(Slot Chosen) : JournalRecord;

/// <summary>
/// Stands for all records before it: written when the log is cut or a snapshot takes its place. What was written before it may go once it is durable, except votes
/// for slots after its base.
/// </summary>
/// <param name="Base">What stands in for the log that was cut.</param>
/// <param name="Promised">As <see cref="PromiseRecord"/>.</param>
/// <param name="Chosen">As <see cref="ChosenRecord"/>.</param>
/// <param name="Met">As <see cref="MetRecord"/>, for all nodes met.</param>
public sealed record BaseRecord(LogBase Base, Ballot Promised, Slot Chosen, ImmutableArray<MetRecord> Met) : JournalRecord
{
    /// <inheritdoc/>
    public bool Equals(BaseRecord? other) =>
        other is not null && Base.Equals(other.Base) && Promised == other.Promised && Chosen == other.Chosen && Met.AsSpan().SequenceEqual(other.Met.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => Base.GetHashCode();
}

/// <summary>A node introduced itself as this incarnation; another one under the same id has lost its journal.</summary>
/// <param name="Node">Which.</param>
/// <param name="Incarnation">Drawn when its journal was made.</param>
/// <param name="Configuration">As in <see cref="Welcome"/>: what was vouched for at that time.</param>
public sealed record MetRecord(NodeId Node, ulong Incarnation, long Configuration = 0) : JournalRecord;

/// <summary>This node may vote: enough others know its incarnation, and nothing it could have forgotten is undecided.</summary>
public sealed record AdmittedRecord : JournalRecord;

/// <summary>Why a node must stop for good.</summary>
public enum StopReason
{
    /// <summary>It need not.</summary>
    None,

    /// <summary>Another node knows it under an earlier incarnation, or a changed cluster knows it as a voter: it has voted before and forgotten.</summary>
    JournalLost,

    /// <summary>It is no member any more.</summary>
    Removed,
}

/// <summary>
/// What a step asks its driver to do. The driver carries it out in this order: hand <see cref="Records"/> to the journal, send <see cref="Now"/>;
/// once every record handed over so far is durable, send <see cref="AfterDurable"/>. The instance is the machine's own and is re-used by its next step.
/// </summary>
public sealed class Effects
{
    /// <summary>Records to make durable, in order. A batch of them may share one write.</summary>
    public List<JournalRecord> Records { get; } = [];

    /// <summary>Messages that may leave at once.</summary>
    public List<Outgoing> Now { get; } = [];

    /// <summary>Messages that speak for the disk: they leave only when all records up to and including this step's are durable.</summary>
    public List<Outgoing> AfterDurable { get; } = [];

    /// <summary>Chosen values for the state machine, contiguous.</summary>
    public List<ChosenValue> Deliver { get; } = [];

    /// <summary>The node must stop, for this reason, and not come back under this identity.</summary>
    public StopReason Stop { get; internal set; }

    internal void Clear()
    {
        Records.Clear();
        Now.Clear();
        AfterDurable.Clear();
        Deliver.Clear();
        Stop = StopReason.None;
    }

    internal void Send(NodeId to, Role role, Message message) => Now.Add(new Outgoing(to, role, message));

    internal void SendTo(ImmutableArray<NodeId> nodes, Role role, Message message)
    {
        foreach (var node in nodes) Send(node, role, message);
    }
}

/// <summary>An invariant of the protocol does not hold: the node must stop before it can do harm.</summary>
public sealed class InvariantViolationException(string message) : Exception(message)
{
    internal static void ThrowUnless(bool condition, string invariant)
    {
        if (!condition) throw new InvariantViolationException(invariant);
    }
}

using System.Collections.Immutable;

namespace PaxosStore.Consensus;

/// <summary>A message on its way.</summary>
/// <param name="To">Receiving node; may be the sender itself.</param>
/// <param name="Role">Receiving role.</param>
/// <param name="Message">What.</param>
public readonly record struct Outgoing(NodeId To, Role Role, Message Message);

/// <summary>A value that is chosen, handed on in slot order without gaps.</summary>
public readonly record struct ChosenValue(Slot Slot, Value Value);

/// <summary>Something an acceptor must not forget.</summary>
public abstract record JournalRecord;

/// <summary>Nothing below <paramref name="Ballot"/> any more.</summary>
public sealed record PromiseRecord(Ballot Ballot) : JournalRecord;

/// <summary>A vote; it also raises the promise to <paramref name="Ballot"/>.</summary>
public sealed record AcceptRecord(Slot Slot, Ballot Ballot, Value Value) : JournalRecord;

/// <summary>A chosen value learned from a peer.</summary>
public sealed record LearnRecord(Slot Slot, Value Value) : JournalRecord;

/// <summary>All slots ≤ <paramref name="Chosen"/> are chosen and stand in this journal. Losing it costs time, never safety.</summary>
public sealed record ChosenRecord(Slot Chosen) : JournalRecord;

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

    internal void Clear()
    {
        Records.Clear();
        Now.Clear();
        AfterDurable.Clear();
        Deliver.Clear();
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

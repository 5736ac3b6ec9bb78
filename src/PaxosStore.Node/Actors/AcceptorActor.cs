using Akka.Actor;
using Akka.Persistence;
using PaxosStore.Consensus;
using PaxosStore.Node.Journal;
using PaxosStore.Node.Wire;

namespace PaxosStore.Node.Actors;

/// <summary>The acceptor has replayed its journal: the other roles can start.</summary>
internal sealed record AcceptorRecovered(Acceptor Acceptor);

/// <summary>The node must stop; the reason is for the operator.</summary>
internal sealed record NodeFailure(string Reason);

/// <summary>
/// Drives <see cref="Acceptor"/>: one journal write in flight, everything that gathers meanwhile goes into the next (group commit), and what speaks for the
/// disk leaves only after the write it waited for. A failed or rejected write stops the node: what is on disk is unknown then.
/// </summary>
internal sealed class AcceptorActor : UntypedPersistentActor
{
    // One event must stay well below what SQLite and PostgreSQL take in one statement.
    private const int WriteBytes = 2 << 20;

    private readonly NodeContext _node;
    private readonly IActorRef _parent;
    private readonly Acceptor _acceptor;
    private readonly Queue<JournalRecord> _records = new();
    private readonly Queue<(long After, Outgoing Message)> _afterDurable = new();

    // Records handed over and records durable since the start, counted.
    private long _handedOver;
    private long _durable;
    private bool _writing;
    private IdentityRecord? _identity;

    public AcceptorActor(NodeContext node, IActorRef parent)
    {
        (_node, _parent) = (node, parent);
        _acceptor = new Acceptor(node.Self, node.Settings.Paxos);
        PersistenceId = $"acceptor-{node.Self}";
    }

    public override string PersistenceId { get; }

    protected override void OnRecover(object message)
    {
        switch (message)
        {
            case JournalBatch batch:
                foreach (var record in batch.Records)
                {
                    if (record is IdentityRecord identity) _identity = identity;
                    else _acceptor.Recover(record);
                }

                break;
            case RecoveryCompleted:
                if (_identity is { } found && (found.ClusterId != _node.ClusterId || found.MemberId != _node.Self.Value))
                {
                    _parent.Tell(new NodeFailure(
                        $"the journal in {_node.Settings.DataDirectory} belongs to member {found.MemberId:x} ('{found.Name}') of cluster {found.ClusterId:x}, this node is "
                        + $"{_node.Self} of {_node.ClusterId:x}: start it with the flags of that member (peer URL, initial-cluster, token) or with another --data-dir"));
                    return;
                }

                if (_identity is null) HandOver([new IdentityRecord(_node.ClusterId, _node.Self.Value, _node.Settings.Name)]);
                _parent.Tell(new AcceptorRecovered(_acceptor));
                break;
        }
    }

    protected override void OnCommand(object message)
    {
        if (message is not PeerMessage m || !_node.Accepts(m)) return;
        var effects = _acceptor.Step(m.From, m.Message, _node.Elapsed);
        _node.Send(effects.Now);
        HandOver(effects.Records);
        foreach (var outgoing in effects.AfterDurable) _afterDurable.Enqueue((_handedOver, outgoing));
        Release();
    }

    protected override void OnPersistFailure(Exception cause, object @event, long sequenceNr) =>
        _parent.Tell(new NodeFailure($"a journal write failed ({cause.GetBaseException().Message}); what reached the disk is unknown, so the node stops"));

    protected override void OnPersistRejected(Exception cause, object @event, long sequenceNr) =>
        _parent.Tell(new NodeFailure($"the journal rejected a write ({cause.GetBaseException().Message}), so the node stops"));

    protected override void OnRecoveryFailure(Exception reason, object? message = null) =>
        _parent.Tell(new NodeFailure($"the journal in {_node.Settings.DataDirectory} can't be replayed: {reason.GetBaseException().Message}"));

    private void HandOver(IEnumerable<JournalRecord> records)
    {
        foreach (var record in records)
        {
            _records.Enqueue(record);
            _handedOver++;
        }

        if (!_writing && _records.Count > 0) Write();
    }

    private void Write()
    {
        _writing = true;
        var batch = new List<JournalRecord>();
        for (var bytes = 0; bytes < WriteBytes && _records.TryDequeue(out var record); bytes += record is AcceptRecord a ? a.Value.Size : 64) batch.Add(record);
        PersistAsync(new JournalBatch([.. batch]), written =>
        {
            _writing = false;
            _durable += written.Records.Length;
            Release();
            if (_records.Count > 0) Write();
        });
    }

    private void Release()
    {
        while (_afterDurable.TryPeek(out var next) && next.After <= _durable) _node.Send(_afterDurable.Dequeue().Message);
    }
}

using System.Collections.Immutable;
using Akka.Actor;
using Akka.Persistence;
using Microsoft.Extensions.Logging;
using PaxosStore.Consensus;
using PaxosStore.Node.Journal;
using PaxosStore.Node.Storage;
using PaxosStore.Node.Wire;

namespace PaxosStore.Node.Actors;

/// <summary>The journal has been read: who it belongs to (the last identity written; null in a fresh one) and its records in order.</summary>
internal sealed record JournalReplayed(IdentityRecord? Identity, IReadOnlyList<JournalRecord> Records);

/// <summary>The acceptor that the journal and the snapshots make, and what is to be written before anything else.</summary>
internal sealed record BeginAcceptor(Acceptor Acceptor, ImmutableArray<JournalRecord> First);

/// <summary>The node must stop; the reason is for the operator.</summary>
internal sealed record NodeFailure(string Reason);

/// <summary>The journal can't be read as it was written.</summary>
internal sealed record JournalDamaged(string Reason);

/// <summary>
/// Drives <see cref="Acceptor"/>: one journal write in flight, everything that gathers meanwhile goes into the next (group commit), and what speaks for the
/// disk leaves only after the write it waited for. A failed or rejected write stops the node: what is on disk is unknown then. While the disk is full nothing is
/// written, so nothing that waits for the disk is said; and once enough waits, what would have to wait too is dropped.
/// </summary>
internal sealed class AcceptorActor : UntypedPersistentActor, IWithTimers
{
    // One event must stay well below what SQLite and PostgreSQL take in one statement.
    private const int WriteBytes = 2 << 20;

    private readonly NodeContext _node;
    private readonly IActorRef _parent;
    private readonly Func<long, bool> _hasRoom;
    private readonly Action _giveBack;
    private readonly ILogger _log;
    private readonly Queue<JournalRecord> _records = new();
    private readonly Queue<(long After, Outgoing Message)> _afterDurable = new();
    private readonly JournalCut _cut = new();
    private readonly FoundJournal? _found;

    private List<JournalRecord>? _replayed = [];
    private IdentityRecord? _identity;

    // Numbers of the events read; the first that does not follow the one before.
    private (long First, long Last) _read;
    private long? _gap;

    private Acceptor? _acceptor;

    // Records handed over and records durable since the start, counted.
    private long _handedOver;
    private long _durable;
    private long _begunAt = -1;

    // Bytes of the records that are not durable and of the messages that wait for them.
    private long _waiting;
    private bool _writing;
    private bool _full;

    public AcceptorActor(NodeContext node, string journalId, FoundJournal? found, IActorRef parent, Func<long, bool> hasRoom, Action giveBack, ILogger log)
    {
        (_node, _found, _parent, _hasRoom, _giveBack, _log) = (node, found, parent, hasRoom, giveBack, log);
        PersistenceId = journalId;
    }

    public override string PersistenceId { get; }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void OnRecover(object message)
    {
        switch (message)
        {
            case JournalBatch batch:
                if (_read.Last != 0 && LastSequenceNr != _read.Last + 1) _gap ??= LastSequenceNr;
                _read = (_read.First == 0 ? LastSequenceNr : _read.First, LastSequenceNr);
                _cut.Written(LastSequenceNr, batch);
                foreach (var record in batch.Records)
                {
                    if (record is IdentityRecord identity) _identity = identity;
                    else _replayed!.Add(record);
                }

                break;
            case RecoveryCompleted:
                _parent.Tell(Missing() is { } missing ? new JournalDamaged(missing) : new JournalReplayed(_identity, _replayed!));
                _replayed = null;
                break;
        }
    }

    protected override void OnCommand(object message)
    {
        switch (message)
        {
            case BeginAcceptor m:
                _acceptor = m.Acceptor;
                HandOver(m.First);
                _begunAt = _handedOver;
                SayBegun();
                Timers.StartPeriodicTimer("tick", Tick.Instance, _node.Settings.HeartbeatInterval);
                _node.TakesPart = _acceptor.Admitted;
                if (!_node.TakesPart) _log.WithoutVote();
                break;
            case PeerMessage m when _acceptor is not null && _node.Accepts(m):
                if (_node.DiskIsBehind && _acceptor.DropsWhileBehind(m.From, m.Message)) break;
                Carry(_acceptor.Step(m.From, m.Message, _node.Elapsed));
                break;
            case Tick:
                Carry(_acceptor!.Tick(_node.Elapsed));
                if (!_writing && _records.Count > 0) Write();
                break;
            case DeleteMessagesSuccess:
                _cut.Done();
                if (!DeleteNext()) _giveBack();
                break;
            case DeleteMessagesFailure m:
                _log.CutFailed(m.Cause.GetBaseException().Message);
                _cut.Done();
                break;
        }
    }

    protected override void OnPersistFailure(Exception cause, object @event, long sequenceNr) =>
        _parent.Tell(new NodeFailure($"a journal write failed ({StorageFailure.Describe(cause)}); what reached the disk is unknown, so the node stops"));

    protected override void OnPersistRejected(Exception cause, object @event, long sequenceNr) =>
        _parent.Tell(new NodeFailure($"the journal rejected a write ({StorageFailure.Describe(cause)}), so the node stops"));

    protected override void OnRecoveryFailure(Exception reason, object? message = null) => _parent.Tell(new JournalDamaged(reason.GetBaseException().Message));

    /// <summary>What was not read of the journal, which may be a vote; null when all was.</summary>
    private string? Missing() => this switch
    {
        { _gap: { } gap } => $"events before {gap} are missing",
        { _found: { } found } when _read != (found.First, found.Last) => $"events {found.First} to {found.Last} are there, {_read.First} to {_read.Last} can be read",
        _ => null,
    };

    private void Carry(Effects effects)
    {
        if (effects.Stop == StopReason.JournalLost) _parent.Tell(NodeFailures.JournalLost(_node));
        _node.Send(effects.Now);
        HandOver(effects.Records);
        foreach (var outgoing in effects.AfterDurable)
        {
            _afterDurable.Enqueue((_handedOver, outgoing));
            _waiting += outgoing.WaitingSize;
        }

        Release();
        NoteAdmission();
    }

    private void NoteAdmission()
    {
        if (_node.TakesPart || !_acceptor!.Admitted) return;
        _node.TakesPart = true;
        _log.Votes();
    }

    private void HandOver(IEnumerable<JournalRecord> records)
    {
        foreach (var record in records)
        {
            // What says whose journal this is must outlast the cut.
            if (record is BaseRecord) Enqueue(_node.Identity.ToRecord(_node.Settings.Name));
            Enqueue(record);
        }

        if (!_writing && _records.Count > 0) Write();
    }

    private void Enqueue(JournalRecord record)
    {
        _records.Enqueue(record);
        _handedOver++;
        _waiting += record.Size;
    }

    private void Write()
    {
        var wasFull = _full;
        _full = !_hasRoom(WriteBytes);
        if (_full != wasFull) _log.DiskRoom(_full);
        if (_full) return;
        _writing = true;
        var batch = new List<JournalRecord>();
        for (var bytes = 0; bytes < WriteBytes && _records.TryDequeue(out var record); bytes += record.Size) batch.Add(record);
        var begun = _node.Elapsed;
        PersistAsync(new JournalBatch([.. batch]), written =>
        {
            NodeMeter.JournalWrite.Record((_node.Elapsed - begun).TotalSeconds);
            _writing = false;
            _durable += written.Records.Length;
            foreach (var record in written.Records) _waiting -= record.Size;
            _cut.Written(LastSequenceNr, written);
            SayBegun();
            Release();
            DeleteNext();
            if (_records.Count > 0) Write();
        });
    }

    /// <summary>What the node starts from is on disk: nothing of how it started need be kept elsewhere.</summary>
    private void SayBegun()
    {
        if (_begunAt < 0 || _durable < _begunAt) return;
        _begunAt = -1;
        _parent.Tell(new AcceptorBegun());
    }

    private void Release()
    {
        while (_afterDurable.TryPeek(out var next) && next.After <= _durable)
        {
            _waiting -= next.Message.WaitingSize;
            _node.Send(_afterDurable.Dequeue().Message);
        }

        _node.DiskIsBehind = _waiting >= _node.Settings.Paxos.BacklogBytes;
    }

    private bool DeleteNext()
    {
        if (!_cut.TryNext(out var through)) return false;
        DeleteMessages(through);
        return true;
    }
}

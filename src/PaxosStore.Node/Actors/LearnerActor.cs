using System.Collections.Immutable;
using Akka.Actor;
using Microsoft.Extensions.Logging;
using PaxosStore.Consensus;
using PaxosStore.Node.Integrity;
using PaxosStore.Node.Wire;

namespace PaxosStore.Node.Actors;

/// <summary>The state machine has moved on.</summary>
internal sealed record AppliedBatch(KvView View, IReadOnlyList<AppliedCommand> Commands);

/// <summary>The state machine has jumped: what happened in between is in the view only.</summary>
internal sealed record StateInstalled(KvView View);

/// <summary>A configuration stands in the applied log; void when another successor of the same came first.</summary>
internal sealed record ConfigurationDecided(Configuration Configuration, bool Void);

/// <summary>Drives <see cref="Learner"/>, applies what it delivers to the key-value state, and lets snapshots be made of it.</summary>
internal sealed class LearnerActor : UntypedActor, IWithTimers
{
    private const int SlicesPerTick = 8;

    private readonly NodeContext _node;
    private readonly KvStateMachine _state;
    private readonly NodeProgress _progress;
    private readonly IActorRef _facade;
    private readonly IActorRef _snapshots;
    private readonly IActorRef _parent;
    private readonly ILogger _log;
    private readonly Learner _learner;
    private readonly ChecksumLedger _checksums = new();
    private readonly SnapshotTrigger _trigger;
    private ImmutableArray<Governing> _governing;

    public LearnerActor(NodeContext node, LearnerStart start, KvStateMachine state, NodeProgress progress, IActorRef facade, IActorRef snapshots, IActorRef parent, ILogger log)
    {
        (_node, _state, _progress, _facade, _snapshots, _parent, _log) = (node, state, progress, facade, snapshots, parent, log);
        _trigger = new SnapshotTrigger(node.Settings.SnapshotCount, start.SnapshotBytes);
        _learner = new Learner(node.Self, start.Base, node.Settings.Paxos, start.MemberSince);
        Follow();
        foreach (var message in start.Log) Carry(_learner.Step(node.Self, message, node.Elapsed));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart() => Timers.StartPeriodicTimer("tick", Tick.Instance, _node.Settings.HeartbeatInterval / 2);

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case PeerMessage m when _node.Accepts(m): OnPeer(m); break;
            case Tick:
                Carry(_learner.Tick(_node.Elapsed));
                GiveBack();
                break;
            case PieceStored m: Carry(_learner.Stored(m.Piece, _node.Elapsed)); break;
            case SnapshotReceived m: Install(m); break;
            case SnapshotUseless m:
                _log.SnapshotUseless(m.Reason);
                _learner.Abandon();
                break;
            case SnapshotTaken m: _trigger.Taken(m.Bytes); break;
        }
    }

    private void OnPeer(PeerMessage m)
    {
        switch (m.Message)
        {
            case SnapshotRequest request: _snapshots.Tell(new ServePiece(m.From, request)); break;
            case SnapshotPiece piece:
                if (!_learner.Awaits(m.From, piece)) break;
                _learner.Storing();
                _snapshots.Tell(new ReceivePiece(piece));
                break;
            case StateChecksum other:
                _checksums.Told(m.From, other.Slot, other.Checksum);
                CompareChecksums();
                break;
            default:
                if (IsTooMuch(m.From, m.Message)) break;
                Carry(_learner.Step(m.From, m.Message, _node.Elapsed));
                break;
        }
    }

    /// <summary>The disk can't take what a peer would have this node catch up with.</summary>
    private bool IsTooMuch(NodeId peer, Message message) => peer != _node.Self && _node.DiskIsBehind && Learner.AddsToBacklog(message);

    private void Carry(Effects effects)
    {
        if (effects.Stop == StopReason.Removed) _parent.Tell(NodeFailures.Removed(_node));
        // Who hears that a change of the members is applied finds them changed.
        Follow();
        foreach (var chosen in effects.Deliver) Apply(chosen);
        _progress.ChosenSlot = _learner.Known.Number;
        foreach (var outgoing in effects.Now)
        {
            if (!IsTooMuch(outgoing.To, outgoing.Message)) _node.Send(outgoing);
        }

        if (effects.Deliver.Count > 0 && _trigger.Due(_state.View.HistoryBytes)) TakeSnapshot();
    }

    private void Apply(ChosenValue chosen)
    {
        var (slot, value, next) = chosen;
        var commands = _state.Apply(new LogBatch(slot.Number, (ulong)value.Round, value.LogTime, value.WallClock, value.Commands));
        var view = _state.View;
        _progress.Applied(view, _node.Elapsed);
        _trigger.Applied(value.Size);
        _facade.Tell(new AppliedBatch(view, commands), ActorRefs.NoSender);
        if (value.Next is { } configuration) _facade.Tell(new ConfigurationDecided(configuration, next is null), ActorRefs.NoSender);
        if (!ChecksumLedger.IsDue(slot)) return;
        _checksums.Own(slot, view.Checksum);
        foreach (var node in _governing.SelectMany(g => g.Configuration.Nodes).Distinct())
        {
            if (node != _node.Self) _node.Send(new Outgoing(node, Role.Learner, new StateChecksum(slot, view.Checksum)));
        }

        CompareChecksums();
    }

    /// <summary>Other members govern: messages find their way to them, and the ways to those who left are kept for the last word.</summary>
    private void Follow()
    {
        if (_governing == _learner.Governing) return;
        var newest = _learner.Governing[^1].Configuration;
        if (!_governing.IsDefault && _governing[^1].Configuration.Version != newest.Version) _log.Configured(newest.ToString());
        _governing = _learner.Governing;
        _node.Govern(_governing);
    }

    /// <summary>An idle store gives back what compaction freed, too, a bounded piece with each tick.</summary>
    private void GiveBack()
    {
        var slices = 0;
        while (slices < SlicesPerTick && _state.GiveBack()) slices++;
        if (slices > 0) _progress.Shrunk(_state.View);
    }

    private void TakeSnapshot()
    {
        _trigger.Begun();
        _snapshots.Tell(new TakeSnapshot(_state.PinView(), _learner.Base));
    }

    private void Install(SnapshotReceived received)
    {
        if (received.Base.Through > _learner.Delivered)
        {
            _state.Install(received.State);
            _progress.Applied(_state.View, _node.Elapsed);
            _trigger.Taken(received.Bytes);
            _facade.Tell(new StateInstalled(_state.View), ActorRefs.NoSender);
            _log.SnapshotInstalled(received.Base.Through.Number, received.Bytes);
        }

        Carry(_learner.Install(received.Base, _node.Elapsed));
    }

    private void CompareChecksums()
    {
        if (_checksums.Judge(_node.Self, _node.Newest) is not { } slot) return;
        _parent.Tell(new StateDiffers(slot.Number));
    }
}

/// <summary>Where a learner starts.</summary>
/// <param name="Base">The snapshot its state was made from, or the beginning.</param>
/// <param name="Log">What the journal holds beyond it.</param>
/// <param name="MemberSince">Version of the newest configuration that this node was told of; the base may be older.</param>
/// <param name="SnapshotBytes">Size of that snapshot.</param>
internal sealed record LearnerStart(LogBase Base, IEnumerable<Message> Log, long MemberSince, long SnapshotBytes = 0);

/// <summary>This node's state is not what the other members hold.</summary>
internal sealed record StateDiffers(long Slot);

/// <summary>Time passes.</summary>
internal sealed record Tick
{
    public static readonly Tick Instance = new();
}

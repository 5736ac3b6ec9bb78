using System.Collections.Immutable;
using Akka.Actor;
using Microsoft.Extensions.Logging;
using PaxosStore.Consensus;
using PaxosStore.Node.Wire;

namespace PaxosStore.Node.Actors;

/// <summary>Who leads, as this node knows it.</summary>
internal sealed record LeaderChange(NodeId? Leader);

/// <summary>Drives <see cref="Proposer"/>; while it leads, moves log time on when a key lease is due.</summary>
internal sealed class ProposerActor : UntypedActor, IWithTimers
{
    private readonly NodeContext _node;
    private readonly Proposer _proposer;
    private readonly NodeProgress _progress;
    private readonly IActorRef _facade;
    private readonly ILogger _log;
    private readonly LogTimePace _pace = new();
    private NodeId? _leader;
    private ProposerPhase _phase;

    // The slot whose state this node must hold before it may lead: what its acceptor holds as chosen it must be able to serve.
    private readonly Slot _stateNeeded;

    public ProposerActor(
        NodeContext node, ImmutableArray<Governing> governing, Ballot promised, Slot stateNeeded, ulong seed, NodeProgress progress, IActorRef facade, ILogger log)
    {
        (_node, _stateNeeded, _progress, _facade, _log) = (node, stateNeeded, progress, facade, log);
        _proposer = new Proposer(node.Self, governing, node.Settings.Paxos, promised, seed);
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart()
    {
        Timers.StartPeriodicTimer("tick", Tick.Instance, _node.Settings.HeartbeatInterval / 4);
        Self.Tell(Tick.Instance);
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case PeerMessage m when _node.Accepts(m): Carry(_proposer.Step(m.From, m.Message, _node.Now)); break;
            case Tick when _progress.View.AppliedSlot >= _stateNeeded.Number: OnTick(); break;
        }
    }

    private void OnTick()
    {
        var now = _node.Now;
        Carry(_proposer.Tick(now));
        if (_pace.IsDue(_proposer.LogTime(now), _progress.View)) Carry(_proposer.Step(_node.Self, new Propose(0, []), now));
    }

    private void Carry(Effects effects)
    {
        _node.Send(effects.Now);
        if (_proposer.Phase != _phase)
        {
            if (_proposer.Phase == ProposerPhase.Leading) _log.Leading(_proposer.Ballot.Round);
            else if (_phase == ProposerPhase.Leading) _log.SteppedDown(_proposer.Ballot.Round);
            _phase = _proposer.Phase;
        }

        if (_proposer.Leader == _leader) return;
        _leader = _proposer.Leader;
        _progress.Leader = _leader?.Value ?? 0;
        if (_leader is not null) NodeMeter.LeaderChanges.Add(1);
        if (_leader is { } leader && leader != _node.Self) _log.Following(leader.ToString());
        else if (_leader is null) _log.NoLeader();
        _facade.Tell(new LeaderChange(_leader), ActorRefs.NoSender);
    }
}

using Akka.Actor;
using PaxosStore.Consensus;
using PaxosStore.Node.Wire;

namespace PaxosStore.Node.Actors;

/// <summary>The state machine has moved on.</summary>
internal sealed record AppliedBatch(KvView View, IReadOnlyList<AppliedCommand> Commands);

/// <summary>Drives <see cref="Learner"/> and applies what it delivers to the key-value state.</summary>
internal sealed class LearnerActor : UntypedActor, IWithTimers
{
    private readonly NodeContext _node;
    private readonly KvStateMachine _state;
    private readonly NodeProgress _progress;
    private readonly IActorRef _facade;
    private readonly Learner _learner;

    public LearnerActor(NodeContext node, Acceptor recovered, KvStateMachine state, NodeProgress progress, IActorRef facade)
    {
        (_node, _state, _progress, _facade) = (node, state, progress, facade);
        _learner = new Learner(node.Self, node.Configuration, node.Settings.Paxos);
        foreach (var message in recovered.RecoveredLog()) Carry(_learner.Step(node.Self, message, node.Elapsed));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart() => Timers.StartPeriodicTimer("tick", Tick.Instance, _node.Settings.HeartbeatInterval / 2);

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case PeerMessage m when _node.Accepts(m): Carry(_learner.Step(m.From, m.Message, _node.Elapsed)); break;
            case Tick: Carry(_learner.Tick(_node.Elapsed)); break;
        }
    }

    private void Carry(Effects effects)
    {
        foreach (var (slot, value) in effects.Deliver)
        {
            var commands = _state.Apply(new LogBatch(slot.Number, (ulong)value.Round, value.LogTime, value.WallClock, value.Commands));
            _progress.Applied(_state.View, _node.Elapsed);
            _facade.Tell(new AppliedBatch(_state.View, commands), ActorRefs.NoSender);
        }

        _progress.ChosenSlot = _learner.Known.Number;
        _node.Send(effects.Now);
    }
}

/// <summary>Time passes.</summary>
internal sealed record Tick
{
    public static readonly Tick Instance = new();
}

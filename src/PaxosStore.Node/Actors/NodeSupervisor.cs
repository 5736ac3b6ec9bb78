using Akka.Actor;
using Microsoft.Extensions.Logging;
using PaxosStore.Consensus;
using PaxosStore.Node.Facade;

namespace PaxosStore.Node.Actors;

/// <summary>
/// Starts the roles in order (the acceptor replays its journal first) and stops the node when any of them fails: a role is never restarted
/// with a state that may not match its disk.
/// </summary>
internal sealed class NodeSupervisor : UntypedActor
{
    private readonly NodeContext _node;
    private readonly NodeParts _parts;
    private readonly IActorRef _facade;
    private readonly IActorRef _acceptor;

    public NodeSupervisor(NodeContext node, NodeParts parts)
    {
        (_node, _parts) = (node, parts);
        _facade = Context.ActorOf(Props.Create(() => new KvFacadeActor(node, parts.Store)), NodeContext.ActorName(Role.Client));
        parts.Store.Attach(_facade);
        node.Register(Role.Client, _facade);
        var self = Self;
        _acceptor = Context.ActorOf(Props.Create(() => new AcceptorActor(node, self)), NodeContext.ActorName(Role.Acceptor));
        node.Register(Role.Acceptor, _acceptor);
        Context.Watch(_acceptor);
    }

    protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(e =>
    {
        _parts.Fail(e is InvariantViolationException ? $"an invariant of the protocol is broken: {e.Message}" : $"unexpected error: {e}");
        return Directive.Stop;
    });

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case AcceptorRecovered m: Start(m.Acceptor); break;
            case NodeFailure m: _parts.Fail(m.Reason); break;
            case Terminated m when m.ActorRef.Equals(_acceptor): _parts.Fail("the acceptor has stopped"); break;
        }
    }

    private void Start(Acceptor acceptor)
    {
        _parts.Log.Recovered(acceptor.Chosen.Number, acceptor.Last.Number, acceptor.Promised.ToString(), (long)_node.Elapsed.TotalMilliseconds);
        var promised = acceptor.Promised;
        _node.Register(Role.Learner, Context.ActorOf(
            Props.Create(() => new LearnerActor(_node, acceptor, _parts.State, _parts.Progress, _facade)), NodeContext.ActorName(Role.Learner)));
        _node.Register(Role.Proposer, Context.ActorOf(
            Props.Create(() => new ProposerActor(_node, promised, _parts.Seed, _parts.Progress, _facade, _parts.Log)), NodeContext.ActorName(Role.Proposer)));
    }
}

/// <summary>What the supervisor hands to the roles.</summary>
internal sealed record NodeParts(KvStateMachine State, NodeProgress Progress, PaxosKvStore Store, ulong Seed, ILogger Log, Action<string> Fail);

using Akka.Actor;
using Microsoft.Extensions.Logging;
using PaxosStore.Consensus;
using PaxosStore.Node.Facade;
using PaxosStore.Node.Startup;
using PaxosStore.Node.Storage;
using PaxosStore.Node.Wire;

namespace PaxosStore.Node.Actors;

/// <summary>
/// Starts the roles in order (journal and snapshots first) and stops the node when any of them fails: a role is never restarted with a state that may not match
/// its disk. Answers nodes that ask who they are in this cluster.
/// </summary>
internal sealed class NodeSupervisor : UntypedActor
{
    /// <summary>Before the owner's id in the name of a journal.</summary>
    public const string JournalPrefix = "acceptor-";

    private readonly NodeContext _node;
    private readonly NodeParts _parts;
    private readonly SnapshotVault _vault;
    private readonly IActorRef _facade;
    private readonly IActorRef _acceptor;
    private bool _started;
    private bool _differs;

    public NodeSupervisor(NodeContext node, NodeParts parts)
    {
        (_node, _parts) = (node, parts);
        _vault = new SnapshotVault(Context.System, parts.Owner, parts.Log);
        _facade = Context.ActorOf(Props.Create(() => new KvFacadeActor(node, parts.Store)), NodeContext.ActorName(Role.Client));
        parts.Store.Attach(_facade);
        node.Register(Role.Client, _facade);
        var self = Self;
        _acceptor = Context.ActorOf(
            Props.Create(() => new AcceptorActor(node, $"{JournalPrefix}{parts.Owner}", parts.Found, self, parts.HasRoom, parts.GiveBack, parts.Log)), NodeContext.ActorName(Role.Acceptor));
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
            case JournalReplayed m:
                new NodeStart(_node, _vault, _parts.Markers, _parts.Rescued, _parts.Log).RunAsync(m, _parts.Stopping).PipeTo(
                    Self, ActorRefs.NoSender, prepared => prepared, e => new NodeFailure(e is NodeStartupException ? e.Message : $"the node can't start: {e}"));
                break;
            case Prepared m: Start(m); break;
            case AcceptorBegun: _parts.Markers.Clear(); break;
            case JournalDamaged m:
                // It stops because of that, and a new one takes its place.
                Context.Unwatch(_acceptor);
                _parts.SetJournalAside(m.Reason);
                break;
            case NodeFailure m: _parts.Fail(m.Reason); break;
            case StateDiffers m when !_differs: RaiseCorrupt(m.Slot); break;
            case JoinRequest m when _started: Sender.Tell(Answer(m)); break;
            case Terminated m when m.ActorRef.Equals(_acceptor): _parts.Fail("the acceptor has stopped"); break;
        }
    }

    private void Start(Prepared m)
    {
        var (acceptor, log) = (m.Acceptor, _parts.Log);
        log.Recovered(acceptor.Chosen.Number, acceptor.Last.Number, acceptor.Promised.ToString(), (long)_node.Elapsed.TotalMilliseconds);
        log.Identity(_node.Self.ToString(), _node.ClusterId.ToString("x"), acceptor.Configurations[^1].Configuration.Members.Length, _node.Settings.DataDirectory);
        if (m.State is not null) _parts.Install(m.State);
        _node.Know(acceptor.Configurations);
        var self = Self;
        var (governing, promised, chosen) = (acceptor.Configurations, acceptor.Promised, acceptor.Chosen);
        var snapshots = Context.ActorOf(Props.Create(() => new SnapshotActor(_node, _vault, m.Snapshots, _parts.HasRoom, log, _parts.Stopping)), "snapshots");
        _node.Register(Role.Learner, Context.ActorOf(
            Props.Create(() => new LearnerActor(_node, m.Learner, _parts.State, _parts.Progress, _facade, snapshots, self, log)), NodeContext.ActorName(Role.Learner)));
        var stateNeeded = m.Learner.Base.Through < acceptor.Base ? chosen : Slot.Zero;
        _node.Register(Role.Proposer, Context.ActorOf(
            Props.Create(() => new ProposerActor(_node, governing, promised, stateNeeded, _parts.Seed, _parts.Progress, _facade, log)),
            NodeContext.ActorName(Role.Proposer)));
        _acceptor.Tell(new BeginAcceptor(acceptor, m.First));
        _started = true;
    }

    /// <summary>Who the asking node is in this cluster, by its peer URL.</summary>
    private JoinAnswer Answer(JoinRequest request)
    {
        string? refusal = null;
        var member = _node.Newest.Members.FirstOrDefault(m => m.Address == request.PeerUrl);
        if (request.Token != _node.Settings.ClusterToken) refusal = "the cluster has another --initial-cluster-token: give this node the same as the other members";
        else if (member is null) refusal = $"no member of the cluster is reached at {request.PeerUrl}: add it first (etcdctl member add NAME --peer-urls={request.PeerUrl})";
        else if (_parts.Progress.View.Members.TryGetValue(member.Id.Value, out var known) && known.Incarnation != 0 && known.Incarnation != request.Incarnation)
        {
            refusal = $"member {member.Id} has run before with another data directory: bring that one back, or remove the member and add it anew";
        }

        return refusal is null
            ? new JoinAnswer(_node.ClusterId, member!.Id.Value, new LogBase(Slot.Zero, TimeSpan.Zero, _node.Governing), "")
            : new JoinAnswer(_node.ClusterId, 0, null, refusal);
    }

    /// <summary>The operator learns of it from every member; then this node is silent.</summary>
    private void RaiseCorrupt(long slot)
    {
        _differs = true;
        _parts.Log.StateDiffers(slot);
        var alarm = new AlarmCommand(true, _node.Self.Value, AlarmKind.Corrupt) { Caller = _parts.Store.View.Auth.ThisNode };
        _parts.Store.ExecuteAsync(alarm, _parts.Stopping).AsTask().WaitAsync(TimeSpan.FromSeconds(2))
            .ContinueWith(_ => NodeFailures.Corrupt(_node, slot), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default).PipeTo(Self);
    }
}

/// <summary>The acceptor's first records are durable.</summary>
internal sealed record AcceptorBegun;

/// <summary>What the supervisor hands to the roles; journal and snapshots are kept under the id of <paramref name="Owner"/>.</summary>
internal sealed record NodeParts(
    KvStateMachine State, NodeProgress Progress, PaxosKvStore Store, NodeId Owner, FoundJournal? Found, StartMarkers Markers, RescuedJournal? Rescued,
    Func<long, bool> HasRoom, Action GiveBack, ulong Seed, ILogger Log, Action<string> Fail, Action<string> SetJournalAside, CancellationToken Stopping)
{
    /// <summary>A state loaded from disk becomes the one that is served.</summary>
    public void Install(KvStateMachine loaded)
    {
        if (loaded.View.AppliedSlot >= State.View.AppliedSlot) State.Install(loaded);
        Progress.Applied(State.View, TimeSpan.Zero);
    }
}

using Akka.Actor;
using Microsoft.Extensions.Logging.Abstractions;
using PaxosStore.Consensus;
using PaxosStore.Node.Actors;
using PaxosStore.Node.Facade;
using PaxosStore.Node.Journal;
using PaxosStore.Node.Startup;
using PaxosStore.Node.Wire;

namespace PaxosStore.Node.Tests.Actors;

/// <summary>The other actors do what their machines say, and a role that fails stops the node.</summary>
public sealed class RoleActorTests : PatientTestKit
{
    private readonly NodeContext _node = TestNode.Context();
    private readonly KvStateMachine _state = new();
    private readonly NodeProgress _progress;
    private readonly TaskCompletionSource<string> _aside = new();

    public RoleActorTests() : base(JournalControl.Config)
    {
        JournalControl.Current = new JournalControl();
        _progress = new NodeProgress(_state.View);
    }

    [Fact]
    public void The_learner_applies_what_is_chosen_and_tells_facade_and_acceptor()
    {
        var (node, progress, facade, acceptor) = (_node, _progress, CreateTestProbe(), CreateTestProbe());
        node.Register(Role.Acceptor, acceptor);
        var learner = Learner(facade, []);
        var open = CommandCodec.Encode(7, 1, 1, new OpenClientSessionCommand());
        learner.Tell(TestNode.From(node, new Entries(new Slot(1), [TestNode.Value(open)], new Slot(1))));

        var applied = facade.ExpectMsg<AppliedBatch>();
        Assert.Equal(1, applied.View.AppliedSlot);
        Assert.Equal(7UL, Assert.Single(applied.Commands).ClientId);
        Assert.Same(applied.View, progress.View);
        Assert.Equal(new Slot(1), ((Learned)acceptor.ExpectMsg<PeerMessage>().Message).Through);
    }

    /// <summary>What it would be told it would have to write down; what is on its disk already goes on being applied.</summary>
    [Fact]
    public void The_learner_does_not_catch_up_while_the_disk_is_behind()
    {
        var node = TestNode.Context("""initial-cluster = "solo=http://127.0.0.1:2380,other=http://127.0.0.1:2390" """);
        node.Connect(Sys);
        var (facade, acceptor, peer) = (CreateTestProbe(), CreateTestProbe(), node.Newest.Nodes.Single(n => n != node.Self));
        node.Register(Role.Acceptor, acceptor);
        var learner = Learner(facade, [], node);
        var entries = new PeerMessage(node.ClusterId, peer, new Entries(new Slot(1), [TestNode.Value()], new Slot(1)));
        node.DiskIsBehind = true;
        learner.Tell(entries);
        var ballot = new Ballot(1, peer);
        learner.Tell(TestNode.From(node, new LocallyAccepted(ballot, new Slot(2), [TestNode.Value()], Slot.Zero)));
        learner.Tell(new PeerMessage(node.ClusterId, peer, new ChosenUpTo(ballot, new Slot(2))));
        AwaitAssert(() => Assert.Equal(2, _progress.ChosenSlot));
        Assert.False(facade.HasMessages);

        node.DiskIsBehind = false;
        learner.Tell(entries);
        Assert.Equal(1, facade.ExpectMsg<AppliedBatch>().View.AppliedSlot);
        Assert.Equal(2, facade.ExpectMsg<AppliedBatch>().View.AppliedSlot);
    }

    [Fact]
    public void The_learner_begins_with_what_the_journal_holds()
    {
        var facade = CreateTestProbe();
        var recovered = new Acceptor(_node.Self, Beginning, _node.Settings.Paxos, _node.Identity.Incarnation);
        recovered.Recover([new LearnRecord(new Slot(1), TestNode.Value()), new ChosenRecord(new Slot(1))]);
        Learner(facade, recovered.RecoveredLog(Slot.Zero));
        Assert.Equal(1, facade.ExpectMsg<AppliedBatch>().View.AppliedSlot);
    }

    [Fact]
    public void The_proposer_of_a_single_node_prepares_leads_and_tells_the_facade()
    {
        var (node, progress, facade, acceptor) = (_node, _progress, CreateTestProbe(), CreateTestProbe());
        node.Register(Role.Acceptor, acceptor);
        var proposer = Sys.ActorOf(Props.Create(() => new ProposerActor(node, node.Governing, Ballot.None, Slot.Zero, 1, progress, facade.Ref, NullLogger.Instance)));
        node.Register(Role.Proposer, proposer);
        var prepare = (Prepare)acceptor.ExpectMsg<PeerMessage>().Message;
        proposer.Tell(TestNode.From(node, new Promise(prepare.Ballot, Slot.Zero, TimeSpan.Zero, new Slot(1), Slot.End, [], node.Governing)));

        acceptor.FishForMessage(m => m is PeerMessage { Message: Accept a } && a.Ballot == prepare.Ballot && a.Values[0].IsNoOp);
        Assert.Equal(node.Self, facade.ExpectMsg<LeaderChange>().Leader);
        Assert.Equal(node.Self.Value, progress.Leader);
    }

    [Fact]
    public async Task A_role_that_breaks_an_invariant_stops_the_node()
    {
        var (reason, supervisor) = await StartNodeAsync();
        Sys.ActorSelection(supervisor.Path / "acceptor").Tell(TestNode.From(_node, new Learned(new Slot(1_000_000), [])));
        Assert.Contains("an invariant of the protocol is broken", await reason.WaitAsync(TimeSpan.FromSeconds(10)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_role_that_throws_stops_the_node()
    {
        var (reason, supervisor) = await StartNodeAsync();
        var far = new Slot(_progress.View.AppliedSlot + 1);
        var garbage = new Entries(far, [.. Enumerable.Range(0, 1_000).Select(_ => TestNode.Value([255, 254]))], far + 999);
        Sys.ActorSelection(supervisor.Path / "learner").Tell(TestNode.From(_node, garbage));
        Assert.Contains("unexpected error", await reason.WaitAsync(TimeSpan.FromSeconds(10)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_journal_that_fails_stops_the_node()
    {
        JournalControl.Current.Failure = new InvalidOperationException("no space left");
        var reason = new TaskCompletionSource<string>();
        StartSupervisor(reason);
        Assert.Contains("no space left", await reason.Task.WaitAsync(TimeSpan.FromSeconds(10)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_journal_that_cannot_be_replayed_is_set_aside()
    {
        Stored(new JournalBatch([_node.Identity.ToRecord("solo")]));
        JournalControl.Current.Unreadable = new JournalCorruptException("a journal record fails its checksum");
        var reason = new TaskCompletionSource<string>();
        StartSupervisor(reason);
        Assert.Equal("a journal record fails its checksum", await _aside.Task.WaitAsync(TimeSpan.FromSeconds(10)));
        Assert.False(reason.Task.IsCompleted, "the node goes on");
    }

    [Fact]
    public async Task A_journal_with_records_of_an_unknown_kind_stops_the_node()
    {
        Stored(new JournalBatch([_node.Identity.ToRecord("solo"), new UnknownRecord()]));
        var reason = new TaskCompletionSource<string>();
        StartSupervisor(reason);
        Assert.Contains("unknown journal record", await reason.Task.WaitAsync(TimeSpan.FromSeconds(10)), StringComparison.Ordinal);
    }

    private void Stored(JournalBatch batch) =>
        JournalControl.Current.Store(new Akka.Persistence.Persistent(batch, 1, $"acceptor-{_node.Self}", null, false, null, "w", 0));

    private LogBase Beginning => LogBase.Initial(NodeIdentity.FirstConfiguration(_node.Settings));

    private IActorRef Learner(IActorRef facade, IEnumerable<Message> log) => Learner(facade, log, _node);

    private IActorRef Learner(IActorRef facade, IEnumerable<Message> log, NodeContext node)
    {
        var (state, progress, nobody) = (_state, _progress, CreateTestProbe().Ref);
        var beginning = LogBase.Initial(NodeIdentity.FirstConfiguration(node.Settings));
        var start = new LearnerStart(beginning, [.. log], beginning.Configurations[^1].Configuration.Version);
        return Sys.ActorOf(Props.Create(() => new LearnerActor(node, start, state, progress, facade, nobody, nobody, NullLogger.Instance)));
    }

    private async Task<(Task<string> Reason, IActorRef Supervisor)> StartNodeAsync()
    {
        var reason = new TaskCompletionSource<string>();
        var supervisor = StartSupervisor(reason);
        await AwaitConditionAsync(() => Task.FromResult(_progress.View.AppliedSlot > 0), TimeSpan.FromSeconds(10));
        return (reason.Task, supervisor);
    }

    private IActorRef StartSupervisor(TaskCompletionSource<string> reason)
    {
        var node = _node;
        var store = new PaxosKvStore(node, _state, _progress, () => 0);
        var parts = new NodeParts(
            _state, _progress, store, node.Self, null, new StartMarkers(Path.GetTempPath()), null, _ => true, () => { }, 1, NullLogger.Instance,
            r => reason.TrySetResult(r), r => _aside.TrySetResult(r), CancellationToken.None);
        return Sys.ActorOf(Props.Create(() => new NodeSupervisor(node, parts)), AkkaConfig.RootActor);
    }

    private sealed record UnknownRecord : JournalRecord;
}

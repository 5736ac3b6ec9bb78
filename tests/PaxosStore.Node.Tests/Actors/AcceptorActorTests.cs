using Akka.Actor;
using Akka.TestKit;
using Microsoft.Extensions.Logging.Abstractions;
using PaxosStore.Consensus;
using PaxosStore.Node.Actors;
using PaxosStore.Node.Facade;
using PaxosStore.Node.Journal;
using PaxosStore.Node.Storage;
using PaxosStore.Node.Wire;

namespace PaxosStore.Node.Tests.Actors;

/// <summary>Votes leave after the disk has them, share its writes, and never leave when a write goes wrong.</summary>
public sealed class AcceptorActorTests : PatientTestKit
{
    private static readonly Ballot Ballot = new(5, TestNode.Context().Self);

    private readonly JournalControl _journal = new();
    private readonly NodeContext _node = TestNode.Context();
    private readonly TestProbe _parent;
    private readonly TestProbe _proposer;
    private readonly TestProbe _learner;
    private int _written;
    private bool _room = true;

    public AcceptorActorTests() : base(JournalControl.Config)
    {
        JournalControl.Current = _journal;
        (_parent, _proposer, _learner) = (CreateTestProbe(), CreateTestProbe(), CreateTestProbe());
        _node.Register(Role.Proposer, _proposer);
        _node.Register(Role.Learner, _learner);
    }

    [Fact]
    public void Votes_that_arrive_during_a_write_share_the_next_one()
    {
        var acceptor = Start();
        var disk = new TaskCompletionSource();
        _journal.Gate = disk.Task;
        for (var slot = 1; slot <= 6; slot++) acceptor.Tell(Accept(slot));
        for (var slot = 1; slot <= 6; slot++) Message<LocallyAccepted>(_learner);
        AwaitAssert(() => Assert.Equal(_written + 1, _journal.Begun.Count));
        Assert.Empty(VotesSoFar());

        disk.SetResult();
        for (var slot = 1; slot <= 6; slot++) Assert.Equal(new Slot(slot), Message<Accepted>(_proposer).First);
        var writes = _journal.Begun.Skip(_written).Select(b => b.Records.OfType<AcceptRecord>().Count()).ToArray();
        Assert.Equal([1, 5], writes);
    }

    [Fact]
    public void A_promise_leaves_after_it_is_written_and_a_refusal_at_once()
    {
        var acceptor = Start();
        var disk = new TaskCompletionSource();
        _journal.Gate = disk.Task;
        acceptor.Tell(TestNode.From(_node, new Prepare(Ballot, Slot.Zero)));
        acceptor.Tell(TestNode.From(_node, new Prepare(new Ballot(1, Ballot.Node), Slot.Zero)));
        Assert.Equal(Ballot, Message<PrepareRejected>(_proposer).Promised);

        disk.SetResult();
        Assert.Equal(Ballot, Message<Promise>(_proposer).Ballot);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_write_that_fails_or_is_rejected_stops_the_node_and_no_vote_leaves(bool rejected)
    {
        var acceptor = Start();
        var broken = new InvalidOperationException("disk on fire");
        if (rejected) _journal.Rejection = broken;
        else _journal.Failure = broken;
        acceptor.Tell(Accept(1));
        var failure = _parent.ExpectMsg<NodeFailure>();
        Assert.Contains("disk on fire", failure.Reason, StringComparison.Ordinal);
        acceptor.Tell(Accept(2));
        Message<LocallyAccepted>(_learner);
        Assert.Empty(VotesSoFar());
        Assert.Equal(_written, _journal.Events.Count);
    }

    [Fact]
    public void What_was_promised_and_accepted_is_there_after_a_restart()
    {
        var acceptor = Start();
        acceptor.Tell(Accept(1));
        acceptor.Tell(TestNode.From(_node, new Prepare(new Ballot(9, Ballot.Node), Slot.Zero)));
        Message<Accepted>(_proposer);
        Message<Promise>(_proposer);
        Watch(acceptor);
        Sys.Stop(acceptor);
        ExpectTerminated(acceptor);

        Create();
        var replayed = _parent.ExpectMsg<JournalReplayed>();
        Assert.Equal(_node.Identity, NodeIdentity.From(replayed.Identity!));
        var recovered = Acceptor();
        recovered.Recover(replayed.Records);
        Assert.Equal(new Ballot(9, Ballot.Node), recovered.Promised);
        Assert.Equal(new Slot(1), recovered.Last);
        Assert.True(recovered.Admitted);
    }

    /// <summary>The storage says from where to where the journal goes; it is read by another way (an index) than that was found out.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(5)]
    public void A_journal_of_which_an_event_is_not_read_is_damaged(long lost)
    {
        var acceptor = Start();
        for (var slot = 1; slot <= 5; slot++)
        {
            acceptor.Tell(Accept(slot));
            Message<Accepted>(_proposer);
        }

        Watch(acceptor);
        Sys.Stop(acceptor);
        ExpectTerminated(acceptor);
        var found = new FoundJournal($"acceptor-{_node.Self}", 1, _journal.Events[^1].SequenceNr);
        Assert.True(found.Last > 5);
        _journal.Lose(lost == 5 ? found.Last : lost);

        Create(found);
        Assert.Contains("events", _parent.ExpectMsg<JournalDamaged>().Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Messages_of_strangers_are_dropped()
    {
        var acceptor = Start();
        var prepare = new Prepare(Ballot, Slot.Zero);
        acceptor.Tell(new PeerMessage(_node.ClusterId + 1, _node.Self, prepare));
        acceptor.Tell(new PeerMessage(_node.ClusterId, new NodeId(99), prepare));
        acceptor.Tell(TestNode.From(_node, new Prepare(new Ballot(3, Ballot.Node), Slot.Zero)));
        Assert.Equal(3, Message<Promise>(_proposer).Ballot.Round);
    }

    /// <summary>Until then whoever stops another member must be told; that is the check <c>vote</c> of <c>/readyz</c>.</summary>
    [Fact]
    public void A_node_lacks_its_vote_until_its_admission_is_on_disk()
    {
        var state = new KvStateMachine();
        var store = new PaxosKvStore(_node, state, new NodeProgress(state.View), () => 0);
        var acceptor = Create();
        _node.Register(Role.Acceptor, acceptor);
        _parent.ExpectMsg<JournalReplayed>();
        var disk = new TaskCompletionSource();
        _journal.Gate = disk.Task;
        acceptor.Tell(new BeginAcceptor(Acceptor(), [new BaseRecord(Beginning, Consensus.Ballot.None, Slot.Zero, [])]));
        acceptor.Tell(TestNode.From(_node, new Confirm(Ballot, 7, Slot.Zero, TimeSpan.Zero)));
        Message<LeaderSeen>(_proposer);
        Assert.True(store.Status.LacksVote);

        disk.SetResult();
        AwaitAssert(() => Assert.False(store.Status.LacksVote));
    }

    /// <summary>A majority that goes on without this node sends it whatever it writes, for as long as the disk is full.</summary>
    [Fact]
    public void What_waits_for_a_full_disk_has_a_bound_and_is_made_up_for_when_it_has_room()
    {
        var acceptor = Start();
        Volatile.Write(ref _room, false);
        var (large, bound) = (new byte[1 << 20], _node.Settings.Paxos.BacklogBytes);
        var sent = (bound / large.Length) + 20;
        for (var slot = 1; slot <= sent; slot++) acceptor.Tell(Accept(slot, large));
        for (var i = 0; i < 1_000; i++) acceptor.Tell(TestNode.From(_node, new Prepare(Ballot, Slot.Zero)));
        acceptor.Tell(TestNode.From(_node, new Confirm(Ballot, 7, Slot.Zero, TimeSpan.Zero)));
        Assert.Equal(7, Message<Confirmed>(_proposer).Number);
        var taken = 0;
        while (_learner.HasMessages)
        {
            if (_learner.ReceiveOne(TimeSpan.Zero) is PeerMessage { Message: LocallyAccepted }) taken++;
        }

        Assert.InRange(taken, 1, bound / large.Length);
        Assert.True(_node.DiskIsBehind);
        Assert.Empty(VotesSoFar());

        Volatile.Write(ref _room, true);
        for (var slot = 1; slot <= taken; slot++) Assert.Equal(new Slot(slot), Message<Accepted>(_proposer).First);
        Assert.False(_node.DiskIsBehind);
        for (var slot = taken + 1; slot <= sent; slot++)
        {
            acceptor.Tell(Accept(slot, large));
            Assert.Equal(new Slot(slot), Message<Accepted>(_proposer).First);
        }

        Assert.Equal(sent, _journal.Events.Sum(e => ((JournalBatch)e.Payload).Records.OfType<AcceptRecord>().Count()));
    }

    /// <summary>Messages that wait for the disk count even when they bring no record: a vote that was given already, a promise asked for again.</summary>
    [Fact]
    public void Repeated_messages_do_not_pile_up_behind_a_write()
    {
        var acceptor = Start();
        var disk = new TaskCompletionSource();
        _journal.Gate = disk.Task;
        var most = _node.Settings.Paxos.BacklogBytes / new PromiseRecord(Ballot).Size;
        for (var i = 0; i < most + 1_000; i++) acceptor.Tell(Accept(1));
        acceptor.Tell(TestNode.From(_node, new Confirm(Ballot, 7, Slot.Zero, TimeSpan.Zero)));
        _proposer.FishForMessage(m => m is PeerMessage { Message: Confirmed }, TimeSpan.FromSeconds(60));
        disk.SetResult();
        Message<Accepted>(_proposer);
        acceptor.Tell(TestNode.From(_node, new Confirm(Ballot, 8, Slot.Zero, TimeSpan.Zero)));
        var votes = 1;
        while (((PeerMessage)_proposer.ReceiveOne(TimeSpan.FromSeconds(60))).Message is not Confirmed { Number: 8 }) votes++;
        Assert.InRange(votes, 1, most);
    }

    /// <summary>An acceptor with a fresh journal that has been admitted: it votes.</summary>
    private IActorRef Start()
    {
        var acceptor = Create();
        var replayed = _parent.ExpectMsg<JournalReplayed>();
        Assert.Null(replayed.Identity);
        Assert.Empty(replayed.Records);
        var admitted = Acceptor();
        admitted.Recover([new AdmittedRecord()]);
        acceptor.Tell(new BeginAcceptor(admitted, [new BaseRecord(Beginning, Consensus.Ballot.None, Slot.Zero, []), new AdmittedRecord()]));
        _parent.ExpectMsg<AcceptorBegun>();
        AwaitAssert(() => Assert.Contains(_journal.Events, e => ((JournalBatch)e.Payload).Records.Contains(new AdmittedRecord())));
        Assert.Equal(_node.Identity.ToRecord("solo"), _journal.Begun[0].Records[0]);
        _written = _journal.Events.Count;
        return acceptor;
    }

    private LogBase Beginning => LogBase.Initial(NodeIdentity.FirstConfiguration(_node.Settings));

    private Acceptor Acceptor() => new(_node.Self, Beginning, _node.Settings.Paxos, _node.Identity.Incarnation);

    private IActorRef Create(FoundJournal? found = null)
    {
        var (node, parent, giveBack) = (_node, _parent.Ref, (Action)(() => { }));
        return Sys.ActorOf(Props.Create(() => new AcceptorActor(node, $"acceptor-{node.Self}", found, parent, _ => Volatile.Read(ref _room), giveBack, NullLogger.Instance)));
    }

    private PeerMessage Accept(int slot) => Accept(slot, [(byte)slot]);

    private PeerMessage Accept(int slot, byte[] command) => TestNode.From(_node, new Accept(Ballot, new Slot(slot), [TestNode.Value(command)], Slot.Zero));

    private static T Message<T>(TestProbe probe) where T : Message =>
        (T)((PeerMessage)probe.FishForMessage(m => m is PeerMessage { Message: T })).Message;

    /// <summary>Votes among what the proposer has been sent up to now.</summary>
    private List<Accepted> VotesSoFar()
    {
        var votes = new List<Accepted>();
        while (_proposer.HasMessages)
        {
            if (_proposer.ReceiveOne(TimeSpan.Zero) is PeerMessage { Message: Accepted vote }) votes.Add(vote);
        }

        return votes;
    }
}

using Akka.Actor;
using Akka.TestKit;
using PaxosStore.Consensus;
using PaxosStore.Node.Actors;
using PaxosStore.Node.Facade;
using PaxosStore.Node.Wire;
using static PaxosStore.Node.Tests.MultiNode.Commands;

namespace PaxosStore.Node.Tests.Facade;

/// <summary>The facade answers every request to its sender, and nothing a sender does harms the node.</summary>
public sealed class KvFacadeActorTests : PatientTestKit
{
    private readonly NodeContext _node = TestNode.Context("request-timeout = 2s");
    private readonly KvStateMachine _state = new();
    private readonly NodeProgress _progress;
    private readonly TestProbe _proposer;
    private readonly IActorRef _facade;

    public KvFacadeActorTests()
    {
        _progress = new NodeProgress(_state.View);
        _proposer = CreateTestProbe();
        _node.Register(Role.Proposer, _proposer);
        var (node, store) = (_node, new PaxosKvStore(_node, _state, _progress, () => 0));
        _facade = Sys.ActorOf(Props.Create(() => new KvFacadeActor(node, store)));
        store.Attach(_facade);
        _facade.Tell(new LeaderChange(_node.Self));
    }

    [Fact]
    public void A_write_is_agreed_on_and_answered()
    {
        _facade.Tell(new FacadeExecute(1, Put("key", "value")), TestActor);
        ChooseNext();
        ChooseNext();
        Assert.IsType<PutResult>(((WriteResult)ExpectMsg<FacadeResult>(r => Assert.Equal(1, r.Id)).Result).Op);
    }

    [Fact]
    public void A_refused_write_says_why()
    {
        _facade.Tell(new FacadeExecute(1, new LeaseRevokeCommand(99)), TestActor);
        ChooseNext();
        ChooseNext();
        Assert.Equal(new FacadeFailure(1, KvErrorCode.LeaseNotFound, KvOutcome.DidNotHappen, 0), ExpectMsg<FacadeFailure>());
    }

    [Fact]
    public void A_write_without_an_answer_from_the_leader_is_unknown()
    {
        _facade.Tell(new FacadeExecute(1, Put("key", "value")), TestActor);
        ChooseNext();
        Assert.Equal(new FacadeFailure(1, KvErrorCode.Timeout, KvOutcome.Unknown, 0), ExpectMsg<FacadeFailure>());
    }

    [Fact]
    public void A_linearizable_read_asks_for_a_barrier_and_a_serializable_one_does_not()
    {
        Apply("key", "value");
        _facade.Tell(new FacadeRead(1, Range("key"), ReadConsistency.Serializable), TestActor);
        Assert.Equal("value", Text((RangeResult)((WriteResult)ExpectMsg<FacadeResult>().Result).Op));

        _facade.Tell(new FacadeRead(2, Range("key"), ReadConsistency.Linearizable), TestActor);
        var asked = (ReadBarrierRequest)((PeerMessage)_proposer.FishForMessage(m => m is PeerMessage { Message: ReadBarrierRequest })).Message;
        _facade.Tell(TestNode.From(_node, new ReadBarrier(asked.Number, new Slot(1))));
        Assert.Equal(2, ExpectMsg<FacadeResult>().Id);
    }

    /// <summary>Other nodes of the Akka cluster are trusted, but they must say what they act as.</summary>
    [Fact]
    public void Once_callers_are_checked_only_what_says_so_acts_as_the_node()
    {
        Apply("w/key", "value");
        Apply(new UserAddCommand("root", "h"));
        Apply(new UserRoleCommand("root", "root", Grant: true));
        _facade.Tell(new FacadeWatch(9, new WatchSpec(Prefix("w/"), 0)), TestActor);
        ExpectMsg<FacadeEvents>();
        Apply(new AuthSwitchCommand(Enable: true));

        _facade.Tell(new FacadeRead(1, Range("w/key"), ReadConsistency.Serializable), TestActor);
        Assert.Equal(new FacadeFailure(1, KvErrorCode.UserEmpty, KvOutcome.DidNotHappen, 0), ExpectMsg<FacadeFailure>());
        _facade.Tell(new FacadeRead(2, Range("w/key"), ReadConsistency.Serializable) { AsNode = true }, TestActor);
        Assert.Equal(2, ExpectMsg<FacadeResult>().Id);
        _facade.Tell(new FacadeWatch(3, new WatchSpec(Prefix("w/"), 0)), TestActor);
        Assert.Equal(new FacadeFailure(3, KvErrorCode.UserEmpty, KvOutcome.DidNotHappen, 0), ExpectMsg<FacadeFailure>());
        _facade.Tell(new FacadeWatch(4, new WatchSpec(Prefix("w/"), 0)) { AsNode = true }, TestActor);
        Assert.Equal(4, ExpectMsg<FacadeEvents>().Id);

        // A watch that was open before ends with the first event it may not see.
        _facade.Tell(new FacadeWatchNext(9), TestActor);
        Assert.Empty(ExpectMsg<FacadeEvents>().Events);
        _facade.Tell(new FacadeExecute(5, Put("w/key", "new") with { Caller = Caller.Node }), TestActor);
        ChooseNext();
        ChooseNext();
        var answers = new[] { ExpectMsg<FacadeReply>(), ExpectMsg<FacadeReply>() };
        Assert.Contains(answers, a => a is FacadeResult { Id: 5 });
        Assert.Contains(new FacadeFailure(9, KvErrorCode.UserEmpty, KvOutcome.DidNotHappen, 0), answers);
    }

    [Fact]
    public void A_read_that_writes_is_refused()
    {
        _facade.Tell(new FacadeRead(1, new PutOp(Bytes("key"), Bytes("value")), ReadConsistency.Serializable), TestActor);
        _facade.Tell(new FacadeRead(2, new TxnOp([], [new PutOp(Bytes("key"), Bytes("value"))], []), ReadConsistency.Serializable), TestActor);
        Assert.Equal([1L, 2L], new[] { ExpectMsg<FacadeFailure>().Id, ExpectMsg<FacadeFailure>().Id }.Order());
    }

    [Fact]
    public void A_reply_too_large_for_the_wire_is_said_to_be()
    {
        for (var i = 0; i < 7; i++) Apply($"big/{i}", new string('x', 1 << 20));
        _facade.Tell(new FacadeRead(1, new RangeOp(Prefix("big/")), ReadConsistency.Serializable), TestActor);
        Assert.Equal(KvErrorCode.RequestTooLarge, ExpectMsg<FacadeFailure>().Code);
    }

    [Fact]
    public void A_watch_sends_a_batch_for_each_demand_and_each_says_where_the_one_before_ended()
    {
        _facade.Tell(new FacadeWatch(5, new WatchSpec(Prefix("w/"), 0)), TestActor);
        var at = ExpectMsg<FacadeEvents>(e => Assert.Empty(e.Events)).Revision;
        Apply("w/1", "a");
        Apply("other", "b");
        ExpectNoMsg(TimeSpan.FromMilliseconds(100));

        _facade.Tell(new FacadeWatchNext(5), TestActor);
        var first = ExpectMsg<FacadeEvents>();
        Assert.Equal(at, first.After);
        Assert.Equal("w/1", Text(Assert.Single(first.Events).Kv.Key));
        Assert.Equal(_state.View.Revision, first.Revision);

        _facade.Tell(new FacadeWatchNext(5), TestActor);
        Assert.Equal(first.Revision, ExpectMsg<FacadeEvents>(e => Assert.Empty(e.Events)).After);
        Apply("w/2", "c");
        Assert.Equal("w/2", Text(Assert.Single(ExpectMsg<FacadeEvents>().Events).Kv.Key));
        Apply("w/3", "d");
        ExpectNoMsg(TimeSpan.FromMilliseconds(100));
        _facade.Tell(new FacadeWatchCancel(5), TestActor);
    }

    [Fact]
    public void A_long_history_comes_in_pieces_that_fit_together()
    {
        for (var i = 0; i < 100; i++) Apply($"w/{i:d3}", new string('x', 10_000));
        _facade.Tell(new FacadeWatch(5, new WatchSpec(Prefix("w/"), 2)), TestActor);
        var reached = ExpectMsg<FacadeEvents>().Revision;
        Assert.Equal(1, reached);
        var (keys, pieces) = (new List<string>(), 0);
        while (keys.Count < 100)
        {
            _facade.Tell(new FacadeWatchNext(5), TestActor);
            var piece = ExpectMsg<FacadeEvents>();
            Assert.Equal(reached, piece.After);
            Assert.Equal(piece.Events[^1].Kv.ModRevision, piece.Revision);
            reached = piece.Revision;
            keys.AddRange(piece.Events.Select(e => Text(e.Kv.Key)));
            pieces++;
        }

        Assert.Equal(Enumerable.Range(0, 100).Select(i => $"w/{i:d3}"), keys);
        Assert.True(pieces > 2);
    }

    [Fact]
    public void A_watch_opened_twice_is_one_watch_and_an_unknown_one_is_said_to_be()
    {
        Watch(_facade);
        var spec = new WatchSpec(Prefix("w/"), 0);
        _facade.Tell(new FacadeWatch(5, spec), TestActor);
        _facade.Tell(new FacadeWatch(5, spec), TestActor);
        ExpectMsg<FacadeEvents>();
        _facade.Tell(new FacadeWatchNext(6), TestActor);
        Assert.Equal(new FacadeFailure(6, KvErrorCode.Stopped, KvOutcome.DidNotHappen, 0), ExpectMsg<FacadeFailure>());
        _facade.Tell(new FacadeWatchCancel(7), TestActor);
        _facade.Tell(new FacadeWatchNext(5), TestActor);
        ExpectMsg<FacadeEvents>();
    }

    [Fact]
    public void A_watch_of_compacted_history_says_so()
    {
        for (var i = 0; i < 5; i++) Apply("w/1", $"{i}");
        Apply(new CompactCommand(4));
        _facade.Tell(new FacadeWatch(5, new WatchSpec(Prefix("w/"), 2)), TestActor);
        _facade.Tell(new FacadeWatchNext(5), TestActor);
        FishForMessage<FacadeFailure>(f => f is { Code: KvErrorCode.Compacted, CompactRevision: 4 });
    }

    /// <summary>What the facade proposes next is chosen and applied.</summary>
    private void ChooseNext()
    {
        var proposal = (Propose)((PeerMessage)_proposer.FishForMessage(m => m is PeerMessage { Message: Propose })).Message;
        Apply([.. proposal.Commands]);
    }

    private void Apply(string key, string value) => Apply(Put(key, value));

    private void Apply(KvCommand command)
    {
        var number = _state.View.AppliedSlot + 2;
        Apply([CommandCodec.Encode(1, 1, 1, new OpenClientSessionCommand()), CommandCodec.Encode(1, number, number, command)]);
    }

    private void Apply(ReadOnlyMemory<byte>[] commands)
    {
        var applied = _state.Apply(new LogBatch(_state.View.AppliedSlot + 1, 1, TimeSpan.Zero, 0, commands));
        _progress.Applied(_state.View, _node.Elapsed);
        _facade.Tell(new AppliedBatch(_state.View, applied));
    }
}

using PaxosStore.Consensus;
using PaxosStore.Node.Facade;

namespace PaxosStore.Node.Tests.Facade;

/// <summary>Every request ends once, says the truth about what happened, and is never applied twice.</summary>
public sealed class RequestTrackerTests
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(1);
    private readonly TrackerBench _bench = new();

    [Fact]
    public void The_first_write_opens_a_session_and_then_goes_out()
    {
        var write = _bench.Write("key");
        Assert.Empty(_bench.Sent());
        _bench.Tracker.LeaderChanged(TrackerBench.Leader, _bench.Now);
        var opening = _bench.OneProposal();
        Assert.IsType<OpenClientSessionCommand>(CommandCodec.Decode(Assert.Single(opening.Commands)).Command);
        _bench.Choose(opening);
        Assert.False(write.Completion.Task.IsCompleted);

        var proposal = _bench.OneProposal();
        _bench.Choose(proposal);
        Assert.IsType<WriteResult>(Completed(write));
        Assert.Equal(0, _bench.Tracker.PendingWrites);
    }

    [Fact]
    public void What_gathers_while_two_messages_are_out_shares_the_third()
    {
        _bench.Opened();
        _bench.Write("a");
        var first = _bench.OneProposal();
        _bench.Write("b");
        var second = _bench.OneProposal();
        PendingWrite[] waiting = [_bench.Write("c"), _bench.Write("d"), _bench.Write("e")];
        Assert.Empty(_bench.Sent());
        _bench.Choose(first);
        var third = _bench.OneProposal();
        Assert.Equal(3, third.Commands.Length);
        _bench.Choose(second, third);
        Assert.All(waiting, w => Completed(w));
    }

    [Fact]
    public void A_new_leader_gets_what_is_open_again_and_it_happens_once()
    {
        _bench.Opened();
        var write = _bench.Write("key");
        var toOld = _bench.OneProposal();
        _bench.Tracker.LeaderChanged(TrackerBench.Other, _bench.Now);
        var toNew = _bench.OneProposal();
        Assert.True(toOld.Commands[0].Span.SequenceEqual(toNew.Commands[0].Span));
        _bench.Choose(toOld);
        _bench.Choose(toNew);
        Completed(write);
        Assert.Equal(1, _bench.View.Range(MultiNode.Commands.Range("key")).Kvs[0].Version);
    }

    [Fact]
    public void A_lost_message_is_said_again_after_an_election_timeout()
    {
        _bench.Opened();
        var write = _bench.Write("key");
        var lost = _bench.OneProposal();
        _bench.Tick(TrackerBench.ElectionTimeout - Moment);
        Assert.Empty(_bench.Sent());
        _bench.Tick(Moment);
        var again = _bench.OneProposal();
        Assert.NotEqual(lost.Batch, again.Batch);
        _bench.Choose(again);
        Completed(write);
    }

    [Fact]
    public void What_is_not_answered_while_others_go_on_is_given_twice_as_long()
    {
        _bench.Opened();
        _bench.Write("key");
        _bench.OneProposal();
        for (var half = 0; half < 3; half++)
        {
            _bench.Tick(TrackerBench.ElectionTimeout / 2);
            Assert.Empty(_bench.Sent());
            _bench.LogTimePasses(Moment);
        }

        _bench.Tick(TrackerBench.ElectionTimeout / 2);
        _bench.OneProposal();
    }

    [Fact]
    public void Each_repeat_waits_twice_as_long_until_another_leads()
    {
        _bench.Opened();
        _bench.Write("key");
        _bench.OneProposal();
        Repeated(after: 1);
        Repeated(after: 2);
        Repeated(after: 4);
        _bench.Tracker.LeaderChanged(TrackerBench.Other, _bench.Now);
        _bench.OneProposal();
        Repeated(after: 1);

        void Repeated(int after)
        {
            _bench.Tick((TrackerBench.ElectionTimeout * after) - Moment);
            Assert.Empty(_bench.Sent());
            _bench.Tick(Moment);
            _bench.OneProposal();
        }
    }

    [Fact]
    public void An_older_message_is_said_again_at_once_when_a_newer_one_is_answered()
    {
        _bench.Opened();
        var lost = _bench.Write("lost");
        _bench.OneProposal();
        _bench.Write("next");
        _bench.Choose(_bench.OneProposal());
        _bench.Choose(_bench.OneProposal());
        Completed(lost);
    }

    [Fact]
    public void An_overloaded_leader_refuses_and_only_a_first_attempt_surely_did_not_happen()
    {
        _bench.Opened();
        var once = _bench.Write("once");
        _bench.Tracker.Step(new ProposeRejected(_bench.OneProposal().Batch, Rejection.Overloaded), _bench.Now);
        Fails(once.Completion.Task, KvErrorCode.Overloaded, KvOutcome.DidNotHappen);

        _bench.Tracker.LeaderChanged(TrackerBench.Leader, _bench.Now);
        var twice = _bench.Write("twice");
        _bench.OneProposal();
        _bench.Tracker.LeaderChanged(TrackerBench.Other, _bench.Now);
        _bench.Tracker.Step(new ProposeRejected(_bench.OneProposal().Batch, Rejection.Overloaded), _bench.Now);
        Fails(twice.Completion.Task, KvErrorCode.Overloaded, KvOutcome.Unknown);
        Assert.Equal(0, _bench.Tracker.PendingWrites);
    }

    [Fact]
    public void A_write_that_never_left_did_not_happen_and_one_that_did_is_unknown()
    {
        var unsent = _bench.Write("unsent");
        _bench.Tick(TrackerBench.RequestTimeout);
        Fails(unsent.Completion.Task, KvErrorCode.Timeout, KvOutcome.DidNotHappen);

        _bench.Opened();
        var sent = _bench.Write("sent");
        _bench.OneProposal();
        _bench.Tick(TrackerBench.RequestTimeout);
        Fails(sent.Completion.Task, KvErrorCode.Timeout, KvOutcome.Unknown);
        Assert.Equal(0, _bench.Tracker.PendingWrites);
    }

    [Fact]
    public void A_write_given_up_is_not_applied_by_a_copy_that_comes_late()
    {
        _bench.Opened();
        _bench.Write("key", "late");
        var late = _bench.OneProposal();
        _bench.Tick(TrackerBench.RequestTimeout);
        _bench.Sent();
        _bench.Write("other");
        _bench.Choose(_bench.OneProposal());
        _bench.Choose(late);
        Assert.Empty(_bench.View.Range(MultiNode.Commands.Range("key")).Kvs);
    }

    [Fact]
    public void A_cancelled_write_leaves_the_session()
    {
        _bench.Opened();
        var cancelled = _bench.Write("cancelled");
        _bench.OneProposal();
        cancelled.Completion.TrySetCanceled();
        _bench.Tracker.LeaderChanged(TrackerBench.Other, _bench.Now);
        Assert.Empty(_bench.Sent());
        _bench.Tick(TrackerBench.RequestTimeout);
        Assert.Equal(0, _bench.Tracker.PendingWrites);

        _bench.Write("next");
        var next = CommandCodec.Decode(_bench.OneProposal().Commands[0]);
        Assert.Equal(next.RequestNumber, next.AcknowledgedBelow);
    }

    /// <summary>What the session acknowledges it forgets: a repeat of a write that still waits would be applied again.</summary>
    [Fact]
    public void A_write_that_waits_is_not_acknowledged_by_those_after_it()
    {
        _bench.Opened();
        _bench.Write("first");
        var first = CommandCodec.Decode(_bench.OneProposal().Commands[0]);
        for (var later = 0; later < 3; later++)
        {
            _bench.Write("later");
            var proposal = _bench.OneProposal();
            Assert.Equal(first.RequestNumber, CommandCodec.Decode(proposal.Commands[0]).AcknowledgedBelow);
            _bench.Choose(proposal);
            _bench.Sent();
        }
    }

    [Fact]
    public void An_expired_session_is_replaced_and_its_writes_go_out_under_the_new_one()
    {
        _bench.Opened();
        var write = _bench.Write("key");
        var old = _bench.OneProposal();
        _bench.LogTimePasses(TimeSpan.FromHours(2));
        _bench.Choose(old);
        var opening = _bench.OneProposal();
        Assert.NotEqual(ClientOf(old), ClientOf(opening));
        _bench.Choose(opening);
        _bench.Choose(_bench.OneProposal());
        Completed(write);
    }

    [Fact]
    public void An_idle_session_shows_up_now_and_then_also_without_a_leader_only_once()
    {
        _bench.Opened();
        _bench.Tracker.LeaderChanged(null, _bench.Now);
        _bench.Tick(TimeSpan.FromMinutes(10));
        _bench.Tick(Moment);
        Assert.Equal(1, _bench.Tracker.PendingWrites);
        _bench.Tracker.LeaderChanged(TrackerBench.Leader, _bench.Now);
        Assert.IsType<OpenClientSessionCommand>(CommandCodec.Decode(_bench.OneProposal().Commands[0]).Command);
    }

    [Fact]
    public void Who_no_longer_leads_is_not_asked_in_circles()
    {
        _bench.Opened();
        var write = _bench.Write("key");
        _bench.Tracker.Step(new ProposeRejected(_bench.OneProposal().Batch, Rejection.NotLeader), _bench.Now);
        Assert.Empty(_bench.Sent());
        _bench.Tick(TrackerBench.ElectionTimeout / 8);
        _bench.Choose(_bench.OneProposal());
        Completed(write);
    }

    [Fact]
    public void A_new_leader_is_asked_at_once()
    {
        _bench.Opened();
        _bench.Write("key");
        _bench.Tracker.Step(new ProposeRejected(_bench.OneProposal().Batch, Rejection.NotLeader), _bench.Now);
        _bench.Tracker.LeaderChanged(TrackerBench.Other, _bench.Now);
        Assert.Single(_bench.Sent());
    }

    [Fact]
    public void A_read_waits_until_its_barrier_is_applied()
    {
        _bench.Opened();
        var read = _bench.Read();
        var asked = Assert.IsType<ReadBarrierRequest>(Assert.Single(_bench.Sent()));
        _bench.Tracker.Step(new ReadBarrier(asked.Number, new Slot(_bench.View.AppliedSlot + 1)), _bench.Now);
        Assert.False(read.Completion.Task.IsCompleted);
        _bench.LogTimePasses(Moment);
        Assert.Same(_bench.View, Completed(read.Completion.Task));
        Assert.Equal(0, _bench.Tracker.PendingReads);
    }

    [Fact]
    public void Reads_that_wait_share_a_barrier_and_a_late_one_never_uses_an_earlier()
    {
        _bench.Opened();
        PendingRead[] early = [_bench.Read(), _bench.Read()];
        var first = Assert.IsType<ReadBarrierRequest>(Assert.Single(_bench.Sent()));
        var late = _bench.Read();
        var second = Assert.IsType<ReadBarrierRequest>(Assert.Single(_bench.Sent()));
        _bench.Tracker.Step(new ReadBarrier(first.Number, new Slot(1)), _bench.Now);
        Assert.All(early, r => Completed(r.Completion.Task));
        Assert.False(late.Completion.Task.IsCompleted);
        _bench.Tracker.Step(new ReadBarrier(second.Number, new Slot(1)), _bench.Now);
        Completed(late.Completion.Task);
    }

    [Fact]
    public void A_barrier_that_takes_longer_than_the_wait_before_the_next_asking_still_counts()
    {
        _bench.Opened();
        var read = _bench.Read();
        var asked = Assert.IsType<ReadBarrierRequest>(Assert.Single(_bench.Sent()));
        _bench.Tick(TrackerBench.ElectionTimeout / 2);
        Assert.Equal(asked.Number, Assert.IsType<ReadBarrierRequest>(Assert.Single(_bench.Sent())).Number);
        _bench.Tracker.Step(new ReadBarrier(asked.Number, new Slot(1)), _bench.Now);
        Completed(read.Completion.Task);
        _bench.Tracker.Step(new ReadBarrier(asked.Number, new Slot(1)), _bench.Now);
        Assert.Equal(0, _bench.Tracker.PendingReads);
    }

    [Fact]
    public void A_barrier_of_a_former_leader_counts_for_nothing()
    {
        _bench.Opened();
        var read = _bench.Read();
        var asked = Assert.IsType<ReadBarrierRequest>(Assert.Single(_bench.Sent()));
        _bench.Tracker.LeaderChanged(TrackerBench.Other, _bench.Now);
        _bench.Tracker.Step(new ReadBarrier(asked.Number, new Slot(1)), _bench.Now);
        Assert.False(read.Completion.Task.IsCompleted);
    }

    [Fact]
    public void A_read_that_finds_no_barrier_times_out_or_is_refused()
    {
        _bench.Opened();
        var lost = _bench.Read();
        _bench.Sent();
        _bench.Tick(TrackerBench.RequestTimeout);
        Fails(lost.Completion.Task, KvErrorCode.Timeout, KvOutcome.DidNotHappen);
        _bench.Sent();

        var refused = _bench.Read();
        var asked = _bench.Sent().OfType<ReadBarrierRequest>().Last();
        _bench.Tracker.Step(new ReadBarrierRejected(asked.Number, Rejection.Overloaded), _bench.Now);
        Fails(refused.Completion.Task, KvErrorCode.Overloaded, KvOutcome.DidNotHappen);
        Assert.Equal(0, _bench.Tracker.PendingReads);
    }

    [Fact]
    public void Nobody_waits_for_a_node_that_stops()
    {
        _bench.Opened();
        var sent = _bench.Write("sent");
        var read = _bench.Read();
        _bench.Sent();
        var unsent = _bench.Write("unsent");
        _bench.Tracker.Stop();
        Fails(sent.Completion.Task, KvErrorCode.Stopped, KvOutcome.Unknown);
        Fails(unsent.Completion.Task, KvErrorCode.Stopped, KvOutcome.DidNotHappen);
        Fails(read.Completion.Task, KvErrorCode.Stopped, KvOutcome.DidNotHappen);
    }

    private static ulong ClientOf(Propose proposal) => CommandCodec.Decode(proposal.Commands[0]).ClientId;

    private static KvResult Completed(PendingWrite write) => Completed(write.Completion.Task);

    private static T Completed<T>(Task<T> task)
    {
        Assert.True(task.IsCompletedSuccessfully);
        return task.GetAwaiter().GetResult();
    }

    private static void Fails(Task task, KvErrorCode code, KvOutcome outcome)
    {
        Assert.True(task.IsFaulted);
        var error = TrackerBench.Error(task);
        Assert.Equal((code, outcome), (error.Code, error.Outcome));
    }
}

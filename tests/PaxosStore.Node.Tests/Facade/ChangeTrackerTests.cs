using PaxosStore.Consensus;
using PaxosStore.Node.Actors;
using PaxosStore.Node.Facade;

namespace PaxosStore.Node.Tests.Facade;

/// <summary>Changes of the members on their way to the leader.</summary>
public sealed class ChangeTrackerTests
{
    private static readonly NodeId One = new(1);
    private static readonly Configuration First = new([One, new NodeId(2)]);

    private readonly ChangeTracker _changes = new(requestTimeout: Seconds(7), repeatAfter: Seconds(1), firstNumber: 1000);

    [Fact]
    public async Task A_change_goes_to_the_leader_and_is_done_when_it_is_applied()
    {
        var change = Add(77);
        Assert.Empty(_changes.Outbox);
        _changes.LeaderChanged(One, Seconds(1));
        var sent = Assert.IsType<Reconfigure>(Assert.Single(_changes.Outbox).Message);
        Assert.Equal(77UL, sent.Next.Change);
        _changes.Decided(new ConfigurationDecided(change.Next, Void: false));
        Assert.Equal(ChangeOutcome.Done, await change.Completion.Task);
    }

    [Fact]
    public void It_is_asked_again_after_a_while_and_of_a_new_leader_at_once()
    {
        Add(77);
        _changes.LeaderChanged(One, Seconds(1));
        _changes.Tick(Seconds(1.5));
        Assert.Single(_changes.Outbox);
        _changes.Tick(Seconds(2));
        Assert.Equal(2, _changes.Outbox.Count);
        _changes.LeaderChanged(new NodeId(2), Seconds(2.1));
        Assert.Equal(new NodeId(2), _changes.Outbox[^1].To);
    }

    [Theory]
    [InlineData(Rejection.NotNext, ChangeOutcome.Overtaken)]
    [InlineData(Rejection.NotCaughtUp, ChangeOutcome.NotCaughtUp)]
    [InlineData(Rejection.TooFewAlive, ChangeOutcome.TooFewAlive)]
    internal async Task A_refusal_ends_it(Rejection rejection, ChangeOutcome outcome)
    {
        var change = Add(77);
        _changes.LeaderChanged(One, Seconds(1));
        _changes.Step(new ReconfigureRejected(change.Number, rejection));
        Assert.Equal(outcome, await change.Completion.Task);
    }

    [Fact]
    public void A_refusal_of_an_earlier_attempt_says_nothing()
    {
        var change = Add(77);
        _changes.LeaderChanged(One, Seconds(1));
        var first = change.Number;
        _changes.Tick(Seconds(2));
        _changes.Step(new ReconfigureRejected(first, Rejection.NotNext));
        _changes.Step(new ReconfigureRejected(change.Number, Rejection.NotLeader));
        Assert.False(change.Completion.Task.IsCompleted);
    }

    [Theory]
    [InlineData(Rejection.NotCaughtUp)]
    [InlineData(Rejection.TooFewAlive)]
    internal void No_refusal_of_a_repeated_request_ends_it(Rejection rejection)
    {
        var change = Add(77);
        _changes.LeaderChanged(One, Seconds(1));
        _changes.LeaderChanged(new NodeId(2), Seconds(1.1));
        _changes.Step(new ReconfigureRejected(change.Number, rejection));
        Assert.False(change.Completion.Task.IsCompleted);
    }

    [Fact]
    public async Task Who_does_not_lead_has_done_nothing_and_the_refusal_of_the_leader_ends_it()
    {
        var change = Add(77);
        _changes.LeaderChanged(One, Seconds(1));
        _changes.Step(new ReconfigureRejected(change.Number, Rejection.NotLeader));
        _changes.LeaderChanged(new NodeId(2), Seconds(1.1));
        _changes.Step(new ReconfigureRejected(change.Number, Rejection.NotCaughtUp));
        Assert.Equal(ChangeOutcome.NotCaughtUp, await change.Completion.Task);
    }

    /// <summary>Numbers began at one in every process: the refusal of a change that the process before had asked for ended one of this process.</summary>
    [Fact]
    public void A_refusal_meant_for_the_process_before_says_nothing()
    {
        var before = new ChangeTracker(Seconds(7), Seconds(1), firstNumber: 5);
        var lost = new PendingChange(First.With(First.Members, 76));
        before.Add(lost, TimeSpan.Zero);
        before.LeaderChanged(One, Seconds(1));
        var change = Add(77);
        _changes.LeaderChanged(One, Seconds(1));
        _changes.Step(new ReconfigureRejected(lost.Number, Rejection.NotNext));
        Assert.False(change.Completion.Task.IsCompleted);
    }

    /// <summary>A member that was added was reported as refused, "peer URL exists", when the leader was slow to answer.</summary>
    [Fact]
    public async Task A_repeated_request_is_not_overtaken_by_itself()
    {
        var change = Add(77);
        _changes.LeaderChanged(One, Seconds(1));
        _changes.Tick(Seconds(2));
        _changes.Step(new ReconfigureRejected(change.Number, Rejection.NotNext));
        Assert.False(change.Completion.Task.IsCompleted);
        _changes.Decided(new ConfigurationDecided(change.Next, Void: false));
        Assert.Equal(ChangeOutcome.Done, await change.Completion.Task);
    }

    [Fact]
    public async Task Another_successor_of_the_same_configuration_overtakes_it_and_a_void_one_does_not()
    {
        var change = Add(77);
        _changes.Decided(new ConfigurationDecided(First.With(First.Members, change: 5), Void: true));
        Assert.False(change.Completion.Task.IsCompleted);
        _changes.Decided(new ConfigurationDecided(First.With(First.Members, change: 5), Void: false));
        Assert.Equal(ChangeOutcome.Overtaken, await change.Completion.Task);

        var itself = Add(78);
        _changes.Decided(new ConfigurationDecided(itself.Next, Void: true));
        Assert.Equal(ChangeOutcome.Overtaken, await itself.Completion.Task);
    }

    [Fact]
    public async Task Out_of_time_or_stopped_its_outcome_is_unknown()
    {
        var late = Add(77);
        _changes.Tick(Seconds(7));
        Assert.Equal((KvErrorCode.Timeout, KvOutcome.Unknown), Told(await Assert.ThrowsAsync<KvException>(() => late.Completion.Task)));
        var stopped = Add(78);
        _changes.Stop();
        Assert.Equal((KvErrorCode.Stopped, KvOutcome.Unknown), Told(await Assert.ThrowsAsync<KvException>(() => stopped.Completion.Task)));
    }

    private static (KvErrorCode, KvOutcome) Told(KvException e) => (e.Code, e.Outcome);

    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    private PendingChange Add(ulong number)
    {
        var change = new PendingChange(First.With(First.Members, number));
        _changes.Add(change, TimeSpan.Zero);
        return change;
    }
}

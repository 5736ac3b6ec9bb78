using System.Collections.Immutable;

namespace PaxosStore.Consensus.Tests;

/// <summary>What a learner asks for, of whom and when; and how it finds out that it has left.</summary>
public class LearnerCatchUpTests
{
    private const int Heartbeat = 100;
    private const int Timeout = 600;
    private static readonly NodeId N1 = new(1);
    private static readonly NodeId N2 = new(2);
    private static readonly NodeId N3 = new(3);
    private static readonly Ballot Leader = new(2, N2);
    private static readonly Configuration Three = new(0, 1, [new(N1, MemberKind.Voter), new(N2, MemberKind.Voter), new(N3, MemberKind.Voter)]);

    private Learner _learner = new(N1, LogBase.Initial(Three), new PaxosOptions());

    private static Value V(int number, Configuration? next = null, int logTime = 0) => new(number, TimeSpan.FromSeconds(logTime), 0, [], next);

    private Effects Step(NodeId from, Message message, int ms = 0) => _learner.Step(from, message, TimeSpan.FromMilliseconds(ms));

    private Effects Tick(int ms) => _learner.Tick(TimeSpan.FromMilliseconds(ms));

    private static (NodeId To, long From)[] Fetches(Effects effects) => [.. effects.Now.Where(o => o.Message is Fetch).Select(o => (o.To, ((Fetch)o.Message).From.Number))];

    private static long[] Delivered(Effects effects) => [.. effects.Deliver.Select(d => d.Slot.Number)];

    [Fact]
    public void Votes_are_handed_on_once_their_leader_says_that_they_are_chosen()
    {
        Assert.Empty(Delivered(Step(N1, new LocallyAccepted(Leader, new Slot(1), [V(1), V(2), V(3)], Slot.Zero))));
        var effects = Step(N2, new ChosenUpTo(Leader, new Slot(2)));
        Assert.Equal([1, 2], Delivered(effects));
        Assert.Contains(effects.Now, o => o.To == N1 && o.Message is Learned { Through.Number: 2, Missing.IsEmpty: true });
        Assert.Empty(Delivered(Step(N2, new ChosenUpTo(new Ballot(1, N3), new Slot(2)))));
        Assert.Equal(new Slot(2), _learner.Delivered);
    }

    [Fact]
    public void A_claim_is_kept_for_votes_that_come_later()
    {
        Step(N2, new ChosenUpTo(Leader, new Slot(2)));
        Step(N3, new ChosenUpTo(new Ballot(1, N3), new Slot(3)));
        Assert.Equal([1, 2], Delivered(Step(N1, new LocallyAccepted(Leader, new Slot(1), [V(1), V(2), V(3)], Slot.Zero))));
        Assert.Equal(new Slot(3), _learner.Known);
    }

    [Fact]
    public void A_vote_of_an_older_ballot_does_not_take_the_place_of_a_newer_one()
    {
        Step(N1, new LocallyAccepted(Leader, new Slot(1), [V(1)], Slot.Zero));
        Step(N1, new LocallyAccepted(new Ballot(1, N3), new Slot(1), [V(9)], Slot.Zero));
        Assert.Equal(V(1), Assert.Single(Step(N2, new ChosenUpTo(Leader, new Slot(1))).Deliver).Value);
    }

    [Fact]
    public void Votes_beyond_the_window_are_let_go_and_read_again()
    {
        _learner = new Learner(N1, LogBase.Initial(Three), new PaxosOptions { LearnerWindow = 2 });
        Step(N1, new LocallyAccepted(Leader, new Slot(1), [V(1), V(2), V(3), V(4)], Slot.Zero));
        Assert.Equal([1, 2], Delivered(Step(N2, new ChosenUpTo(Leader, new Slot(4)), 0)));

        // First another member is asked; if that does not help the acceptor beside, which has it.
        Assert.NotEqual(N1, Assert.Single(Fetches(Tick(Heartbeat / 2))).To);
        Assert.Contains((N1, 3L), Fetches(Tick((Heartbeat / 2) + (2 * Heartbeat))));
        var effects = Step(N1, new LocallyAccepted(Leader, new Slot(3), [V(3)], new Slot(4)), 300);
        Assert.Equal([3], Delivered(effects));
        Assert.Contains((N1, 4L), Fetches(effects));
        effects = Step(N1, new LocallyAccepted(Leader, new Slot(4), [V(4)], new Slot(4)), 310);
        Assert.Equal([4], Delivered(effects));
        Assert.Empty(Fetches(effects));
    }

    [Fact]
    public void Who_is_behind_asks_after_half_a_heartbeat_and_another_one_two_heartbeats_later()
    {
        Tick(1000);
        Step(N2, new ChosenUpTo(Leader, new Slot(3)), 1000);
        Assert.Empty(Fetches(Tick(1000 + (Heartbeat / 2) - 1)));
        var first = Assert.Single(Fetches(Tick(1000 + (Heartbeat / 2))));
        Assert.Equal(1, first.From);
        Assert.Empty(Fetches(Tick(1000 + (Heartbeat / 2) + (2 * Heartbeat) - 1)));
        var then = Fetches(Tick(1000 + (Heartbeat / 2) + (2 * Heartbeat)));
        Assert.Equal(2, then.Length);
        Assert.Contains((N1, 1L), then);
        Assert.DoesNotContain(first, then);
    }

    [Fact]
    public void Who_is_more_than_a_window_behind_asks_at_once()
    {
        _learner = new Learner(N1, LogBase.Initial(Three), new PaxosOptions { LearnerWindow = 4 });
        Step(N3, new ChosenUpTo(Leader, Slot.Zero), 1000);
        Assert.Empty(Fetches(Step(N2, new ChosenUpTo(Leader, new Slot(4)), 1000)));
        Assert.Single(Fetches(Step(N2, new ChosenUpTo(Leader, new Slot(5)), 1000)));
    }

    [Fact]
    public void Whoever_helped_is_asked_for_the_rest()
    {
        Step(N2, new ChosenUpTo(Leader, new Slot(9)), 0);
        Tick(Heartbeat);
        foreach (var helper in (NodeId[])[N3, N2])
        {
            var next = _learner.Delivered.Next;
            var effects = Step(helper, new Entries(next, [V((int)next.Number)], new Slot(9)), 120);
            Assert.Equal([(helper, next.Number + 1)], Fetches(effects));
            Assert.Equal((next, V((int)next.Number)), Assert.Single(Assert.Single(effects.Now.Select(o => o.Message).OfType<Learned>()).Missing));
        }

        Assert.Empty(Fetches(Step(N3, new Entries(new Slot(3), [], new Slot(9)), 130)));
        Assert.Empty(Delivered(Step(N3, new Entries(new Slot(5), [V(5)], new Slot(9)), 140)));
        Assert.Equal([3, 4], Delivered(Step(N3, new Entries(new Slot(2), [V(2), V(3), V(4)], new Slot(4)), 150)));
        Assert.Equal(new Slot(9), _learner.Known);
    }

    [Fact]
    public void Who_has_heard_nothing_new_for_four_election_timeouts_asks_around()
    {
        Step(N1, new LocallyAccepted(Leader, new Slot(1), [V(1)], new Slot(1)), 1000);
        Assert.Empty(Fetches(Tick(1000 + (4 * Timeout) - 1)));
        var first = Assert.Single(Fetches(Tick(1000 + (4 * Timeout))));
        Assert.NotEqual(N1, first.To);
        Assert.Empty(Fetches(Tick(1000 + (8 * Timeout) - 1)));
        Assert.NotEqual(first.To, Assert.Single(Fetches(Tick(1000 + (8 * Timeout)))).To);
    }

    [Fact]
    public void A_log_that_was_cut_is_made_up_for_by_a_snapshot()
    {
        Assert.Empty(Step(N2, new Truncated(Slot.Zero, Slot.Zero)).Now);
        var effects = Step(N2, new Truncated(new Slot(5), new Slot(7)));
        Assert.Equal((N2, new Slot(0)), (Assert.Single(effects.Now).To, Assert.IsType<SnapshotRequest>(effects.Now[0].Message).Above));
        Assert.Equal(new Slot(7), _learner.Known);
        Assert.Empty(Fetches(Tick(Heartbeat)));
        var piece = new SnapshotPiece(new LogBase(new Slot(6), TimeSpan.FromSeconds(4), [new Governing(new Slot(1), Three)]), 1, 0, new byte[] { 1 }, new byte[] { 2 });
        Assert.True(_learner.Awaits(N2, piece));
        Assert.False(_learner.Awaits(N3, piece));
    }

    [Fact]
    public void Who_holds_the_whole_log_is_not_told_to_fetch_a_snapshot()
    {
        Step(N1, new LocallyAccepted(Leader, new Slot(1), [V(1), V(2)], new Slot(2)));
        Assert.Empty(Step(N2, new Truncated(new Slot(2), new Slot(3))).Now);
        Assert.Equal(new Slot(3), _learner.Known);
        Assert.Empty(Step(N2, new Truncated(new Slot(2), new Slot(2))).Now);
    }

    [Fact]
    public void A_snapshot_takes_the_place_of_what_is_behind_it_and_votes_go_on_from_there()
    {
        Step(N1, new LocallyAccepted(Leader, new Slot(2), [V(2), V(3), V(4)], Slot.Zero));
        Step(N2, new ChosenUpTo(Leader, new Slot(4)));
        var next = Three.With(N3, MemberKind.Observer);
        var snapshot = new LogBase(new Slot(3), TimeSpan.FromSeconds(5), [new Governing(new Slot(1), next)]);
        var effects = _learner.Install(snapshot, TimeSpan.Zero);
        Assert.Contains(effects.Now, o => o.To == N1 && o.Message.Equals(new Installed(snapshot)));
        Assert.Equal([4], Delivered(effects));
        Assert.Equal((new Slot(4), TimeSpan.FromSeconds(5), next), (_learner.Delivered, _learner.LogTime, _learner.Governing[^1].Configuration));

        Assert.Empty(_learner.Install(new LogBase(new Slot(4), TimeSpan.FromSeconds(9), [new Governing(new Slot(1), Three)]), TimeSpan.Zero).Now);
        Assert.Equal(next, _learner.Governing[^1].Configuration);
    }

    [Fact]
    public void Log_time_is_the_highest_handed_on()
    {
        Step(N1, new LocallyAccepted(Leader, new Slot(1), [V(1, logTime: 5), V(2, logTime: 3)], new Slot(2)));
        Assert.Equal(TimeSpan.FromSeconds(5), _learner.LogTime);
        _learner.Install(new LogBase(new Slot(4), TimeSpan.FromSeconds(2), [new Governing(new Slot(1), Three)]), TimeSpan.Zero);
        Assert.Equal(TimeSpan.FromSeconds(5), _learner.LogTime);
        Assert.Equal(new LogBase(new Slot(4), TimeSpan.FromSeconds(5), [new Governing(new Slot(1), Three)]), _learner.Base);
    }

    [Fact]
    public void Who_has_left_goes_once_a_quorum_of_those_that_stay_says_so()
    {
        var without = Three.With([.. Three.Members.Where(m => m.Id != N1)], change: 0);
        var effects = Step(N1, new LocallyAccepted(Leader, new Slot(1), [V(1, without), V(2)], new Slot(2)), 1000);
        Assert.Equal(StopReason.None, effects.Stop);
        Assert.Contains(effects.Now, o => o.Message is Configured { Governing: [var only] } && only.Configuration.Equals(without));

        Assert.Equal([(N2, 3L), (N3, 3L)], Fetches(Tick(1001)));
        Assert.Empty(Fetches(Tick(1000 + (2 * Heartbeat))));
        Assert.Equal([(N2, 3L), (N3, 3L)], Fetches(Tick(1001 + (2 * Heartbeat))));
        Assert.Equal(StopReason.None, Step(N2, new NotMember(1)).Stop);
        Assert.Equal(StopReason.None, Step(N3, new NotMember(0)).Stop);
        Assert.Equal(StopReason.None, Step(N2, new NotMember(1)).Stop);
        Assert.Equal(StopReason.Removed, Step(N3, new NotMember(1)).Stop);
    }

    [Fact]
    public void Who_has_not_left_does_not_go()
    {
        Step(N2, new NotMember(5));
        Assert.Equal(StopReason.None, Step(N3, new NotMember(5)).Stop);

        // It was told of a later configuration when it joined: an earlier one does not dismiss it.
        _learner = new Learner(N1, LogBase.Initial(Three), new PaxosOptions(), memberSince: 2);
        Step(N1, new LocallyAccepted(Leader, new Slot(1), [V(1, Three.With([.. Three.Members.Where(m => m.Id != N1)], change: 0)), V(2)], new Slot(2)));
        Step(N2, new NotMember(5));
        Assert.Equal(StopReason.None, Step(N3, new NotMember(5)).Stop);
    }

    [Fact]
    public void Only_what_makes_the_acceptor_write_is_left_while_the_disk_is_behind()
    {
        Assert.True(Learner.AddsToBacklog(new Fetch(new Slot(1))) && Learner.AddsToBacklog(new Entries(new Slot(1), [], Slot.Zero)));
        Assert.False(Learner.AddsToBacklog(new ChosenUpTo(Leader, Slot.Zero)) || Learner.AddsToBacklog(new Learned(Slot.Zero, [])));
    }
}

using System.Collections.Immutable;

namespace PaxosStore.Consensus.Tests;

/// <summary>What one acceptor says, keeps and forgets; in what order is shown by <see cref="AcceptorSpaceTests"/>.</summary>
public class AcceptorTests
{
    private static readonly NodeId Self = new(1);
    private static readonly NodeId N2 = new(2);
    private static readonly NodeId N3 = new(3);
    private static readonly Configuration Three = new(0, 2, [new(Self, MemberKind.Voter), new(N2, MemberKind.Voter), new(N3, MemberKind.Voter)]);
    private static readonly Ballot Leader = new(3, N2);
    private static readonly TimeSpan Now = TimeSpan.FromSeconds(1);

    private static Value V(int number, int logTime = 0, Configuration? next = null) => new(1, TimeSpan.FromSeconds(logTime), 0, [new byte[] { (byte)number }], next);

    private static Value Sized(int bytes) => new(1, TimeSpan.Zero, 0, [new byte[bytes]]);

    private static LogBase At(long slot, int logTime = 0, Configuration? configuration = null) =>
        new(new Slot(slot), TimeSpan.FromSeconds(logTime), [new Governing(new Slot(slot + 1), configuration ?? Three)]);

    private static Acceptor Admitted(params JournalRecord[] records) => With(new PaxosOptions(), records);

    private static Acceptor With(PaxosOptions options, params JournalRecord[] records)
    {
        var acceptor = new Acceptor(Self, LogBase.Initial(Three), options, incarnation: 10);
        acceptor.Recover([new AdmittedRecord(), .. records]);
        return acceptor;
    }

    private static AcceptRecord Vote(int slot, int logTime = 0) => new(new Slot(slot), Leader, V(slot, logTime));

    private static Message[] Said(Effects effects, NodeId to) => [.. effects.Now.Concat(effects.AfterDurable).Where(o => o.To == to).Select(o => o.Message)];

    private static Promise[] Promises(Acceptor acceptor, long round = 9, long held = 0) =>
        [.. Said(acceptor.Step(N3, new Prepare(new Ballot(round, N3), new Slot(held)), Now), N3).Cast<Promise>()];

    [Fact]
    public void A_journal_gives_back_promises_votes_what_is_chosen_and_who_was_met()
    {
        var acceptor = Admitted(
            Vote(1), Vote(2),
            new BaseRecord(At(2, logTime: 7), new Ballot(5, N3), new Slot(3), [new MetRecord(N2, 20)]),
            Vote(2), new LearnRecord(new Slot(2), V(2)), new LearnRecord(new Slot(3), V(3)), Vote(4, logTime: 8), new MetRecord(N3, 30), new ChosenRecord(new Slot(4)), Vote(5));

        Assert.Equal((new Ballot(5, N3), new Slot(4), new Slot(5), new Slot(2)), (acceptor.Promised, acceptor.Chosen, acceptor.Last, acceptor.Base));
        Assert.Equal(TimeSpan.FromSeconds(8), acceptor.LogTime);
        Assert.Equal(20UL, Assert.IsType<Welcome>(Assert.Single(Said(acceptor.Step(N2, new Hello(21, false), Now), N2))).Incarnation);
        Assert.Equal(30UL, Assert.IsType<Welcome>(Assert.Single(Said(acceptor.Step(N3, new Hello(31, false), Now), N3))).Incarnation);
    }

    [Fact]
    public void A_base_that_ends_the_journal_tells_how_far_the_log_is_chosen()
    {
        var acceptor = Admitted(Vote(1), Vote(2), Vote(3), new BaseRecord(At(1), Leader, new Slot(3), []));
        Assert.Equal(new Slot(3), acceptor.Chosen);
    }

    [Fact]
    public void A_learner_is_told_what_is_chosen_and_then_the_votes_that_may_be()
    {
        var acceptor = Admitted(Vote(1), Vote(2), Vote(3), new ChosenRecord(new Slot(2)));
        Assert.Equal(
            ["Entries #1", "LocallyAccepted #3"],
            acceptor.RecoveredLog(Slot.Zero).Select(m => m switch { Entries e => $"Entries {e.First}", LocallyAccepted a => $"LocallyAccepted {a.First}", _ => m.ToString() }));
        Assert.Equal(["3"], acceptor.RecoveredLog(new Slot(2)).OfType<LocallyAccepted>().Select(a => $"{a.First.Number}"));

        var cut = Admitted(Vote(1), Vote(2), Vote(3), new BaseRecord(At(1), Leader, new Slot(2), []));
        var behind = Assert.IsType<Entries>(Assert.Single(cut.RecoveredLog(Slot.Zero)));
        Assert.Equal((new Slot(1), 0, new Slot(2)), (behind.First, behind.Values.Length, behind.Chosen));
        Assert.Equal(2, cut.RecoveredLog(new Slot(1)).Count());
    }

    [Fact]
    public void A_journal_that_lacks_what_it_says_is_chosen_stops_the_node()
    {
        var acceptor = Admitted(Vote(2), new ChosenRecord(new Slot(2)));
        Assert.Throws<InvariantViolationException>(() => acceptor.RecoveredLog(Slot.Zero).ToArray());
    }

    [Fact]
    public void A_promise_reports_votes_after_what_is_held_and_tells_decided_ones()
    {
        var promise = Assert.Single(Promises(Admitted(Vote(1), Vote(2, logTime: 6), Vote(4), new ChosenRecord(new Slot(2))), held: 1));
        Assert.Equal((new Slot(2), Slot.End, new Slot(2), TimeSpan.FromSeconds(6)), (promise.First, promise.Last, promise.Chosen, promise.LogTime));
        Assert.Equal(["2 decided", "4 3.2"], promise.Entries.Select(e => $"{e.Slot.Number} {(e.Ballot.Round == long.MaxValue ? "decided" : $"{e.Ballot.Round}.{e.Ballot.Node.Value}")}"));
    }

    [Theory]
    [InlineData(3 * 73, "1-2 3-3 4-End", "1,2 3 4")]
    [InlineData(4 * 73, "1-3 4-End", "1,2,3 4")]
    [InlineData(10, "1-1 2-2 3-3 4-End", "1 2 3 4")]
    public void A_promise_comes_in_parts_that_say_what_they_cover(int bytes, string covers, string entries)
    {
        var acceptor = With(new PaxosOptions { MessageBytes = bytes }, new AcceptRecord(new Slot(1), Leader, Sized(74)), Vote(2), Vote(3), new AcceptRecord(new Slot(4), Leader, Sized(75)));
        var parts = Promises(acceptor);
        Assert.Equal(covers, string.Join(' ', parts.Select(p => $"{p.First.Number}-{(p.Last == Slot.End ? "End" : $"{p.Last.Number}")}")));
        Assert.Equal(entries, string.Join(' ', parts.Select(p => string.Join(',', p.Entries.Select(e => e.Slot.Number)))));
    }

    [Fact]
    public void The_same_ballot_is_promised_again_without_another_record()
    {
        var acceptor = Admitted();
        Assert.Single(acceptor.Step(N3, new Prepare(new Ballot(9, N3), Slot.Zero), Now).Records);
        var again = acceptor.Step(N3, new Prepare(new Ballot(9, N3), Slot.Zero), Now);
        Assert.Empty(again.Records);
        Assert.IsType<Promise>(Assert.Single(again.AfterDurable).Message);
        Assert.Empty(again.Now);
    }

    [Fact]
    public void Whoever_asks_for_a_vote_against_what_is_chosen_gets_no_answer()
    {
        var acceptor = Admitted(Vote(1), Vote(2), new ChosenRecord(new Slot(2)));
        var effects = acceptor.Step(N3, new Accept(new Ballot(9, N3), new Slot(1), [V(1), V(7)], Slot.Zero), Now);
        Assert.Empty(Said(effects, N3));
        Assert.Empty(effects.Records);
        Assert.Equal(Leader, acceptor.Promised);
    }

    [Fact]
    public void Votes_for_what_is_chosen_or_cut_need_no_record_but_the_promise()
    {
        var acceptor = Admitted(Vote(1), Vote(2), Vote(3), new BaseRecord(At(1), Leader, new Slot(2), []));
        var newer = new Ballot(9, N3);
        var effects = acceptor.Step(N3, new Accept(newer, new Slot(1), [V(99), V(2)], Slot.Zero), Now);
        Assert.Equal([new PromiseRecord(newer)], effects.Records);
        Assert.Equal([new Accepted(newer, new Slot(1), 2)], effects.AfterDurable.Select(o => o.Message));

        effects = acceptor.Step(N3, new Accept(newer, new Slot(1), [V(99), V(2)], Slot.Zero), Now);
        Assert.Empty(effects.Records);
        effects = acceptor.Step(N3, new Accept(newer, new Slot(3), [V(8, logTime: 5)], Slot.Zero), Now);
        Assert.Equal([new AcceptRecord(new Slot(3), newer, V(8, logTime: 5))], effects.Records);
        Assert.Equal(TimeSpan.FromSeconds(5), acceptor.LogTime);
    }

    [Fact]
    public void Two_values_under_one_ballot_stop_the_node() =>
        Assert.Throws<InvariantViolationException>(() => Admitted(Vote(1)).Step(N2, new Accept(Leader, new Slot(1), [V(2)], Slot.Zero), Now));

    [Fact]
    public void Log_time_is_the_highest_that_was_heard_of()
    {
        var acceptor = Admitted(Vote(1, logTime: 4));
        acceptor.Step(N2, new Confirm(Leader, 1, Slot.Zero, TimeSpan.FromSeconds(3)), Now);
        Assert.Equal(TimeSpan.FromSeconds(4), acceptor.LogTime);
        acceptor.Step(N2, new Accept(Leader, new Slot(2), [V(2, logTime: 2)], Slot.Zero), Now);
        acceptor.Step(Self, new Truncate(At(0, logTime: 1)), Now);
        Assert.Equal(TimeSpan.FromSeconds(4), acceptor.LogTime);
        acceptor.Step(N2, new Confirm(Leader, 2, Slot.Zero, TimeSpan.FromSeconds(9)), Now);
        Assert.Equal(TimeSpan.FromSeconds(9), acceptor.LogTime);
        acceptor.Step(Self, new Installed(At(7, logTime: 12)), Now);
        Assert.Equal(TimeSpan.FromSeconds(12), acceptor.LogTime);
    }

    [Fact]
    public void A_confirmation_tells_the_learner_and_the_proposer_beside()
    {
        var acceptor = Admitted(Vote(1), new ChosenRecord(new Slot(1)));
        var effects = acceptor.Step(N2, new Confirm(Leader, 5, new Slot(2), TimeSpan.Zero), Now);
        Assert.Equal([new Confirmed(Leader, 5, new Slot(1))], Said(effects, N2));
        Assert.Equal([new ChosenUpTo(Leader, new Slot(2)), new LeaderSeen(Leader)], Said(effects, Self));
        Assert.Empty(Said(acceptor.Step(N2, new Confirm(Leader, 6, new Slot(1), TimeSpan.Zero), Now), Self));
        Assert.Equal([new ConfirmRejected(new Ballot(2, N3), Leader)], Said(acceptor.Step(N3, new Confirm(new Ballot(2, N3), 1, Slot.Zero, TimeSpan.Zero), Now), N3));
    }

    [Fact]
    public void A_leader_is_told_of_twice_per_heartbeat_at_most()
    {
        var acceptor = Admitted();
        bool Tells(int ms, Ballot ballot) => Said(acceptor.Step(N2, new Confirm(ballot, 1, Slot.Zero, TimeSpan.Zero), TimeSpan.FromMilliseconds(ms)), Self).OfType<LeaderSeen>().Any();
        Assert.True(Tells(0, Leader));
        Assert.False(Tells(49, Leader));
        Assert.True(Tells(50, Leader));
        Assert.True(Tells(51, new Ballot(4, N2)));
    }

    [Fact]
    public void Who_may_not_vote_yet_passes_on_what_it_hears_and_says_nothing()
    {
        var acceptor = new Acceptor(Self, LogBase.Initial(Three), new PaxosOptions(), incarnation: 10);
        var effects = acceptor.Step(N2, new Confirm(Leader, 5, new Slot(2), TimeSpan.Zero), Now);
        Assert.Equal([new ChosenUpTo(Leader, new Slot(2)), new LeaderSeen(Leader)], Said(effects, Self));
        Assert.Empty(Said(effects, N2));
        Assert.Empty(Said(acceptor.Step(N2, new Confirm(Leader, 6, Slot.Zero, TimeSpan.Zero), Now), Self));
        foreach (var message in (Message[])[new Prepare(Leader, Slot.Zero), new Accept(Leader, new Slot(1), [V(1)], Slot.Zero)])
            Assert.Empty(acceptor.Step(N2, message, Now).AfterDurable);
    }

    [Fact]
    public void Who_is_behind_is_told_what_is_chosen_here_or_that_it_was_cut()
    {
        var acceptor = With(new PaxosOptions { MessageBytes = 3 * 73 }, Vote(1), Vote(2), Vote(3), Vote(4), Vote(5), Vote(6), new BaseRecord(At(1), Leader, new Slot(5), []));
        Entries Answer(long from) => Assert.IsType<Entries>(Assert.Single(Said(acceptor.Step(N2, new Fetch(new Slot(from)), Now), N2)));

        Assert.Equal([new Truncated(new Slot(1), new Slot(5))], Said(acceptor.Step(N2, new Fetch(new Slot(1)), Now), N2));
        Assert.Equal((new Slot(2), 3, new Slot(5)), (Answer(2).First, Answer(2).Values.Length, Answer(2).Chosen));
        Assert.Single(Answer(5).Values);
        Assert.Empty(Answer(6).Values);
    }

    [Fact]
    public void A_value_larger_than_a_message_goes_alone()
    {
        var acceptor = With(new PaxosOptions { MessageBytes = 10 }, Vote(1), Vote(2), new ChosenRecord(new Slot(2)));
        Assert.Single(Assert.IsType<Entries>(Assert.Single(Said(acceptor.Step(N2, new Fetch(new Slot(1)), Now), N2))).Values);
    }

    [Fact]
    public void The_learner_beside_is_told_votes_of_one_ballot_again_as_far_as_a_message_and_its_window_go()
    {
        LocallyAccepted? Repeats(PaxosOptions options, long from = 1) => With(options, Vote(1), Vote(2), Vote(3), new AcceptRecord(new Slot(4), new Ballot(4, N3), V(4)))
            .Step(Self, new Fetch(new Slot(from)), Now).Now.Select(o => o.Message).Cast<LocallyAccepted>().SingleOrDefault();

        Assert.Equal((Leader, new Slot(1), 3), (Repeats(new())!.Ballot, Repeats(new())!.First, Repeats(new())!.Values.Length));
        Assert.Single(Repeats(new(), from: 4)!.Values);
        Assert.Null(Repeats(new(), from: 5));
        Assert.Equal(2, Repeats(new() { LearnerWindow = 2 })!.Values.Length);
        Assert.Equal(2, Repeats(new() { MessageBytes = 2 * 73 })!.Values.Length);
        Assert.Single(Repeats(new() { MessageBytes = (2 * 73) - 1 })!.Values);
        Assert.Single(Repeats(new() { MessageBytes = 10 })!.Values);
    }

    [Fact]
    public void The_log_is_cut_only_as_far_as_it_is_chosen()
    {
        var acceptor = Admitted(Vote(1), Vote(2), Vote(3), new ChosenRecord(new Slot(2)));
        Assert.Empty(acceptor.Step(Self, new Truncate(At(3)), Now).Records);
        Assert.Equal(Slot.Zero, acceptor.Base);
        Assert.Single(acceptor.Step(Self, new Truncate(At(2)), Now).Records.OfType<BaseRecord>());
        Assert.Equal((new Slot(2), new Slot(2), new Slot(3)), (acceptor.Base, acceptor.Chosen, acceptor.Last));
        Assert.Empty(acceptor.Step(Self, new Truncate(At(2)), Now).Records);
        Assert.Empty(acceptor.Step(Self, new Truncate(At(1)), Now).Records);
        Assert.Equal(new Slot(2), acceptor.Base);
    }

    [Fact]
    public void A_snapshot_takes_the_place_of_a_log_that_is_not_here_and_of_no_other()
    {
        var acceptor = Admitted(Vote(1), Vote(2), new ChosenRecord(new Slot(2)));
        Assert.Empty(acceptor.Step(Self, new Installed(At(2)), Now).Records);
        Assert.Equal(Slot.Zero, acceptor.Base);
        var next = Three.With(N3, MemberKind.Observer);
        Assert.Equal(new BaseRecord(At(8, configuration: next), Leader, new Slot(8), []), Assert.Single(acceptor.Step(Self, new Installed(At(8, configuration: next)), Now).Records.OfType<BaseRecord>()));
        Assert.Equal((new Slot(8), new Slot(8), next), (acceptor.Base, acceptor.Chosen, acceptor.Configurations[^1].Configuration));
    }

    [Fact]
    public void What_was_learned_is_written_down_once_and_may_move_who_governs()
    {
        var next = Three.With(N3, MemberKind.Observer);
        var acceptor = Admitted(Vote(1), new ChosenRecord(new Slot(1)));
        var effects = acceptor.Step(Self, new Learned(new Slot(3), [(new Slot(1), V(1)), (new Slot(2), V(2, next: next)), (new Slot(3), V(3))]), Now);
        Assert.Equal([new LearnRecord(new Slot(2), V(2, next: next)), new LearnRecord(new Slot(3), V(3)), new ChosenRecord(new Slot(3))], effects.Records);
        Assert.Equal(new Governing(new Slot(4), next), Assert.Single(acceptor.Configurations));
        Assert.Throws<InvariantViolationException>(() => acceptor.Step(Self, new Learned(new Slot(5), [(new Slot(4), V(4))]), Now));
    }

    [Fact]
    public void While_the_disk_is_behind_what_waits_for_it_is_dropped()
    {
        var without = Three.With([.. Three.Members.Where(m => m.Id != N3)], change: 0);
        var acceptor = new Acceptor(Self, At(2, configuration: without), new PaxosOptions(), incarnation: 10);
        foreach (var message in (Message[])[new Prepare(Leader, Slot.Zero), new Accept(Leader, new Slot(3), [V(1)], Slot.Zero), new Hello(1, false), new Fetch(new Slot(3))])
            Assert.True(acceptor.DropsWhileBehind(N3, message), $"{message}");
        foreach (var message in (Message[])[new Confirm(Leader, 1, Slot.Zero, TimeSpan.Zero), new Fetch(new Slot(2)), new Learned(Slot.Zero, [])])
            Assert.False(acceptor.DropsWhileBehind(N3, message), $"{message}");
        Assert.False(acceptor.DropsWhileBehind(N2, new Fetch(new Slot(3))));
        Assert.False(acceptor.DropsWhileBehind(Self, new Fetch(new Slot(3))));
    }
}

using System.Collections.Immutable;

namespace PaxosStore.Consensus.Tests;

/// <summary>Every group of others that may answer a node, before and after it loses its disk, in clusters of up to five.</summary>
public class AdmissionTests
{
    private static readonly NodeId Self = new(1);

    [Fact]
    public void Whatever_groups_answer_a_node_that_lost_its_journal_is_never_admitted_again()
    {
        for (var voters = 2; voters <= 5; voters++)
        {
            var groups = 1 << (voters - 1);
            for (var first = 0; first < groups; first++)
            {
                for (var second = 0; second < groups; second++)
                {
                    var others = Others(voters);
                    var (admitted, _) = Introduce(incarnation: 10, others, first);
                    Assert.Equal(int.PopCount(first) >= ((voters - 1) / 2) + 1, admitted);
                    var (again, stop) = Introduce(incarnation: 11, others, second);
                    Assert.False(admitted && again, $"{voters} voters: known to {first:b}, admitted anew by {second:b}");
                    Assert.Equal((first & second) != 0, stop == StopReason.JournalLost);
                }
            }
        }
    }

    [Fact]
    public void A_forgetful_node_needs_the_word_of_all_others_and_what_they_voted_for()
    {
        for (var voters = 1; voters <= 5; voters++)
        {
            for (var group = 0; group < 1 << (voters - 1); group++)
            {
                for (var chosen = 0; chosen <= 2; chosen++)
                {
                    var all = voters > 1 && int.PopCount(group) == voters - 1;
                    var (admitted, _) = Introduce(10, Others(voters), group, forgetful: true, last: 2, chosen: chosen);
                    Assert.Equal(all && chosen == 2, admitted);
                }
            }
        }
    }

    [Fact]
    public void Who_never_met_a_voter_vouches_for_it_only_among_the_first_members()
    {
        var first = Governing(0, (1, MemberKind.Voter), (2, MemberKind.Voter));
        var later = Governing(1, (1, MemberKind.Voter), (2, MemberKind.Voter));
        var candidate = Governing(1, (1, MemberKind.Candidate), (2, MemberKind.Voter));
        var stranger = Governing(1, (2, MemberKind.Voter), (3, MemberKind.Voter));

        Assert.True(Vouches(first, forgetful: false));
        Assert.True(Vouches(candidate, forgetful: false));
        Assert.True(Vouches(candidate, forgetful: true));
        Assert.False(Vouches(first, forgetful: true));
        Assert.False(Vouches(later, forgetful: false));
        Assert.False(Vouches(stranger, forgetful: false));
    }

    [Fact]
    public void Alone_is_only_who_founds_a_cluster()
    {
        var alone = Governing(0, (1, MemberKind.Voter));
        Assert.True(new Admission(Self, 10, false, joined: false, 0, SafetyRules.Paxos).MayAdmit(alone, Slot.Zero));
        Assert.False(new Admission(Self, 10, false, joined: true, 0, SafetyRules.Paxos).MayAdmit(alone, Slot.Zero));
        Assert.False(new Admission(Self, 10, forgetful: true, joined: false, 0, SafetyRules.Paxos).MayAdmit(alone, Slot.Zero));
    }

    /// <summary>A founder that lost its disk catches up to where the others had left it alone, before they came back: nobody is left to say that it has voted.</summary>
    [Fact]
    public void Who_finds_itself_the_only_voter_left_has_lost_its_votes()
    {
        var node = new Admission(Self, 10, false, joined: false, 0, SafetyRules.Paxos);
        var left = Governing(2, (1, MemberKind.Voter), (2, MemberKind.Observer));
        Assert.False(node.MayAdmit(left, new Slot(9)));
        Assert.True(node.HasLostItsVotes(left));

        Assert.False(node.HasLostItsVotes(Governing(0, (1, MemberKind.Voter))));
        Assert.False(node.HasLostItsVotes(Governing(2, (1, MemberKind.Observer), (2, MemberKind.Voter))));
        Assert.False(node.HasLostItsVotes(Governing(2, (1, MemberKind.Voter), (2, MemberKind.Voter))));
        Assert.False(new Admission(Self, 10, forgetful: true, joined: false, 0, SafetyRules.Paxos).HasLostItsVotes(left));
        node.Admit();
        Assert.False(node.HasLostItsVotes(left));
    }

    [Fact]
    public void An_answer_to_an_earlier_start_does_not_count()
    {
        var admission = new Admission(Self, 10, forgetful: true, joined: false, life: 2, SafetyRules.Paxos);

        admission.OnWelcome(new NodeId(2), new Welcome(10, Ballot.None, Slot.Zero, Life: 1), new Effects());
        Assert.False(admission.MayAdmit(Governing(0, (1, MemberKind.Voter), (2, MemberKind.Voter)), Slot.Zero));

        admission.OnWelcome(new NodeId(2), new Welcome(10, Ballot.None, Slot.Zero, Life: 2), new Effects());
        Assert.True(admission.MayAdmit(Governing(0, (1, MemberKind.Voter), (2, MemberKind.Voter)), Slot.Zero));
    }

    [Fact]
    public void A_ballot_of_its_own_that_others_promised_before_is_not_used_again()
    {
        var admission = new Admission(Self, 10, forgetful: true, joined: false, 0, SafetyRules.Paxos);
        admission.OnWelcome(new NodeId(2), new Welcome(10, new Ballot(5, Self), Slot.Zero), new Effects());

        Assert.True(admission.HasUsed(new Ballot(5, Self)));
        Assert.False(admission.HasUsed(new Ballot(6, Self)));
        Assert.False(admission.HasUsed(new Ballot(5, new NodeId(2))));
    }

    [Fact]
    public void A_node_takes_part_only_once_its_admission_is_on_disk()
    {
        var acceptor = new Acceptor(Self, LogBase.Initial(new Configuration([Self])), new PaxosOptions(), incarnation: 10);
        var effects = acceptor.Tick(TimeSpan.Zero);

        Assert.IsType<AdmittedRecord>(Assert.Single(effects.Records));
        var durable = Assert.Single(effects.AfterDurable);
        Assert.False(acceptor.Admitted);
        acceptor.Step(durable.To, durable.Message, TimeSpan.Zero);
        Assert.True(acceptor.Admitted);
    }

    /// <summary>A member that is behind knows a candidate, and has accepted the change that gives it its vote: the stranger under its id may be that voter without its journal.</summary>
    [Fact]
    public void Who_accepted_that_a_node_is_to_vote_vouches_for_no_stranger_under_its_id()
    {
        var (leader, candidate) = (new NodeId(2), new NodeId(3));
        var before = Governing(1, (1, MemberKind.Voter), (2, MemberKind.Voter), (3, MemberKind.Candidate));
        var acceptor = new Acceptor(Self, new LogBase(Slot.Zero, TimeSpan.Zero, before), new PaxosOptions(), incarnation: 10);
        acceptor.Recover([new AdmittedRecord()]);
        Assert.Single(acceptor.Step(candidate, new Hello(30, false), TimeSpan.Zero).AfterDurable);

        var further = new Acceptor(Self, new LogBase(Slot.Zero, TimeSpan.Zero, before), new PaxosOptions(), incarnation: 10);
        further.Recover([new AdmittedRecord()]);
        var promotion = new Value(1, TimeSpan.Zero, 0, [], before[0].Configuration.With(candidate, MemberKind.Voter));
        further.Step(leader, new Accept(new Ballot(1, leader), new Slot(1), [promotion], Slot.Zero), TimeSpan.Zero);
        var effects = further.Step(candidate, new Hello(31, false), TimeSpan.Zero);
        Assert.Empty(effects.AfterDurable);
        Assert.Empty(effects.Records);
    }

    /// <summary>Its word stands for a vote of a higher ballot that it may have lost; the older one may be outvoted.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Only_who_lost_votes_writes_down_as_decided_a_value_that_it_holds_a_vote_for(bool forgetful)
    {
        var acceptor = new Acceptor(Self, LogBase.Initial(new Configuration([Self, new NodeId(2), new NodeId(3)])), new PaxosOptions(), incarnation: 10, forgetful);
        var value = new Value(1, TimeSpan.Zero, 0, [new byte[] { 7 }]);
        acceptor.Recover([.. forgetful ? [] : new JournalRecord[] { new AdmittedRecord() }, new AcceptRecord(new Slot(1), new Ballot(1, new NodeId(2)), value)]);
        var effects = acceptor.Step(Self, new Learned(new Slot(1), [(new Slot(1), value)]), TimeSpan.Zero);

        Assert.Equal(forgetful ? [new LearnRecord(new Slot(1), value)] : [], effects.Records.OfType<LearnRecord>());
    }

    private static Admission[] Others(int voters)
    {
        var others = Enumerable.Range(2, voters - 1).Select(i => new Admission(new NodeId((ulong)i), (ulong)i, false, false, 0, SafetyRules.Paxos)).ToArray();
        foreach (var other in others) other.Admit();
        return others;
    }

    private static (bool Admitted, StopReason Stop) Introduce(
        ulong incarnation, Admission[] others, int group, bool forgetful = false, long last = 0, long chosen = 0)
    {
        ImmutableArray<NodeId> voters = [.. Enumerable.Range(1, others.Length + 1).Select(i => new NodeId((ulong)i))];
        ImmutableArray<Governing> governing = [new(new Slot(1), new Configuration(voters))];
        var self = new Admission(Self, incarnation, forgetful, joined: false, 0, SafetyRules.Paxos);
        if (forgetful) foreach (var other in others) other.Recover(new MetRecord(Self, incarnation));
        for (var i = 0; i < others.Length; i++)
        {
            if ((group & (1 << i)) == 0) continue;
            var answer = new Effects();
            others[i].OnHello(Self, new Hello(incarnation, forgetful), governing, isToVote: false, Ballot.None, new Slot(last), answer);
            var heard = new Effects();
            self.OnWelcome(new NodeId((ulong)i + 2), Assert.IsType<Welcome>(Assert.Single(answer.AfterDurable).Message), heard);
            if (heard.Stop != StopReason.None) return (false, heard.Stop);
        }

        return (self.MayAdmit(governing, new Slot(chosen)), StopReason.None);
    }

    private static ImmutableArray<Governing> Governing(long version, params (ulong Id, MemberKind Kind)[] members) =>
        [new(new Slot(1), new Configuration(version, 1, members.Select(m => new Member(new NodeId(m.Id), m.Kind))))];

    private static bool Vouches(ImmutableArray<Governing> governing, bool forgetful)
    {
        var other = new Admission(new NodeId(2), 2, forgetful, false, 0, SafetyRules.Paxos);
        other.Admit();
        var effects = new Effects();
        other.OnHello(Self, new Hello(10, false), governing, isToVote: false, Ballot.None, Slot.Zero, effects);
        return effects.AfterDurable.Count > 0;
    }
}

using System.Collections.Immutable;

namespace PaxosStore.Consensus.Tests;

/// <summary>Every group of others that may answer a node, before and after it loses its disk.</summary>
public class AdmissionTests
{
    private static readonly NodeId Self = new(1);

    /// <summary>Founders, of which so many lose their disks at once as a quorum can do without.</summary>
    [Fact]
    public void Whatever_groups_answer_a_founder_that_lost_its_journal_is_never_admitted_again()
    {
        for (var voters = 2; voters <= 7; voters++)
        {
            var groups = 1 << (voters - 1);
            for (var lost = 0; lost < groups; lost++)
            {
                if (int.PopCount(lost) > Math.Max(0, (voters - 1) / 2 - 1)) continue;
                for (var first = 0; first < groups; first++)
                {
                    for (var second = 0; second < groups; second++) LosesItsJournal(voters, first, lost, second);
                }
            }
        }
    }

    private static void LosesItsJournal(int voters, int first, int lost, int second)
    {
        var others = Others(voters);
        var (admitted, _) = Introduce(incarnation: 10, others, first);
        Assert.Equal(int.PopCount(first) >= (voters switch { 2 => 1, 3 or 4 => 2, 5 => 3, 6 => 4, _ => 5 }), admitted);
        for (var i = 0; i < others.Length; i++)
        {
            if ((lost & (1 << i)) != 0) others[i] = Other(i);
        }

        var (again, stop) = Introduce(incarnation: 11, others, second);
        Assert.False(admitted && again, $"{voters} voters: known to {first:b}, {lost:b} lost their disks as well, admitted anew by {second:b}");
        Assert.Equal((first & second & ~lost) != 0, stop == StopReason.JournalLost);
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

    /// <summary>Whom the others met when it was made a member is not known to those that came later; they can tell it what it forgot all the same.</summary>
    [Fact]
    public void Who_never_met_a_forgetful_voter_tells_it_what_it_knows()
    {
        var later = Governing(1, (1, MemberKind.Voter), (2, MemberKind.Voter));
        var effects = new Effects();
        Others(2)[0].OnHello(Self, new Hello(10, Forgetful: true), later, changeAccepted: false, new Ballot(3, Self), new Slot(7), effects);

        Assert.Equal(new Welcome(10, new Ballot(3, Self), new Slot(7), Welcome.OfNone), Assert.Single(effects.AfterDurable).Message);
    }

    [Fact]
    public void A_node_that_forgot_votes_again_once_the_others_have_answered_twice()
    {
        var acceptor = new Acceptor(Self, LogBase.Initial(new Configuration([Self, new NodeId(2)])), new PaxosOptions(), incarnation: 10, forgetful: true, life: 5);
        Effects Answer()
        {
            var hello = Assert.IsType<Hello>(Assert.Single(acceptor.Tick(TimeSpan.Zero).Now).Message);
            return acceptor.Step(new NodeId(2), new Welcome(10, new Ballot(4, Self), Slot.Zero, Welcome.OfNone, hello.Life), TimeSpan.Zero);
        }

        Assert.Empty(Answer().Records);
        Assert.Equal([new PromiseRecord(new Ballot(4, Self)), new AdmittedRecord()], Answer().Records);
    }

    [Fact]
    public void Who_is_no_member_is_not_written_down_whatever_it_says()
    {
        foreach (var version in (long[])[0, 1])
        {
            var effects = new Effects();
            Others(2)[0].OnHello(Self, new Hello(10, Forgetful: true), Governing(version, (2, MemberKind.Voter)), changeAccepted: false, Ballot.None, Slot.Zero, effects);
            Others(2)[0].OnHello(Self, new Hello(10, Forgetful: false), Governing(version, (2, MemberKind.Voter)), changeAccepted: false, Ballot.None, Slot.Zero, effects);
            Assert.Empty(effects.Records);
            Assert.Empty(effects.AfterDurable);
        }
    }

    [Fact]
    public void Alone_is_only_who_founds_a_cluster()
    {
        var alone = Governing(0, (1, MemberKind.Voter));
        Assert.True(Node().MayAdmit(alone, Slot.Zero));
        Assert.False(Node(joined: true).MayAdmit(alone, Slot.Zero));
        Assert.False(Node(forgetful: true).MayAdmit(alone, Slot.Zero));
    }

    /// <summary>A member that lost its disk catches up to where few are left that never met it, or none: nobody can say that it has voted.</summary>
    [Fact]
    public void Who_finds_itself_a_voter_of_a_changed_cluster_has_lost_its_votes()
    {
        var (alone, oneOfTwo) = (Governing(2, (1, MemberKind.Voter), (2, MemberKind.Observer)), Governing(2, (1, MemberKind.Voter), (2, MemberKind.Voter)));
        var (added, founder) = (Node(joined: true, founders: 0), Node(founders: 3));
        Assert.True(added.HasLostItsVotes(alone));
        Assert.True(added.HasLostItsVotes(oneOfTwo));
        Assert.True(founder.HasLostItsVotes(alone));

        Assert.False(founder.HasLostItsVotes(Governing(0, (1, MemberKind.Voter))));
        Assert.False(added.HasLostItsVotes(Governing(2, (1, MemberKind.Observer), (2, MemberKind.Voter))));
        Assert.False(Node(forgetful: true).HasLostItsVotes(alone));
        founder.Admit();
        Assert.False(founder.HasLostItsVotes(alone));
    }

    /// <summary>The cluster may change while a founder is on its way: what the others said when it was being made holds, and no others can say it any more.</summary>
    [Fact]
    public void A_founder_may_come_late_if_it_was_met_in_time()
    {
        var (first, later) = (Governing(0, (1, MemberKind.Voter), (2, MemberKind.Voter), (3, MemberKind.Voter)), Governing(1, (1, MemberKind.Voter), (2, MemberKind.Voter), (3, MemberKind.Voter)));
        var (founder, others) = (Node(founders: 3), Others(3));
        Welcome Ask(int other, ImmutableArray<Governing> governing)
        {
            var effects = new Effects();
            others[other].OnHello(Self, new Hello(10, false), governing, changeAccepted: false, Ballot.None, Slot.Zero, effects);
            return effects.AfterDurable is [{ Message: Welcome welcome }] ? welcome : new Welcome(10, Ballot.None, Slot.Zero, Welcome.OfNone);
        }

        Ask(0, first);
        founder.OnWelcome(new NodeId(2), Ask(0, later), new Effects());
        founder.OnWelcome(new NodeId(3), Ask(1, later), new Effects());
        Assert.False(founder.MayAdmit(later, Slot.Zero));
        founder.OnWelcome(new NodeId(3), Ask(1, first), new Effects());
        Assert.True(founder.MayAdmit(later, Slot.Zero));
    }

    [Fact]
    public void An_answer_to_an_earlier_start_does_not_count()
    {
        var admission = Node(forgetful: true, life: 2);
        var governing = Governing(0, (1, MemberKind.Voter), (2, MemberKind.Voter));
        bool Hears(ulong life)
        {
            admission.OnWelcome(new NodeId(2), new Welcome(10, Ballot.None, Slot.Zero, Welcome.OfNone, life), new Effects());
            admission.AskAgain(governing);
            return admission.MayAdmit(governing, Slot.Zero);
        }

        ulong Asks()
        {
            var effects = new Effects();
            admission.Tick([new NodeId(2)], TimeSpan.Zero, TimeSpan.FromMilliseconds(1), effects);
            return Assert.IsType<Hello>(Assert.Single(effects.Now).Message).Life;
        }

        Assert.False(Hears(1));
        Assert.Equal(2UL, Asks());
        Assert.False(Hears(2));
        var again = Asks();
        Assert.NotEqual(2UL, again);
        Assert.False(Hears(2));
        Assert.True(Hears(again));
    }

    [Fact]
    public void A_ballot_of_its_own_that_others_promised_before_is_not_used_again()
    {
        var admission = Node(forgetful: true);
        admission.OnWelcome(new NodeId(2), new Welcome(10, new Ballot(5, Self), Slot.Zero, Welcome.OfNone), new Effects());

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

    /// <summary>
    /// A cluster changes a few times and gives one node a vote on the way; members are behind each in its own way. Then that node comes back without its journal, and
    /// is told of the cluster by any of them: whoever answers it, it is not admitted. Had it lost its journal before it had a vote, it may be.
    /// </summary>
    [Fact]
    public void Whoever_tells_a_voter_without_its_journal_of_the_cluster_it_is_not_admitted_again()
    {
        var (admitted, wrongly, asked) = Search(SafetyRules.Paxos);
        Assert.Null(wrongly);
        Assert.True(admitted > asked / 50, $"admitted {admitted} of {asked}");
    }

    [Fact]
    public void Whoever_has_accepted_a_change_must_not_vouch() => Assert.NotNull(Search(new VouchesDuringChange()).Wrongly);

    [Fact]
    public void A_word_given_in_another_configuration_must_not_count() => Assert.NotNull(Search(new CountsEveryWord()).Wrongly);

    private static (int Admitted, string? Wrongly, int Asked) Search(SafetyRules rules)
    {
        var (admitted, asked) = (0, 0);
        for (var seed = 0; seed < 40000; seed++)
        {
            var cluster = new ChangingCluster(new Random(seed), Self, rules);
            foreach (var told in Enumerable.Range(cluster.Joined, cluster.Chosen - cluster.Joined + 1))
            {
                asked++;
                if (!cluster.Admits(told)) continue;
                if (cluster.HadVote) return (admitted, $"seed {seed}: admitted anew, told of configuration {told} of {cluster.Chosen}", asked);
                admitted++;
            }
        }

        return (admitted, null, asked);
    }

    private sealed class VouchesDuringChange : SafetyRules
    {
        public override bool MayHaveGotVote(bool changeAccepted) => false;
    }

    private sealed class CountsEveryWord : SafetyRules
    {
        public override bool StandsFor(long newest, long given) => given != Welcome.OfNone;
    }

    /// <summary>Another may have voted for it at once, and forgotten: whatever comes of it, that one has to wait for it.</summary>
    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 4)]
    public void A_leader_whose_disk_is_behind_tells_what_it_proposed(ulong leader, long last)
    {
        NodeId[] nodes = [new(1), new(2), new(3)];
        var acceptor = new Acceptor(new NodeId(2), LogBase.Initial(new Configuration(nodes)), new PaxosOptions(), incarnation: 2);
        acceptor.Recover([new AdmittedRecord(), new MetRecord(Self, 10)]);
        var proposal = new Accept(new Ballot(1, new NodeId(leader)), new Slot(3), [new Value(1, TimeSpan.Zero, 0, []), new Value(1, TimeSpan.Zero, 0, [])], Slot.Zero);
        Assert.True(acceptor.DropsWhileBehind(new NodeId(leader), proposal));

        var welcome = Assert.Single(acceptor.Step(Self, new Hello(10, Forgetful: true), TimeSpan.Zero).AfterDurable).Message;
        Assert.Equal(new Slot(last), Assert.IsType<Welcome>(welcome).Last);
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
        var others = Enumerable.Range(0, voters - 1).Select(Other).ToArray();
        foreach (var other in others) other.Admit();
        return others;
    }

    private static Admission Node(ulong incarnation = 10, bool forgetful = false, bool joined = false, int founders = 1, ulong life = 0) =>
        new(Self, incarnation, forgetful, joined, [.. Enumerable.Range(1, founders).Select(i => new NodeId((ulong)i))], life, SafetyRules.Paxos);

    private static Admission Other(int index) => new(new NodeId((ulong)index + 2), (ulong)index + 2, false, false, [], 0, SafetyRules.Paxos);

    private static (bool Admitted, StopReason Stop) Introduce(
        ulong incarnation, Admission[] others, int group, bool forgetful = false, long last = 0, long chosen = 0)
    {
        ImmutableArray<NodeId> voters = [.. Enumerable.Range(1, others.Length + 1).Select(i => new NodeId((ulong)i))];
        ImmutableArray<Governing> governing = [new(new Slot(1), new Configuration(voters))];
        var self = Node(incarnation, forgetful, founders: others.Length + 1);
        if (forgetful) foreach (var other in others) other.Recover(new MetRecord(Self, incarnation));
        for (var time = 0; time < (forgetful ? 2 : 1); time++)
        {
            var question = new Effects();
            self.Tick(voters, TimeSpan.Zero, TimeSpan.FromMilliseconds(1), question);
            foreach (var hello in question.Now.Where(h => (group & (1 << (int)(h.To.Value - 2))) != 0))
            {
                var (answer, heard) = (new Effects(), new Effects());
                others[hello.To.Value - 2].OnHello(Self, (Hello)hello.Message, governing, changeAccepted: false, Ballot.None, new Slot(last), answer);
                Assert.False(forgetful && time == 0 && self.MayAdmit(governing, new Slot(chosen)));
                self.OnWelcome(hello.To, Assert.IsType<Welcome>(Assert.Single(answer.AfterDurable).Message), heard);
                if (heard.Stop != StopReason.None) return (false, heard.Stop);
            }

            self.AskAgain(governing);
        }

        return (self.MayAdmit(governing, new Slot(chosen)), StopReason.None);
    }

    private static ImmutableArray<Governing> Governing(long version, params (ulong Id, MemberKind Kind)[] members) =>
        [new(new Slot(1), new Configuration(version, 1, members.Select(m => new Member(new NodeId(m.Id), m.Kind))))];

    private static bool Vouches(ImmutableArray<Governing> governing, bool forgetful)
    {
        var other = new Admission(new NodeId(2), 2, forgetful, false, [], 0, SafetyRules.Paxos);
        other.Admit();
        var effects = new Effects();
        other.OnHello(Self, new Hello(10, false), governing, changeAccepted: false, Ballot.None, Slot.Zero, effects);
        return effects.AfterDurable.Any(o => o.Message is Welcome { Configuration: not Welcome.OfNone });
    }
}

using System.Collections.Immutable;

namespace PaxosStore.Consensus.Tests;

/// <summary>Which configuration governs which slot: all places of two changes in a short log, and all pairs of voter sets in phase 1.</summary>
public class ConfigurationHistoryTests
{
    private const int Slots = 12;
    private static readonly NodeId Self = new(1);
    private static readonly Ballot Mine = new(9, Self);

    private static Configuration Version(long version, int alpha) => new(version, alpha, [new Member(Self, MemberKind.Voter)]);

    [Fact]
    public void A_change_governs_from_alpha_slots_further_on_and_the_second_of_two_successors_is_void()
    {
        for (var alpha = 1; alpha <= 4; alpha++)
        {
            for (var first = 1; first <= Slots; first++)
            {
                for (var second = first + 1; second <= Slots; second++)
                {
                    for (var version = 1; version <= 2; version++)
                    {
                        var history = new ConfigurationHistory(LogBase.Initial(Version(0, alpha)).Configurations);
                        Assert.True(history.Add(new Slot(first), Version(1, alpha), SafetyRules.Paxos));
                        Assert.Equal(version == 2, history.Add(new Slot(second), Version(version, alpha), SafetyRules.Paxos));
                        for (var slot = 1; slot <= Slots + 4; slot++)
                        {
                            var expected = version == 2 && slot >= second + alpha ? 2 : slot >= first + alpha ? 1 : 0;
                            Assert.Equal(expected, history.At(new Slot(slot)).Version);
                            Assert.Equal(expected, history.From(new Slot(slot))[0].Configuration.Version);
                        }
                    }
                }
            }
        }
    }

    [Fact]
    public void Forgetting_what_no_longer_governs_changes_nothing_for_later_slots()
    {
        for (var before = 1; before <= Slots; before++)
        {
            var history = new ConfigurationHistory(LogBase.Initial(Version(0, 2)).Configurations);
            history.Add(new Slot(3), Version(1, 2), SafetyRules.Paxos);
            history.Add(new Slot(6), Version(2, 2), SafetyRules.Paxos);
            var known = Enumerable.Range(before, Slots).Select(s => history.At(new Slot(s)).Version).ToArray();

            var forgot = history.ForgetBefore(new Slot(before));

            Assert.Equal(before >= 5, forgot);
            Assert.Equal(known, Enumerable.Range(before, Slots).Select(s => history.At(new Slot(s)).Version));
        }
    }

    [Fact]
    public void Phase_1_needs_a_quorum_of_both_configurations_and_this_node_in_both_for_every_pair_of_voter_sets_of_four_nodes()
    {
        for (var old = 1; old < 16; old++)
        {
            for (var next = 1; next < 16; next++)
            {
                for (var promised = 0; promised < 16; promised++)
                {
                    var both = HasQuorum(old, promised) && HasQuorum(next, promised);
                    for (var self = 0; self < 4; self++)
                    {
                        var leads = both && (old & next & promised & (1 << self)) != 0;
                        Assert.Equal(leads, Prepare(self, [new(new Slot(1), Of(0, old)), new(new Slot(3), Of(1, next))], promised, reported: null));
                        Assert.Equal(leads, Prepare(self, [new(new Slot(1), Of(0, old))], promised, reported: Of(1, next)));
                    }
                }
            }
        }
    }

    [Fact]
    public void Who_does_not_know_who_votes_in_the_next_slots_gets_no_quorum()
    {
        Assert.False(Prepare(self: 0, [new(new Slot(2), Of(5, 0b0111))], 0b0111, reported: null));
        Assert.True(Prepare(self: 0, [new(new Slot(1), Of(5, 0b0111))], 0b0111, reported: null));
    }

    private static Configuration Of(long version, int voters) => new(version, 2, Nodes(voters).Select(n => new Member(n, MemberKind.Voter)));

    private static IEnumerable<NodeId> Nodes(int set) => Enumerable.Range(0, 4).Where(i => (set & (1 << i)) != 0).Select(i => new NodeId((ulong)i + 1));

    private static bool HasQuorum(int voters, int promised) => int.PopCount(voters & promised) * 2 > int.PopCount(voters);

    /// <summary>Whether this node's phase 1 is done once these nodes promised, one of them reporting a change in slot 1.</summary>
    private static bool Prepare(int self, ImmutableArray<Governing> governing, int promised, Configuration? reported)
    {
        var preparation = new Preparation(new NodeId((ulong)self + 1), governing, SafetyRules.Paxos);
        foreach (var node in Nodes(promised))
        {
            ImmutableArray<AcceptedEntry> votes = reported is null || node != Nodes(promised).Last() ? []
                : [new AcceptedEntry(new Slot(1), new Ballot(1, Self), new Value(1, TimeSpan.Zero, 0, [], reported))];
            preparation.Add(node, new Promise(Mine, Slot.Zero, TimeSpan.Zero, new Slot(1), Slot.End, votes, governing));
        }

        return preparation.HasQuorum;
    }
}

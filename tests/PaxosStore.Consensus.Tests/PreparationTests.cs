using System.Collections.Immutable;

namespace PaxosStore.Consensus.Tests;

public class PreparationTests
{
    private static readonly NodeId N1 = new(1);
    private static readonly NodeId N2 = new(2);
    private static readonly NodeId N3 = new(3);
    private static readonly ImmutableArray<Governing> Three = [new(new Slot(1), new Configuration([N1, N2, N3]))];
    private static readonly Ballot Mine = new(9, N1);

    private static Value Named(string name, long logTime = 0) => new(1, TimeSpan.FromTicks(logTime), 0, [System.Text.Encoding.UTF8.GetBytes(name)]);

    private static Promise Part(long chosen, long first, long? last, params (long Slot, long Round, Value Value)[] votes) =>
        new(Mine, new Slot(chosen), TimeSpan.Zero, new Slot(first), last is { } l ? new Slot(l) : Slot.End,
            [.. votes.Select(v => new AcceptedEntry(new Slot(v.Slot), new Ballot(v.Round, N2), v.Value))], Three);

    private static ImmutableArray<Value> Adopt(Preparation p) => [.. p.Adopted(Mine, 0)];

    [Fact]
    public void Every_pair_of_reports_of_one_slot_adopts_the_vote_of_the_highest_ballot()
    {
        for (var a = 0; a <= 3; a++)
        {
            for (var b = 0; b <= 3; b++)
            {
                var p = new Preparation(N1, Three, SafetyRules.Paxos);
                p.Add(N1, a == 0 ? Part(0, 1, null) : Part(0, 1, null, (1, a, Named($"v{a}"))));
                p.Add(N2, b == 0 ? Part(0, 1, null) : Part(0, 1, null, (1, b, Named($"v{b}"))));
                Assert.True(p.HasQuorum);
                var highest = Math.Max(a, b);
                if (highest == 0) Assert.Empty(Adopt(p));
                else Assert.Equal(Named($"v{highest}"), Assert.Single(Adopt(p)));
            }
        }
    }

    [Fact]
    public void Promises_of_all_others_are_no_quorum_without_that_of_this_node()
    {
        var p = new Preparation(N1, Three, SafetyRules.Paxos);
        p.Add(N2, Part(0, 1, null));
        p.Add(N3, Part(0, 1, null));
        Assert.False(p.HasQuorum);

        p.Add(N1, Part(0, 1, null));
        Assert.True(p.HasQuorum);
    }

    [Fact]
    public void Gaps_between_reported_votes_are_filled_with_no_ops()
    {
        var p = new Preparation(N1, Three, SafetyRules.Paxos);
        p.Add(N1, Part(2, 3, null, (4, 1, Named("x"))));
        p.Add(N3, Part(0, 3, null, (6, 1, Named("y"))));

        Assert.Equal(["NoOp", "x", "NoOp", "y"], Adopt(p).Select(v => v.IsNoOp ? "NoOp" : System.Text.Encoding.UTF8.GetString(v.Commands[0].Span)));
    }

    [Fact]
    public void What_another_acceptor_knows_to_be_chosen_is_proposed_again_unless_this_node_holds_it()
    {
        var p = new Preparation(N1, Three, SafetyRules.Paxos);
        p.Add(N1, Part(1, 2, null));
        p.Add(N2, Part(3, 2, null, (2, long.MaxValue, Named("a")), (3, long.MaxValue, Named("b"))));

        Assert.Equal(new Slot(1), p.Held);
        Assert.Equal<Value>([Named("a"), Named("b")], [.. Adopt(p)], (x, y) => x.Equals(y));
    }

    [Theory]
    [InlineData(true, true, true, true)]
    [InlineData(true, true, false, false)]
    [InlineData(true, false, true, false)]
    [InlineData(false, true, true, false)]
    public void Only_parts_that_cover_the_whole_suffix_are_a_promise(bool first, bool second, bool third, bool whole)
    {
        var p = new Preparation(N1, Three, SafetyRules.Paxos);
        p.Add(N1, Part(0, 1, null));
        if (third) p.Add(N2, Part(0, 5, null));
        if (second) p.Add(N2, Part(0, 3, 4));
        if (first) p.Add(N2, Part(0, 1, 2));

        Assert.Equal(whole, p.HasQuorum);
    }

    [Fact]
    public void Parts_of_two_sendings_cut_differently_do_not_hide_a_slot_between_them()
    {
        // First sending: [1..3] [4..6] [7..]; second, after more became chosen: [6..8] [9..]. The second's last and the first's first are two of two parts.
        var p = new Preparation(N1, Three, SafetyRules.Paxos);
        p.Add(N1, Part(0, 1, null));
        p.Add(N2, Part(0, 1, 3));
        p.Add(N2, Part(5, 9, null));
        Assert.False(p.HasQuorum);

        p.Add(N2, Part(5, 4, 8, (7, 1, Named("late"))));
        Assert.True(p.HasQuorum);
        Assert.Equal(Named("late"), Adopt(p)[6]);
    }

    [Fact]
    public void A_voter_that_repeats_itself_and_a_node_without_a_vote_add_nothing()
    {
        var p = new Preparation(N1, Three, SafetyRules.Paxos);
        p.Add(N1, Part(0, 1, null));
        p.Add(N1, Part(0, 1, null));
        p.Add(new NodeId(7), Part(0, 1, null));

        Assert.False(p.HasQuorum);
    }
}

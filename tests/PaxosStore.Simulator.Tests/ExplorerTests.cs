using PaxosStore.Simulator.Exploring;

namespace PaxosStore.Simulator.Tests;

public class ExplorerTests
{
    [Fact]
    public void Whatever_happens_two_rivals_for_one_slot_agree() => Holds(new Bounds { Slots = 1, Commands = 0, Fetches = 0, Crashes = 0 });

    [Fact]
    public void Whatever_happens_a_node_that_may_crash_keeps_its_word() => Holds(new Bounds { Slots = 1, Ballots = 1, Commands = 0, Fetches = 0 });

    [Fact]
    public void Whatever_happens_a_leader_fills_its_slots_in_order() => Holds(new Bounds { Ballots = 1, Fetches = 0, Crashes = 0 });

    [Theory]
    [MemberData(nameof(Mutants))]
    public void A_mistake_is_found_on_the_shortest_way(string name)
    {
        var found = new Explorer(Small.Mutants.Single(m => m.Name == name).Bounds, Mutant.All.Single(m => m.Name == name).Defects).Run();

        Assert.NotNull(found.Violation);
        Assert.EndsWith(found.Violation.Message, found.Trace[^1]);
        Assert.Equal(found.Depth, found.Trace.Count(l => !l.StartsWith(' ')));
    }

    /// <summary>What is left out as without effect must be: the same comes about without leaving it out.</summary>
    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 0)]
    [InlineData(1, 1)]
    public void The_reductions_lose_no_result(int slots, int crashes)
    {
        var bounds = new Bounds { Slots = slots, Ballots = 1, Candidates = 1, Commands = slots - 1, Fetches = 0, Crashes = crashes };

        var (reduced, plain) = (Results(bounds), Results(bounds with { Plain = true }));

        Assert.Equal(plain.Order(), reduced.Order());
        Assert.True(plain.Count > 5, string.Join('\n', plain));
    }

    public static TheoryData<string> Mutants()
    {
        var data = new TheoryData<string>();
        foreach (var (name, _) in Small.Mutants) data.Add(name);
        return data;
    }

    private static void Holds(Bounds bounds)
    {
        var found = new Explorer(bounds, Defects.None).Run();

        Assert.True(found.Violation is null, string.Join('\n', found.Trace));
        Assert.True(found.Complete && found.States > 100, $"{found.States} states");
    }

    private static HashSet<string> Results(Bounds bounds)
    {
        var results = new HashSet<string>();
        Assert.True(new Explorer(bounds, Defects.None) { Results = results }.Run().Complete);
        return results;
    }
}

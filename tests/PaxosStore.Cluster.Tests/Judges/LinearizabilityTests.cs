using PaxosStore.Cluster.Tests.History;

namespace PaxosStore.Cluster.Tests.Judges;

/// <summary>The search accepts what one copy of the data could have done and rejects the rest.</summary>
public class LinearizabilityTests
{
    [Fact]
    public void Concurrent_operations_may_take_effect_in_either_order() =>
        AssertAccepted(Make.Put(0, 10, "a", "v1"), Make.Put(1, 9, "a", "v2"), Make.Get(2, 3, "a", "v2"), Make.Get(4, 5, "a", "v1"));

    [Fact]
    public void An_unknown_write_may_take_effect_late() =>
        AssertAccepted(Make.Unknown(OperationKind.Put, 0, "a", "v1"), Make.Get(1, 2, "a", null), Make.Get(3, 4, "a", "v1"));

    [Fact]
    public void An_unknown_write_may_never_take_effect() => AssertAccepted(Make.Unknown(OperationKind.Put, 0, "a", "v1"), Make.Get(1, 2, "a", null));

    [Fact]
    public void A_chain_of_unknown_writes_is_followed() =>
        AssertAccepted(
            Make.Unknown(OperationKind.Put, 0, "a", "v1"),
            Make.Unknown(OperationKind.CompareAndSet, 0, "a", "v2") with { Expected = "v1" },
            Make.Get(1, 2, "a", "v2"));

    [Fact]
    public void Equal_times_count_as_concurrent() => AssertAccepted(Make.Put(0, 5, "a", "v1"), Make.Get(5, 6, "a", null));

    [Fact]
    public void A_stale_read_is_rejected() => AssertRejected(Make.Put(0, 1, "a", "v1"), Make.Put(2, 3, "a", "v2"), Make.Get(4, 5, "a", "v1"));

    [Fact]
    public void A_lost_acknowledged_write_is_rejected() => AssertRejected(Make.Put(0, 1, "a", "v1"), Make.Get(2, 3, "a", null));

    [Fact]
    public void A_write_applied_twice_is_rejected() =>
        AssertRejected(Make.Put(0, 1, "a", "v1"), Make.Put(2, 3, "a", "v2"), Make.Get(4, 5, "a", "v2"), Make.Get(6, 7, "a", "v1"));

    [Fact]
    public void An_unknown_write_applied_twice_is_rejected() =>
        AssertRejected(
            Make.Unknown(OperationKind.Put, 0, "a", "v1"), Make.Get(1, 2, "a", "v1"), Make.Put(3, 4, "a", "v2"), Make.Get(5, 6, "a", "v2"), Make.Get(7, 8, "a", "v1"));

    [Fact]
    public void Reads_that_go_back_in_time_are_rejected() =>
        AssertRejected(Make.Put(0, 1, "a", "v1"), Make.Put(2, 20, "a", "v2"), Make.Get(3, 4, "a", "v2"), Make.Get(5, 6, "a", "v1"));

    [Fact]
    public void Two_comparisons_that_held_over_the_same_value_are_rejected() =>
        AssertRejected(Make.Put(0, 1, "a", "v1"), Make.Cas(2, 9, "a", "v1", "v2"), Make.Cas(3, 8, "a", "v1", "v3"));

    [Fact]
    public void A_comparison_refused_over_the_very_value_is_rejected() => AssertRejected(Make.Put(0, 1, "a", "v1"), Make.CasRefused(2, 3, "a", "v1", "v2", "v1"));

    [Fact]
    public void A_delete_that_shows_another_value_is_rejected() => AssertRejected(Make.Put(0, 1, "a", "v1"), Make.Delete(2, 3, "a", "d", "v9"));

    [Fact]
    public void A_search_without_budget_left_is_a_failure() =>
        Assert.Contains("undecided", Linearizability.Check([Make.Put(0, 1, "a", "v1"), Make.Get(2, 3, "a", "v1")], stepsPerKey: 1).ToString(), StringComparison.Ordinal);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_long_run_of_a_true_register_is_accepted_and_one_false_read_in_it_is_not(int seed)
    {
        var history = TrueRegister(new Random(seed), clients: 8, operations: 2_000);
        AssertAccepted(history);

        var reads = history.Index().Where(o => o.Item is { Kind: OperationKind.Get, Seen: not null }).ToArray();
        var (index, read) = reads[reads.Length / 2];
        history[index] = read with { Seen = "v-from-nowhere" };
        AssertRejected(history);
    }

    /// <summary>Many clients that never learn what became of their writes, as when all nodes are away: only what somebody saw of them has to be placed.</summary>
    [Fact]
    public void Unknown_operations_by_the_dozen_are_decided()
    {
        var unknown = Enumerable.Range(0, 100).Select(i => (i % 3) switch
        {
            0 => Make.Unknown(OperationKind.Put, i, "a", $"v{i}"),
            1 => Make.Unknown(OperationKind.CompareAndSet, i, "a", $"v{i}") with { Expected = $"v{i - 1}" },
            _ => Make.Unknown(OperationKind.Delete, i, "a", $"d{i}"),
        }).ToArray();
        AssertAccepted([.. unknown, Make.Get(200, 201, "a", "v61"), Make.Get(202, 203, "a", null), Make.Get(204, 205, "a", "v4")]);
        AssertRejected([.. unknown, Make.Get(200, 201, "a", "v61"), Make.Get(202, 203, "a", "v60"), Make.Get(204, 205, "a", "v61")]);
    }

    [Fact]
    public void Decides_as_trying_every_order_does()
    {
        var random = new Random(7);
        var accepted = 0;
        for (var round = 0; round < 3_000; round++)
        {
            var history = Anything(random);
            var expected = FitsInSomeOrder(RegisterCalls.From(history), new HashSet<RegisterCall>(ReferenceEqualityComparer.Instance), state: 0);
            accepted += expected ? 1 : 0;
            Assert.True(expected == (Linearizability.Check(history).ToString() == "clean"), string.Join('\n', history.Select(o => o.ToString())));
        }

        Assert.InRange(accepted, 500, 2_500);
    }

    private static Operation[] Anything(Random random) => [.. Enumerable.Range(0, random.Next(3, 7)).Select(i =>
    {
        var (call, value, other) = (random.Next(20), $"v{i}", $"v{random.Next(6)}");
        var ret = call + random.Next(1, 12);
        return random.Next(8) switch
        {
            0 => Make.Put(call, ret, "a", value),
            1 => Make.Cas(call, ret, "a", random.Next(3) == 0 ? null : other, value),
            2 => Make.CasRefused(call, ret, "a", other, value, random.Next(2) == 0 ? null : $"v{random.Next(6)}"),
            3 => Make.Unknown(OperationKind.Put, call, "a", value),
            4 => Make.Unknown(OperationKind.CompareAndSet, call, "a", value) with { Expected = other },
            5 => Make.Unknown(OperationKind.Delete, call, "a", value),
            _ => Make.Get(call, ret, "a", random.Next(3) == 0 ? null : other),
        };
    })];

    private static bool FitsInSomeOrder(IReadOnlyList<RegisterCall> calls, HashSet<RegisterCall> placed, int state)
    {
        var rest = calls.Where(c => !placed.Contains(c)).ToArray();
        if (rest.All(c => c.Optional)) return true;
        var earliestReturn = rest.Min(c => c.Return);
        foreach (var call in rest.Where(c => c.Call <= earliestReturn))
        {
            if (!call.TryApply(state, out var next)) continue;
            placed.Add(call);
            var fits = FitsInSomeOrder(calls, placed, next);
            placed.Remove(call);
            if (fits) return true;
        }

        return false;
    }

    /// <summary>Clients overlap at random; each operation takes effect at a random point between its call and its return.</summary>
    private static Operation[] TrueRegister(Random random, int clients, int operations)
    {
        var free = new long[clients];
        var plan = Enumerable.Range(0, operations).Select(i =>
        {
            var client = random.Next(clients);
            var call = free[client] + random.Next(1, 5);
            var effect = call + random.Next(1, 20);
            free[client] = effect + random.Next(1, 20);
            return (Call: call, Effect: effect, Return: free[client], Index: i);
        }).OrderBy(p => p.Effect).ToArray();

        string? state = null;
        return [.. plan.Select(p =>
        {
            switch (random.Next(4))
            {
                case 0:
                    state = $"v{p.Index}";
                    return Make.Put(p.Call, p.Return, "a", state);
                case 1:
                    var before = state;
                    state = $"v{p.Index}";
                    return Make.Cas(p.Call, p.Return, "a", before, state);
                default:
                    return Make.Get(p.Call, p.Return, "a", state);
            }
        })];
    }

    private static void AssertAccepted(params Operation[] operations) => Assert.Equal("clean", Linearizability.Check(operations).ToString());

    private static void AssertRejected(params Operation[] operations) =>
        Assert.Contains("not linearizable", Linearizability.Check(operations).ToString(), StringComparison.Ordinal);
}

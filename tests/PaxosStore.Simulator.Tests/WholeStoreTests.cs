using PaxosStore.Simulator.Whole;

namespace PaxosStore.Simulator.Tests;

public class WholeStoreTests
{
    [Fact]
    public void Three_hundred_seeds_show_no_violation()
    {
        var batch = new Batch(20_000_000, 300, 2, whole: true);
        batch.Run();

        Assert.True(batch.Failures.Count == 0, batch.Failures.Count == 0 ? "" : Runner.Report(batch.Failures[0], whole: true));
        var totals = batch.Totals();
        Assert.True(totals.Writes > 30_000 && totals.Reads > 10_000 && totals.WatchEvents > 8_000 && totals.Installed > 50, $"too tame a run:\n{totals}");
    }

    [Fact]
    public void Equal_seeds_give_equal_traces_in_another_process()
    {
        var seeds = Enumerable.Range(700, 10).Select(i => (ulong)i).ToArray();

        var elsewhere = Verification.InAnotherProcess(seeds, whole: true).ToDictionary();

        Assert.Equal(seeds.ToDictionary(s => s, s => Runner.Run(s, whole: true).Hash), elsewhere);
        Assert.Equal(seeds.Length, elsewhere.Values.Distinct().Count());
    }

    [Fact]
    public void A_plan_in_a_file_runs_as_its_seed_does()
    {
        var path = Path.GetTempFileName();
        try
        {
            new PlanFile(Plan.WholeFromSeed(7), null, null).Write(path);

            Assert.Equal(Runner.Run(7, whole: true).Hash, Runner.Run(PlanFile.Read(path).Plan).Hash);

            new PlanFile(Plan.FromSeed(7), null, null).Write(path);
            Assert.Equal(Runner.Run(7).Hash, Runner.Run(PlanFile.Read(path).Plan).Hash);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_file_that_is_no_plan_is_refused_with_its_name()
    {
        var x = Assert.Throws<FormatException>(() => PlanFile.Read("/nowhere/plan.json"));

        Assert.Contains("/nowhere/plan.json", x.Message);
    }

    // Seeds that once failed, under the name of what was wrong.

    [Fact]
    public void Refusal_of_a_request_of_the_process_before_was_taken_for_one_of_this() => Passes(200762);

    [Fact]
    public void A_leader_that_lagged_behind_its_own_log_lengthened_it_with_each_tick() => Passes(1000021973);

    [Fact]
    public void Members_that_were_behind_vouched_for_a_voter_that_had_lost_its_journal() => Passes(1000069289);

    // The shrinker.

    [Fact]
    public void Shrinking_leaves_what_the_failure_needs()
    {
        var plan = Plan.WholeFromSeed(3);
        var (first, second) = (plan.Steps![17], plan.Steps[60]);

        // Fails exactly when both steps are there and some node is hurt.
        string? Fails(Plan p) => p.Steps!.Contains(first) && p.Steps.Contains(second) && p.Faults.Count > 0 ? "both" : null;
        var shrinker = new Shrinker(plan, Fails);
        var shortest = shrinker.Shrink();

        Assert.Equal([first, second], shortest.Steps!);
        Assert.Single(shortest.Faults);
        Assert.Equal(0, shortest.Drop);
    }

    [Fact]
    public void Shrinking_keeps_to_the_failure_it_began_with()
    {
        var plan = Plan.WholeFromSeed(3);

        // Another failure shows as soon as little is left.
        string? Fails(Plan p) => p.Steps!.Count < 20 ? "another" : "the first";

        Assert.Equal(20, new Shrinker(plan, Fails).Shrink().Steps!.Count);
    }

    [Fact]
    public void A_plan_that_does_not_fail_can_not_be_shrunk() =>
        Assert.Throws<ArgumentException>(() => new Shrinker(Plan.FromSeed(1), _ => null));

    [Fact]
    public void A_real_failure_shrinks_and_still_fails_when_read_from_its_file()
    {
        var mutant = Mutant.All.Single(m => m.Name == "progress-ahead");
        var caught = Runner.FirstFailure(mutant.Defects, Mutant.KnownSeeds.GetValueOrDefault(mutant.Name), 200, whole: true);
        var plan = Plan.WholeFromSeed(caught!.Seed);
        var shortest = new Shrinker(plan, p => Runner.Run(p, mutant.Defects).Invariant, mostRuns: 150).Shrink();
        var path = Path.GetTempFileName();
        try
        {
            new PlanFile(shortest, mutant.Name, null).Write(path);

            Assert.True(shortest.Steps!.Count < plan.Steps!.Count / 4, $"{shortest.Steps.Count} of {plan.Steps.Count} steps are left");
            Assert.Equal(Runner.Run(plan, mutant.Defects).Invariant, Runner.Run(PlanFile.Read(path).Plan, mutant.Defects).Invariant);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static void Passes(ulong seed)
    {
        var outcome = Runner.Run(seed, whole: true);
        Assert.False(outcome.Failed, outcome.Detail);
    }
}

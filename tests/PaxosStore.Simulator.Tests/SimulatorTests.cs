namespace PaxosStore.Simulator.Tests;

public class SimulatorTests
{
    [Fact]
    public void Two_thousand_seeds_show_no_violation()
    {
        var batch = new Batch(10_000_000, 2_000, 2);
        batch.Run();

        Assert.True(batch.Failures.Count == 0, batch.Failures.Count == 0 ? "" : Runner.Report(batch.Failures[0]));
        var totals = batch.Totals();
        Assert.True(totals.Chosen > 20_000 && totals.Crashes > 1_000 && totals.Partitions > 1_000 && totals.Reads > 20_000, $"too tame a run:\n{totals}");
    }

    [Fact]
    public void Equal_seeds_give_equal_traces_in_another_process()
    {
        var seeds = Enumerable.Range(500, 40).Select(i => (ulong)i).ToArray();

        var elsewhere = Verification.InAnotherProcess(seeds).ToDictionary();

        Assert.Equal(seeds.ToDictionary(s => s, s => Runner.Run(s).Hash), elsewhere);
        Assert.Equal(seeds.Length, elsewhere.Values.Distinct().Count());
    }

    [Theory]
    [MemberData(nameof(Mutants))]
    public void Every_mutant_is_caught(string name, ulong from)
    {
        var mutant = Mutant.All.Single(m => m.Name == name);

        var caught = Runner.FirstFailure(mutant.Defects, from, 200, mutant.IsWhole);

        Assert.True(caught is not null, $"{name} survived 200 seeds from {from} on; find another with --mutants --search {name} and write it into Mutants.txt");
    }

    public static TheoryData<string, ulong> Mutants()
    {
        var data = new TheoryData<string, ulong>();
        foreach (var mutant in Mutant.All) data.Add(mutant.Name, Mutant.KnownSeeds.GetValueOrDefault(mutant.Name));
        return data;
    }

    // Seeds that once failed, under the name of what was wrong.

    [Theory]
    [InlineData(119)]
    [InlineData(2718)]
    [InlineData(3500)]
    public void Promise_raised_by_an_accept_for_chosen_slots_was_not_on_disk(ulong seed) => Passes(seed);

    [Theory]
    [InlineData(44)]
    [InlineData(50)]
    [InlineData(102)]
    public void Learners_that_let_votes_outside_their_window_go_stood_still_for_ever(ulong seed) => Passes(seed);

    [Theory]
    [InlineData(3359)]
    [InlineData(3503)]
    [InlineData(4897)]
    public void Nobody_could_prove_what_was_chosen_below_a_leader_that_started_at_a_dead_nodes_watermark(ulong seed) => Passes(seed);

    [Fact]
    public void Clock_of_a_replaced_leader_made_leases_of_its_successor_expire_early() => Passes(2157);

    [Fact]
    public void Joiner_whose_snapshot_was_older_than_its_addition_took_itself_for_removed() => Passes(3287);

    [Fact]
    public void Who_asked_only_members_that_were_behind_too_never_caught_up() => Passes(13054);

    // A fault of the simulator's: whom it left whole was no quorum any more.
    [Fact]
    public void Who_lost_its_journal_is_promoted_on_the_word_of_its_earlier_life() => Passes(54617);

    [Fact]
    public void An_answer_that_took_half_a_second_made_a_voter_of_a_node_that_had_lost_its_journal_since() => Passes(58612);

    [Fact]
    public void A_founder_that_lost_its_disk_voted_again_where_it_had_once_been_the_only_voter() => Passes(91230);

    [Fact]
    public void Who_votes_no_more_where_a_forgetful_node_goes_on_leads_nothing_with_a_promise_that_was_forgotten() => Passes(857822);

    [Fact]
    public void A_node_that_lost_records_led_again_under_a_ballot_that_it_had_forgotten_on_answers_to_its_former_self() => Passes(1000013989);

    [Fact]
    public void Members_that_were_behind_vouched_for_a_voter_that_had_lost_its_journal() => Passes(1000216120);

    [Fact]
    public void Who_lost_a_vote_and_learned_its_value_anew_reported_it_under_an_older_ballot() => Passes(1000449450);

    [Fact]
    public void A_leader_whose_disk_was_behind_counted_a_vote_that_had_been_forgotten() => Passes(234551);

    [Fact]
    public void A_leader_that_slept_stamped_what_its_successor_adopted_with_a_time_long_past() => Passes(1000781362);

    [Fact]
    public void Whose_answers_took_longer_than_an_election_timeout_began_the_same_snapshot_for_ever() => Passes(1000076853);

    // Faults of the simulator's: an addition that was chosen after the end had nobody to join, voters gone for good were counted, and a founder that was admitted only
    // after the members had changed was held to those that came later.
    [Theory]
    [InlineData(609077)]
    [InlineData(187262)]
    [InlineData(1002624461)]
    public void Demands_are_for_what_can_be(ulong seed) => Passes(seed);

    private static void Passes(ulong seed)
    {
        var outcome = Runner.Run(seed);
        Assert.False(outcome.Failed, outcome.Failed ? Runner.Report(outcome) : "");
    }
}

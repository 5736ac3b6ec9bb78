namespace PaxosStore.Consensus.Tests;

public class LeaderClockTests
{
    private static TimeSpan S(double seconds) => TimeSpan.FromSeconds(seconds);

    [Fact]
    public void A_clock_goes_on_from_where_it_took_over_and_counts_elapsed_time()
    {
        var clock = new LeaderClock(SafetyRules.Paxos, start: S(100), now: S(7), limit: S(1));

        Assert.Equal(S(100.5), clock.Read(S(7.5)));
    }

    [Fact]
    public void A_clock_that_nobody_hears_stands_still_and_what_it_missed_is_lost()
    {
        var clock = new LeaderClock(SafetyRules.Paxos, start: S(100), now: S(0), limit: S(1));
        Assert.Equal(S(100.5), clock.Tell(1, S(0.5)));
        clock.Heard(1);

        Assert.Equal(S(101.5), clock.Tell(2, S(3600)));
        Assert.Equal(S(101.5), clock.Read(S(3601)));

        clock.Heard(2);
        Assert.Equal(S(101.7), clock.Read(S(3601.2)));
    }
}

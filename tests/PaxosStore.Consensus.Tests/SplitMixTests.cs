namespace PaxosStore.Consensus.Tests;

public class SplitMixTests
{
    /// <summary>The published outputs for seed 1234567: seeds that are written down must mean the same for ever.</summary>
    [Fact]
    public void The_numbers_are_those_of_SplitMix64()
    {
        var random = new SplitMix(1234567);

        Assert.Equal<ulong>([6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821],
            Enumerable.Range(0, 5).Select(_ => random.Next()));
    }

    [Fact]
    public void Units_and_bounded_numbers_reach_everything_in_their_range_and_nothing_else()
    {
        var random = new SplitMix(1);
        var units = Enumerable.Range(0, 10_000).Select(_ => random.NextUnit()).ToArray();

        Assert.All(units, u => Assert.True(u is >= 0 and < 1));
        Assert.InRange(units.Average(), 0.48, 0.52);
        Assert.Equal(Enumerable.Range(0, 7), Enumerable.Range(0, 1_000).Select(_ => random.Below(7)).Distinct().Order());
    }
}

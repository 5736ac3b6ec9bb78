using PaxosStore.Cluster.Tests.History;

namespace PaxosStore.Cluster.Tests.Judges;

/// <summary>The watch witness accepts the log itself and nothing else.</summary>
public class WatchWitnessTests
{
    private static readonly LogDump Log = Make.Log("2 a v1", "3 a v2", "4 a", "4 b v3", "5 b v4");

    [Fact]
    public void The_log_itself_is_accepted() => Assert.True(WatchWitness.Check(Log.Changes, Log).IsClean);

    [Theory]
    [InlineData("lost", "2 a v1", "4 a", "4 b v3", "5 b v4")]
    [InlineData("lost", "2 a v1", "3 a v2", "4 a", "4 b v3")]
    [InlineData("seen twice", "2 a v1", "3 a v2", "3 a v2", "4 a", "4 b v3", "5 b v4")]
    [InlineData("out of order", "2 a v1", "3 a v2", "4 b v3", "4 a", "5 b v4")]
    [InlineData("false", "2 a v1", "3 a v9", "4 a", "4 b v3", "5 b v4")]
    [InlineData("not in the log", "2 a v1", "3 a v2", "4 a", "4 b v3", "5 b v4", "6 b v5")]
    public void Any_other_sequence_is_rejected(string because, params string[] seen) =>
        Assert.Contains(because, WatchWitness.Check(Make.Log(seen).Changes, Log).ToString(), StringComparison.Ordinal);
}

using PaxosStore.Cluster.Tests.Processes;
using PaxosStore.Cluster.Tests.Scenarios;
using Xunit.Abstractions;

namespace PaxosStore.Cluster.Tests.Blackbox;

/// <summary>A slice of scripts/campaign.sh blackbox: three short runs with a few faults each.</summary>
[Collection(ProcessCollection.Name)]
public class BlackboxTests(ITestOutputHelper output)
{
    /// <summary>PAXOSSTORE_BLACKBOX_RATE says how many operations a second a run needs to count.</summary>
    [SkippableTheory]
    [InlineData("kill", "leader", "one-way", "leader", 0)]
    [InlineData("pause", "leader", "reset", "all", 200)]
    [InlineData("isolate", "leader", "kill", "follower", 0)]
    public async Task A_short_run_shows_no_violation(string first, string firstTarget, string second, string secondTarget, int compactEvery)
    {
        Skip.If(Target.UnderTest.IsEtcd, "the runs compare hashes and logs that an etcd keeps in its own way");
        var plan = new RunPlan
        {
            Seed = 1,
            Nodes = 3,
            Flags = ["--snapshot-count", "500"],
            Before = 3,
            Faulty = 6,
            After = 3,
            CompactEvery = compactEvery,
            Faults = [new PlannedFault(0.2, first, firstTarget, 2), new PlannedFault(2.5, second, secondTarget, 2, Amount: second == "reset" ? 400 : 1)],
        };
        var options = new RunOptions
        {
            LeastRate = Amount.From("PAXOSSTORE_BLACKBOX_RATE", usual: 20),
            Failures = Path.Combine(Repository.Results, "blackbox"),
        };

        var outcome = await BlackboxRun.RunAsync(plan, options);

        Figures.Tell(output, $"black box, {first} and {second}: {outcome.Acknowledged} of {outcome.Operations} answered, {outcome.Rate:F0}/s before, {outcome.WatchEvents} watch events");
        Assert.True(outcome.Verdict == RunVerdict.Passed, $"{outcome.Verdict} at {outcome.Rate:F0} operations/s; all of it in {outcome.Directory}\n{string.Join('\n', outcome.Findings.Take(20))}");
        Assert.All((string[])[first, second], kind => Assert.Contains(outcome.Faults, f => f.Key.Contains(Evidence(kind), StringComparison.Ordinal) && f.Value > 0));
    }

    /// <summary>What is counted where a fault of this kind happens.</summary>
    private static string Evidence(string kind) => kind switch
    {
        "kill" => "kill -9",
        "pause" => "SIGSTOP",
        "reset" => "connections reset",
        "isolate" => "partition",
        _ => "one-way cut",
    };
}

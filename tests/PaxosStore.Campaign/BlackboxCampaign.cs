using System.Diagnostics;
using PaxosStore.Cluster.Tests.Blackbox;

namespace PaxosStore.Campaign;

/// <summary>Black-box runs, seed after seed, until the time is over or enough were done.</summary>
internal sealed class BlackboxCampaign(Options options)
{
    private readonly BlackboxTally _tally = new();

    /// <summary>True when every run passed and there was at least one.</summary>
    public async Task<bool> RunAsync()
    {
        foreach (var missing in BlackboxRun.Missing)
            Console.WriteLine($"left out here: {missing}");
        var clock = Stopwatch.StartNew();
        foreach (var plan in Plans(clock))
        {
            var (begun, run) = (clock.Elapsed, new BlackboxTally());
            var outcome = await BlackboxRun.RunAsync(plan, Settings(options));
            _tally.Add(outcome);
            run.Add(outcome);
            Results.Add(run.Result((clock.Elapsed - begun).TotalSeconds));
            Console.WriteLine(Line(outcome, _tally));
            foreach (var finding in outcome.Findings.Take(10))
                Console.WriteLine($"    {finding.Split('\n')[0]}");
            if (outcome.Directory is not null)
                Console.WriteLine($"    all of it in {outcome.Directory}; again: scripts/campaign.sh blackbox --plan {outcome.Directory}/plan.json");
        }

        Console.WriteLine(_tally);
        return _tally.Failed == 0 && _tally.Passed > 0;
    }

    /// <summary>How runs are carried out.</summary>
    public static RunOptions Settings(Options options) => new()
    {
        LeastRate = options.LeastRate,
        KeepAll = options.Keep,
        Failures = Path.Combine(Results.Folder, "failures"),
    };

    private IEnumerable<RunPlan> Plans(Stopwatch clock)
    {
        if (options.Plan is { } file)
        {
            yield return RunPlan.FromJson(File.ReadAllText(file));
            yield break;
        }

        // Without a seed every campaign goes where none was before, as far as the hour can tell.
        var first = options.Seed >= 0 ? options.Seed : (int)(DateTimeOffset.UtcNow.ToUnixTimeSeconds() % 1_000_000_000);
        var runs = options.Runs >= 0 ? options.Runs : options.Time == TimeSpan.MaxValue ? 1 : int.MaxValue;
        for (var i = 0; i < runs && clock.Elapsed < options.Time; i++)
            yield return BlackboxRun.PlanOf(first + i);
    }

    private string Lacking(RunOutcome run) => run.Verdict == RunVerdict.Invalid ? $" ({Settings(options).LeastRateOf(run.Plan):F0} are asked)" : "";

    private string Line(RunOutcome run, BlackboxTally tally) =>
        $"seed {run.Plan.Seed}: {run.Verdict.ToString().ToUpperInvariant()} {run.Plan.Nodes} nodes, {run.Acknowledged} of {run.Operations} answered, {run.Rate:F0}/s before{Lacking(run)}, {run.WatchEvents} events, "
        + $"{run.LeaderChanges} leader changes, {run.Seconds:F0} s; {string.Join("; ", run.Plan.Faults)}{(run.Plan.CompactEvery > 0 ? "; compaction" : "")} | {tally.Passed} passed, {tally.Failed} failed, {tally.Invalid} invalid";
}

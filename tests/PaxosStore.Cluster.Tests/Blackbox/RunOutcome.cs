namespace PaxosStore.Cluster.Tests.Blackbox;

/// <summary>What became of a run.</summary>
public enum RunVerdict
{
    /// <summary>Enough was done and nothing was found.</summary>
    Passed,

    /// <summary>Something happened that may not, or could not be decided.</summary>
    Failed,

    /// <summary>Too little was done for it to say anything.</summary>
    Invalid,
}

/// <summary>The result of a run, with figures.</summary>
public sealed record RunOutcome
{
    public required RunPlan Plan { get; init; }

    public required RunVerdict Verdict { get; init; }

    /// <summary>What was found; each begins with the name of who found it.</summary>
    public required IReadOnlyList<string> Findings { get; init; }

    /// <summary>Operations recorded, those answered, and those of unknown fate.</summary>
    public int Operations { get; init; }

    public int Acknowledged { get; init; }

    public int Unknown { get; init; }

    /// <summary>Acknowledged operations a second before the faults.</summary>
    public double Rate { get; init; }

    /// <summary>Events told to watchers.</summary>
    public long WatchEvents { get; init; }

    /// <summary>Changes of leader seen.</summary>
    public int LeaderChanges { get; init; }

    public double Seconds { get; init; }

    /// <summary>How often each fault happened, counted where it did.</summary>
    public required IReadOnlyDictionary<string, long> Faults { get; init; }

    /// <summary>Where everything is that is needed to see and replay the run; null: nothing was kept.</summary>
    public string? Directory { get; init; }
}

/// <summary>How runs are carried out.</summary>
public sealed record RunOptions
{
    /// <summary>With three nodes, a run with fewer acknowledged operations a second before its faults is invalid.</summary>
    public double LeastRate { get; init; } = 100;

    /// <summary>All nodes are on one machine: each one more takes its share, and one that asks for the time through libfaketime takes more.</summary>
    public double LeastRateOf(RunPlan plan) => LeastRate * 3 / plan.Nodes / (plan.ClockNode is null ? 1 : 2);

    /// <summary>Where runs that failed leave what is needed to see and replay them.</summary>
    public required string Failures { get; init; }

    /// <summary>Keep what runs leave, failed or not.</summary>
    public bool KeepAll { get; init; }

    /// <summary>How long nodes may take to serve again after everything is healed.</summary>
    public TimeSpan HealLimit { get; init; } = TimeSpan.FromSeconds(60);
}

namespace PaxosStore.Simulator;

/// <summary>How a run ended.</summary>
internal sealed record Outcome(ulong Seed, ulong Hash, Counters Counters, string? Invariant, string? Detail)
{
    public bool Failed => Invariant is not null;
}

/// <summary>Runs seeds.</summary>
internal static class Runner
{
    public static Outcome Run(ulong seed, Defects? defects = null, Action<string>? line = null)
    {
        var trace = new Trace(line);
        var simulation = new Simulation(Plan.FromSeed(seed), defects ?? Defects.None, trace);
        try
        {
            simulation.Run();
            return new Outcome(seed, trace.Hash, simulation.Counters, null, null);
        }
        catch (ViolationException x)
        {
            line?.Invoke($"{simulation.Now,9} VIOLATION {x.Message}");
            return new Outcome(seed, trace.Hash, simulation.Counters, x.Invariant, x.Message);
        }
    }

    /// <summary>The first of <paramref name="count"/> seeds that fails, null when none does.</summary>
    public static Outcome? FirstFailure(Defects defects, ulong from, ulong count)
    {
        for (var seed = from; seed < from + count; seed++)
        {
            if (Run(seed, defects) is { Failed: true } outcome) return outcome;
        }

        return null;
    }

    /// <summary>Everything needed to look into a failed seed: plan, last lines of the trace, and how to replay it.</summary>
    public static string Report(Outcome outcome, int lines = 60)
    {
        var last = new Queue<string>();
        Run(outcome.Seed, null, text =>
        {
            if (last.Count == lines) last.Dequeue();
            last.Enqueue(text);
        });
        return $"""
            FAILED seed {outcome.Seed}: {outcome.Detail}
            {Plan.FromSeed(outcome.Seed)}
            last {last.Count} lines of the trace:
            {string.Join(Environment.NewLine, last)}
            replay: dotnet run -c Release --project tests/PaxosStore.Simulator -- --seed {outcome.Seed} --trace
            """;
    }
}

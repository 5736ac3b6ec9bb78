namespace PaxosStore.Simulator;

/// <summary>How a run ended.</summary>
internal sealed record Outcome(ulong Seed, ulong Hash, Counters Counters, string? Invariant, string? Detail)
{
    public bool Failed => Invariant is not null;
}

/// <summary>Runs seeds.</summary>
internal static class Runner
{
    public static Outcome Run(ulong seed, Defects? defects = null, Action<string>? line = null, bool whole = false) =>
        Run(whole ? Plan.WholeFromSeed(seed) : Plan.FromSeed(seed), defects, line);

    public static Outcome Run(Plan plan, Defects? defects = null, Action<string>? line = null)
    {
        var (seed, trace) = (plan.Seed, new Trace(line));
        var simulation = new Simulation(plan, defects ?? Defects.None, trace);
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
        catch (Exception x) when (x is InvalidOperationException or ArgumentException or KeyNotFoundException or FormatException or NullReferenceException or Kv.KvException)
        {
            // Nothing of the kind may come out of a node: there it would end the process.
            line?.Invoke($"{simulation.Now,9} EXCEPTION {x}");
            return new Outcome(seed, trace.Hash, simulation.Counters, "exception", $"{x.GetType().Name}: {x.Message} {x.StackTrace?.Split('\n')[0].Trim()}");
        }
    }

    /// <summary>The first of <paramref name="count"/> seeds that fails, null when none does.</summary>
    public static Outcome? FirstFailure(Defects defects, ulong from, ulong count, bool whole = false)
    {
        for (var seed = from; seed < from + count; seed++)
        {
            if (Run(seed, defects, whole: whole) is { Failed: true } outcome) return outcome;
        }

        return null;
    }

    /// <summary>Everything needed to look into a failed seed: plan, last lines of the trace, and how to replay it.</summary>
    public static string Report(Outcome outcome, bool whole = false, int lines = 60)
    {
        var last = new Queue<string>();
        var plan = whole ? Plan.WholeFromSeed(outcome.Seed) : Plan.FromSeed(outcome.Seed);
        Run(plan, null, text =>
        {
            if (last.Count == lines) last.Dequeue();
            last.Enqueue(text);
        });
        return $"""
            FAILED seed {outcome.Seed}: {outcome.Detail}
            {plan}
            last {last.Count} lines of the trace:
            {string.Join(Environment.NewLine, last)}
            replay: dotnet run -c Release --project tests/PaxosStore.Simulator -- {(whole ? "--whole " : "")}--seed {outcome.Seed} --trace
            """;
    }
}

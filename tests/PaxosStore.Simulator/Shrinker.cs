namespace PaxosStore.Simulator;

/// <summary>
/// Makes a failing plan shorter: leaves out faults and clients' steps as long as the same invariant fails (delta debugging; Zeller and Hildebrandt 2002), then
/// calms the network and what else can do without.
/// </summary>
internal sealed class Shrinker
{
    private readonly Func<Plan, string?> _invariantOf;
    private readonly int _mostRuns;
    private readonly string _invariant;

    /// <param name="plan">A plan that fails.</param>
    /// <param name="invariantOf">Runs a plan: what fails, null when nothing does.</param>
    /// <param name="mostRuns">Stops after so many runs with what it has.</param>
    public Shrinker(Plan plan, Func<Plan, string?> invariantOf, int mostRuns = 5_000)
    {
        (_invariantOf, _mostRuns) = (invariantOf, mostRuns);
        _invariant = invariantOf(plan) ?? throw new ArgumentException("nothing fails in this plan", nameof(plan));
        Shortest = plan;
    }

    public Plan Shortest { get; private set; }

    public int Runs { get; private set; } = 1;

    /// <summary>The shortest plan found that fails in the same way.</summary>
    public Plan Shrink()
    {
        Plan before;
        do
        {
            before = Shortest;
            Reduce(p => p.Steps ?? [], (p, steps) => p with { Steps = steps });
            Reduce(p => p.Faults, (p, faults) => p with { Faults = faults });
            foreach (var calmer in Calmer()) Try(calmer(Shortest));
        }
        while (Runs < _mostRuns && before != Shortest);
        return Shortest;
    }

    /// <summary>Leaves out parts of a list, smaller and smaller ones.</summary>
    private void Reduce<T>(Func<Plan, List<T>> list, Func<Plan, List<T>, Plan> with)
    {
        for (var parts = 1; list(Shortest).Count > 0; parts = Math.Min(parts * 2, list(Shortest).Count))
        {
            var size = (list(Shortest).Count + parts - 1) / parts;
            for (var at = 0; at < list(Shortest).Count && Runs < _mostRuns;)
            {
                var all = list(Shortest);
                List<T> rest = [.. all.Take(at), .. all.Skip(at + size)];
                if (!Try(with(Shortest, rest))) at += size;
            }

            if (size == 1 || Runs >= _mostRuns) return;
        }
    }

    private static IEnumerable<Func<Plan, Plan>> Calmer() =>
    [
        p => p with { Drop = 0 },
        p => p with { Duplicate = 0 },
        p => p with { Tail = 0 },
        p => p.Observers == 0 ? p : p with { Observers = 0 },
        p => p.Extras.SnapshotEvery == 0 ? p : p with { Extras = p.Extras with { SnapshotEvery = 0 } },
        p => p.Steps is null && p.Clients > 1 ? p with { Clients = p.Clients - 1 } : p,
        p => p.Faults.Count == 0 ? p with { FaultsEnd = p.FaultsEnd / 2 } : p.Faults[^1].At * 2 < p.FaultsEnd ? p with { FaultsEnd = p.FaultsEnd * 3 / 4 } : p,
    ];

    private bool Try(Plan plan)
    {
        if (plan == Shortest || Runs >= _mostRuns) return false;
        Runs++;
        if (_invariantOf(plan) != _invariant) return false;
        Shortest = plan;
        return true;
    }
}

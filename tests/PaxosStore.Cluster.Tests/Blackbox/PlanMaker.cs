namespace PaxosStore.Cluster.Tests.Blackbox;

/// <summary>Makes a plan of a seed.</summary>
internal static class PlanMaker
{
    private static readonly string[] One = ["leader", "leader", "follower", "n1", "n2", "n3"];
    private static readonly int[] SnapshotCounts = [50, 500, 5_000];

    /// <summary>Kinds with how often they come, relative to each other.</summary>
    private static readonly (string Kind, int Weight)[] Weights =
    [
        ("kill", 5), ("pause", 4), ("isolate", 4), ("one-way", 3), ("partition", 3), ("delay", 2), ("reset", 2), ("bandwidth", 1), ("packet-loss", 2),
        ("disk-error", 1), ("disk-no-space", 1), ("kill-at-sync", 2), ("slow-disk", 2), ("full-disk", 1), ("clock", 2), ("members", 2), ("rolling", 1), ("auth", 2), ("move-leader", 1),
    ];

    /// <summary>The same seed makes the same plan.</summary>
    public static RunPlan FromSeed(int seed)
    {
        var random = new Random(seed);
        var nodes = random.Next(4) == 0 ? 5 : 3;
        var faulty = 4 + random.NextDouble() * 8;
        var count = random.Next(1, 5);
        var faults = Enumerable.Range(0, count).Select(_ => Fault(random, faulty)).OrderBy(f => f.At).ToArray();
        return new RunPlan
        {
            Seed = seed,
            Nodes = nodes,
            Flags = ["--snapshot-count", $"{SnapshotCounts[random.Next(SnapshotCounts.Length)]}"],
            Faulty = Math.Round(faulty, 1),
            CompactEvery = random.Next(3) == 0 ? 200 : 0,
            Faults = faults,
        };
    }

    private static PlannedFault Fault(Random random, double faulty)
    {
        var at = Math.Round(random.NextDouble() * faulty * 0.6, 1);
        double Lasts(double least, double most) => Math.Round(least + random.NextDouble() * (most - least), 1);
        string Any() => One[random.Next(One.Length)];
        return Pick(random) switch
        {
            "kill" => new(at, "kill", random.Next(6) switch { 0 => "all", 1 => "majority", _ => Any() }, Lasts(0.1, 5)),
            "pause" => new(at, "pause", random.Next(6) == 0 ? "majority" : Any(), Lasts(0.2, 5)),
            "isolate" => new(at, "isolate", Any(), Lasts(1, 6)),
            "one-way" => new(at, "one-way", Any(), Lasts(1, 6), random.Next(2)),
            "partition" => new(at, "partition", random.Next(2) == 0 ? "minority" : "majority", Lasts(1, 6)),
            "delay" => new(at, "delay", random.Next(2) == 0 ? "all" : Any(), Lasts(2, 6), random.Next(5, 300)),
            "reset" => new(at, "reset", random.Next(2) == 0 ? "all" : Any(), Lasts(1, 4), random.Next(100, 1_000)),
            "bandwidth" => new(at, "bandwidth", Any(), Lasts(2, 6), random.Next(5_000, 100_000)),
            "packet-loss" => new(at, "packet-loss", Any(), Lasts(2, 6), random.Next(5, 60)),
            "disk-error" => new(at, "disk-error", Any(), Lasts(0.5, 4)),
            "disk-no-space" => new(at, "disk-no-space", Any(), Lasts(0.5, 4)),
            "kill-at-sync" => new(at, "kill-at-sync", Any(), Lasts(0.5, 4), random.Next(1, 60)),
            "slow-disk" => new(at, "slow-disk", Any(), Lasts(2, 5), random.Next(20, 800)),
            "full-disk" => new(at, "full-disk", Any(), Lasts(2, 6)),
            "clock" => new(at, "clock", Any(), Lasts(2, 6), (random.Next(2) == 0 ? 1 : -1) * random.Next(5, 7_200)),
            "members" => new(at, "members", Any()),
            "rolling" => new(Math.Min(at, 1), "rolling", "all"),
            "auth" => new(at, "auth", "all", Lasts(2, 6), random.Next(300, 1_500)),
            _ => new(at, "move-leader", "leader"),
        };
    }

    private static string Pick(Random random)
    {
        var ticket = random.Next(Weights.Sum(w => w.Weight));
        foreach (var (kind, weight) in Weights)
        {
            if (ticket < weight)
                return kind;
            ticket -= weight;
        }

        throw new InvalidOperationException("the weights do not add up");
    }
}

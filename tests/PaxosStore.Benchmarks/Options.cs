namespace PaxosStore.Benchmarks;

/// <summary>What to measure: an operation, how many clients in a closed loop, over how many connections.</summary>
internal sealed record LoadShape(string Operation, int Clients, int Connections)
{
    public const string All =
        "put:1:1,put:100:10,put:1000:100,range-l:1:1,range-l:100:10,range-l:1000:100,range-s:1000:100,txn:100:10,mixed:100:10,watch:100:10,lease:100:10";

    public static LoadShape Parse(string text)
    {
        var parts = text.Split(':');
        return new LoadShape(parts[0], int.Parse(parts[1]), int.Parse(parts[2]));
    }

    public override string ToString() => $"{Operation}:{Clients}:{Connections}";
}

/// <summary>The command line.</summary>
internal sealed record Options(int Rounds, double Seconds, IReadOnlyList<LoadShape> Loads, string Up, string Down, bool Help)
{
    public const string Usage = """
        Measures a three-node PaxosStore cluster against a three-node etcd cluster on this machine, in turn (A B, B A, ...), each with fresh data.

          scripts/bench.sh [--rounds 3] [--seconds 4] [--loads op:clients:connections,...]

        Operations: put, range-l (linearizable), range-s (serializable), txn (compare and put), mixed (80 % range-l, 20 % put), watch (put with 100
        watchers on the prefix; counts delivered events), lease (grant and revoke). Closed loop: every client sends its next request when the last
        one was answered. The load program runs on the same machine, so only the ratios say something.

          --up, --down   commands that start and stop the cluster measured against etcd (default: scripts/cluster.sh up 3, scripts/cluster.sh down)
        """;

    public static Options Parse(string[] arguments)
    {
        var given = new Dictionary<string, string>();
        for (var i = 0; i + 1 < arguments.Length; i += 2)
            given[arguments[i]] = arguments[i + 1];
        string Value(string name, string usual) => given.Remove(name, out var value) ? value : usual;
        var options = new Options(
            int.Parse(Value("--rounds", "3")),
            double.Parse(Value("--seconds", "4")),
            [.. Value("--loads", LoadShape.All).Split(',').Select(LoadShape.Parse)],
            Value("--up", "scripts/cluster.sh up 3"),
            Value("--down", "scripts/cluster.sh down"),
            arguments.Length % 2 == 1);
        return given.Count == 0 ? options : throw new ArgumentException($"unknown option {given.Keys.First()}");
    }
}

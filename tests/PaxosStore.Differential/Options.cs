using System.Globalization;

namespace PaxosStore.Differential;

/// <summary>The command line.</summary>
internal sealed record Options(int Operations, int Seed, bool Door, bool Server, IReadOnlySet<string> Kinds, bool Verbose, bool Help)
{
    public const string Usage = """
        Sends random requests to a real etcd 3.4 and to PaxosStore and compares replies, errors, codes, revisions and watch events, seed after seed.

          scripts/differential.sh [--operations 100000] [--seed 1] [--target door|server|both] [--kinds grpc,json,auth,json-auth,spelling] [--verbose]

          --operations   how many requests each side gets in all
          --seed         the first seed; each seed runs its kinds in turn, each on a fresh pair, and the same seed sends the same requests
          --target       what is compared with etcd: the door in front of a store in memory (default), a server process of one node, or each in turn
          --kinds        grpc       KV, Txn, Compact, Lease, Watch, Lock and Election over gRPC
                         json       the same over the JSON gateway, watches over its WebSocket
                         auth       users, roles and permissions, and several users who read and write, over gRPC
                         json-auth  the same over the JSON gateway
                         spelling   KV in every spelling JSON allows, compared byte for byte
          --verbose      print what each run asked for, by outcome

        Needs etcd on the PATH (scripts/install-test-tools.sh). Exit status: 0 no difference but the named exceptions, 1 a difference, 2 wrong usage.
        An etcd that dies is reported with the request it died of, and the run goes on with a fresh pair.
        """;

    private static readonly string[] AllKinds = ["grpc", "json", "auth", "json-auth", "spelling"];

    public static Options Parse(string[] arguments)
    {
        var options = new Options(100_000, 1, true, false, AllKinds.ToHashSet(), false, false);
        for (var i = 0; i < arguments.Length; i++)
        {
            string Value() => ++i < arguments.Length ? arguments[i] : throw new FormatException($"{arguments[i - 1]} needs a value");
            options = arguments[i] switch
            {
                "--help" or "-h" => options with { Help = true },
                "--verbose" => options with { Verbose = true },
                "--operations" => options with { Operations = Number(Value()) },
                "--seed" => options with { Seed = Number(Value()) },
                "--target" => Target(options, Value()),
                "--kinds" => options with { Kinds = Value().Split(',').Select(Kind).ToHashSet() },
                var unknown => throw new FormatException($"unknown option {unknown}"),
            };
        }

        return options;
    }

    private static int Number(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
            ? number
            : throw new FormatException($"{text} is no positive number");

    private static string Kind(string name) =>
        AllKinds.Contains(name) ? name : throw new FormatException($"unknown kind {name}; there are: {string.Join(", ", AllKinds)}");

    private static Options Target(Options options, string name) => name switch
    {
        "door" => options with { Door = true, Server = false },
        "server" => options with { Door = false, Server = true },
        "both" => options with { Door = true, Server = true },
        _ => throw new FormatException($"unknown target {name}; there are: door, server, both"),
    };
}

using System.Diagnostics;
using System.Globalization;

namespace PaxosStore.Simulator.Exploring;

/// <summary>The command line behind --explore.</summary>
internal static class ExploreCommand
{
    private const string Help =
        """
        Tries everything that can happen to the protocol core (src/PaxosStore.Consensus) within small bounds, breadth first, and checks every step: messages in every
        order, lost and repeated, writes completed in every order, crashes at every point. A violation is printed with the shortest way to it.

          --explore [--nodes N] [--slots S] [--ballots B] [--candidates C] [--commands K] [--crashes X] [--fetches F]
                    (default: 3 nodes, 2 slots, 2 ballots by 2 candidates, 1 command, 1 crash, 1 fetch)
                    [--apart]           messages between the roles of one node are steps of their own
                    [--parts]           promises come in parts of one vote each
                    [--plain]           without the reductions (World.Reductions.cs), for comparison
                    [--states M]        give up after M states
                    [--mutant NAME]     with a mistake made on purpose: it must be found
          --explore --mutants           each mistake that bounds so small can show, with the bounds that show it

        Exit status: 0 nothing found, 1 a violation (or a mutant that survived), 2 wrong usage, 3 nothing found but the bounds were not exhausted.
        """;

    public static int Run(string[] args)
    {
        var (bounds, mutant, all) = (new Bounds(), default(Mutant), false);
        var rest = new Queue<string>(args);
        while (rest.TryDequeue(out var arg))
        {
            switch (arg)
            {
                case "--help" or "-h": Console.WriteLine(Help); return 0;
                case "--nodes": bounds = bounds with { Nodes = Number(arg, rest, 3) }; break;
                case "--slots": bounds = bounds with { Slots = Number(arg, rest, 9) }; break;
                case "--ballots": bounds = bounds with { Ballots = Number(arg, rest, 9) }; break;
                case "--candidates": bounds = bounds with { Candidates = Number(arg, rest, 3) }; break;
                case "--commands": bounds = bounds with { Commands = Number(arg, rest, 9) }; break;
                case "--crashes": bounds = bounds with { Crashes = Number(arg, rest, 9) }; break;
                case "--fetches": bounds = bounds with { Fetches = Number(arg, rest, 9) }; break;
                case "--apart": bounds = bounds with { RolesApart = true }; break;
                case "--parts": bounds = bounds with { PromisesInParts = true }; break;
                case "--plain": bounds = bounds with { Plain = true }; break;
                case "--states": bounds = bounds with { MostStates = Number(arg, rest, uint.MaxValue) }; break;
                case "--mutant": mutant = CommandLine.Find(rest.TryDequeue(out var name) ? name : throw new FormatException("--mutant needs a name")); break;
                case "--mutants": all = true; break;
                default: throw new FormatException($"unknown argument '{arg}' after --explore");
            }
        }

        return all ? Mutants() : One(bounds, mutant);
    }

    private static int One(Bounds bounds, Mutant? mutant)
    {
        Console.WriteLine(mutant is null ? $"{bounds}" : $"{bounds}; {mutant.Name}: {mutant.What}");
        var clock = Stopwatch.StartNew();
        var explorer = new Explorer(bounds, mutant?.Defects ?? Defects.None) { Progress = Console.WriteLine };
        var found = explorer.Run();
        foreach (var line in found.Trace) Console.WriteLine(line);
        Console.WriteLine($"{found.States:N0} states, {found.Transitions:N0} transitions, depth {found.Depth}, {clock.Elapsed.TotalSeconds:N0} s; {explorer.Sizes}");
        Console.WriteLine(found.Violation is { } violation ? $"FAILED {violation.Message}"
            : found.Complete ? "no violation; every state within the bounds was reached" : $"no violation, but NOT exhausted: gave up at {bounds.MostStates:N0} states");
        return found.Violation is not null ? 1 : found.Complete ? 0 : 3;
    }

    private static int Mutants()
    {
        var survivors = 0;
        Console.WriteLine("| mutant | bounds | caught by | steps | states |");
        Console.WriteLine("|---|---|---|---|---|");
        foreach (var (name, bounds) in Small.Mutants)
        {
            var found = new Explorer(bounds, CommandLine.Find(name).Defects).Run();
            if (found.Violation is null) survivors++;
            Console.WriteLine($"| {name} | {bounds} | {found.Violation?.Invariant ?? "**survived**"} | {found.Depth} | {found.States:N0} |");
        }

        Console.WriteLine();
        Console.WriteLine(survivors == 0 ? "every mutant was caught" : $"{survivors} mutants survived");
        return survivors == 0 ? 0 : 1;
    }

    private static int Number(string option, Queue<string> rest, int most) => (int)Number(option, rest, (long)most);

    private static long Number(string option, Queue<string> rest, long most) =>
        rest.TryDequeue(out var text) && long.TryParse(text.Replace("_", "", StringComparison.Ordinal), CultureInfo.InvariantCulture, out var number) && number >= 0 && number <= most
            ? number
            : throw new FormatException($"{option} needs a number from 0 to {most}");
}

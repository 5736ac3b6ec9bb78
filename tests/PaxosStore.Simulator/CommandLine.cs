using System.Diagnostics;
using System.Globalization;

namespace PaxosStore.Simulator;

/// <summary>The command line.</summary>
internal static class CommandLine
{
    private const string Help =
        """
        Drives the protocol core (src/PaxosStore.Consensus), or with --whole the store as its doors see it, through seeded faults in virtual time and checks it
        after every event.

          --seeds N [--from S] [--jobs J]   run N seeds from S on (default 0) on J threads (default 1); stops at the first failure
                   [--survey]               go on after failures and list them by what failed
                   [--verify]               run each 100th seed again in a second process and compare the trace hashes
          --seed N [--trace]                run one seed; with --trace print its plan and everything that happens
          --whole                           with all of these: the key-value state machine, leases, watches, users and the client side of nodes run on top
          --shrink FILE                     with --seed: make the plan of a failing seed as short as it goes and write it down
          --plan FILE [--trace]             run such a plan
          --mutants [NAME]                  make known mistakes on purpose, at the seeds where they are known to be noticed, and show which check notices
          --mutants --search [--budget B] [--record FILE] [NAME]
                                            search for such seeds, from --from on within B seeds (default 100000), and write them down
          --seed N --mutant NAME [--trace]  run one seed with a mistake (in the world that the mistake needs)
          --hash S...                       print the trace hash of each seed (for --verify)
          --explore [...]                   try everything that can happen within small bounds; --explore --help tells more

        The same seed gives the same plan and the same trace, on any machine. A failure prints the seed, its plan, the last lines of the trace and the
        command that replays it. Exit status: 0 nothing found, 1 a violation (or a mutant that survived), 2 wrong usage.

        Examples:
          dotnet run -c Release --project tests/PaxosStore.Simulator -- --seeds 1000000 --jobs 2
          dotnet run -c Release --project tests/PaxosStore.Simulator -- --seed 842 --trace
          dotnet run -c Release --project tests/PaxosStore.Simulator -- --whole --seeds 10000 --jobs 2
          dotnet run -c Release --project tests/PaxosStore.Simulator -- --whole --seed 7 --mutant progress-ahead --shrink plan.json
          dotnet run -c Release --project tests/PaxosStore.Simulator -- --mutants --search --budget 20000
        """;

    public static int Run(string[] args)
    {
        try
        {
            if (args is ["--explore", .. var bounds]) return Exploring.ExploreCommand.Run(bounds);
            var options = Options.Parse(args);
            if (options.Help) Console.WriteLine(Help);
            else if (options.Hashes is { } seeds) PrintHashes(seeds, options.Whole);
            else if (options.Plan is { } file) return One(PlanFile.Read(file), options);
            else if (options.Mutants) return Mutants(options);
            else if (options.Seed is { } seed) return One(seed, options);
            else return Many(options);
            return 0;
        }
        catch (FormatException x)
        {
            Console.Error.WriteLine(x.Message);
            Console.Error.WriteLine("try --help");
            return 2;
        }
    }

    private static void PrintHashes(IReadOnlyList<ulong> seeds, bool whole)
    {
        foreach (var seed in seeds) Console.WriteLine($"{seed} {Runner.Run(seed, whole: whole).Hash:x16}");
    }

    private static int One(ulong seed, Options options)
    {
        var whole = options.Whole || (options.Name is { } named && Find(named).IsWhole);
        var plan = whole ? Plan.WholeFromSeed(seed) : Plan.FromSeed(seed);
        return options.Shrink is { } file ? Shrink(plan, file, options.Name) : One(new PlanFile(plan, options.Name, null), options);
    }

    private static int One(PlanFile file, Options options)
    {
        Console.WriteLine(file.Plan);
        var outcome = Runner.Run(file.Plan, DefectsOf(file.Mutant), options.Trace ? Console.WriteLine : null);
        Console.WriteLine(outcome.Counters);
        Console.WriteLine($"trace hash {outcome.Hash:x16}");
        Console.WriteLine(outcome.Failed ? $"FAILED {outcome.Detail}" : "no violation");
        return outcome.Failed ? 1 : 0;
    }

    private static int Shrink(Plan plan, string file, string? mutant)
    {
        var defects = DefectsOf(mutant);
        if (Runner.Run(plan, defects) is { Failed: false }) throw new FormatException($"seed {plan.Seed} does not fail: there is nothing to shrink");
        var shrinker = new Shrinker(plan, p => Runner.Run(p, defects).Invariant);
        var shortest = shrinker.Shrink();
        var outcome = Runner.Run(shortest, defects);
        new PlanFile(shortest, mutant, outcome.Invariant).Write(file);
        Console.WriteLine(shortest);
        Console.WriteLine($"FAILED {outcome.Detail}");
        var (faults, steps) = ($"{shortest.Faults.Count} of {plan.Faults.Count} faults", $"{shortest.Steps?.Count ?? 0} of {plan.Steps?.Count ?? 0} steps");
        Console.WriteLine($"{faults} and {steps} are left after {shrinker.Runs} runs; replay: --plan {file}");
        return 1;
    }

    private static Defects DefectsOf(string? mutant) => mutant is null ? Defects.None : Find(mutant).Defects;

    internal static Mutant Find(string name) =>
        Mutant.All.FirstOrDefault(m => m.Name == name)
        ?? throw new FormatException($"no mutant '{name}'; there are: {string.Join(", ", Mutant.All.Select(m => m.Name))}");

    private static int Mutants(Options options)
    {
        var survivors = 0;
        var seeds = new List<string>();
        Console.WriteLine("| mutant | row, seen in | mistake | caught by | seed |");
        Console.WriteLine("|---|---|---|---|---|");
        foreach (var mutant in options.Name is { } name ? [Find(name)] : Mutant.All.Where(m => m.IsWhole || !options.Whole))
        {
            var caught = options.Search
                ? Runner.FirstFailure(mutant.Defects, options.From, options.Budget, mutant.IsWhole)
                : Runner.FirstFailure(mutant.Defects, Mutant.KnownSeeds.GetValueOrDefault(mutant.Name), 200, mutant.IsWhole);
            if (caught is null) survivors++;
            else seeds.Add($"{mutant.Name} {caught.Seed}");
            var found = caught is null ? "**survived** | " : $"{caught.Invariant} | {caught.Seed}";
            Console.WriteLine($"| {mutant.Name} | {mutant.Row}, {mutant.Seen} | {mutant.What} | {found} |");
        }

        if (options.Record is { } file) File.WriteAllLines(file, seeds);
        Console.WriteLine();
        Console.WriteLine(survivors == 0 ? "every mutant was caught" : $"{survivors} mutants survived");
        return survivors == 0 ? 0 : 1;
    }

    private static int Many(Options options)
    {
        var clock = Stopwatch.StartNew();
        var batch = new Batch(options.From, options.Seeds, options.Jobs, options.Survey, options.Whole);
        using (new Timer(_ => Console.WriteLine(Progress(batch, clock)), null, 10_000, 10_000)) batch.Run();
        Console.WriteLine(batch.Totals());
        Console.WriteLine(Progress(batch, clock));
        if (options.Survey) List(batch.Failures);
        else foreach (var failure in batch.Failures) Console.WriteLine(Runner.Report(failure, options.Whole));
        if (batch.Failures.Count > 0) return 1;
        if (options.Verify && !Verification.Check(batch.Hashes, options.Whole)) return 1;
        Console.WriteLine("no violation");
        return 0;
    }

    private static void List(IEnumerable<Outcome> failures)
    {
        foreach (var kind in failures.GroupBy(f => f.Invariant).OrderByDescending(k => k.Count()))
        {
            Console.WriteLine($"{kind.Count()} x {kind.Key}");
            foreach (var failure in kind.OrderBy(f => f.Seed).Take(5)) Console.WriteLine($"    seed {failure.Seed}: {failure.Detail}");
        }
    }

    private static string Progress(Batch batch, Stopwatch clock)
    {
        var (done, seconds) = (batch.Done, clock.Elapsed.TotalSeconds);
        return $"{done:N0} of {batch.Count:N0} seeds, {done / seconds:N0} seeds/s on {batch.Jobs} thread(s), {seconds:N0} s";
    }

    private sealed class Options
    {
        public bool Help { get; private set; }
        public bool Trace { get; private set; }
        public bool Verify { get; private set; }
        public bool Survey { get; private set; }
        public bool Mutants { get; private set; }
        public bool Search { get; private set; }
        public bool Whole { get; private set; }
        public string? Shrink { get; private set; }
        public string? Plan { get; private set; }
        public string? Record { get; private set; }
        public string? Name { get; private set; }
        public ulong? Seed { get; private set; }
        public ulong Seeds { get; private set; }
        public ulong From { get; private set; }
        public ulong Budget { get; private set; } = 100_000;
        public int Jobs { get; private set; } = 1;
        public List<ulong>? Hashes { get; private set; }

        public static Options Parse(string[] args)
        {
            var o = new Options { Help = args.Length == 0 };
            var rest = new Queue<string>(args);
            while (rest.TryDequeue(out var arg))
            {
                switch (arg)
                {
                    case "--help" or "-h": o.Help = true; break;
                    case "--trace": o.Trace = true; break;
                    case "--verify": o.Verify = true; break;
                    case "--survey": o.Survey = true; break;
                    case "--mutants": o.Mutants = true; break;
                    case "--search": o.Search = true; break;
                    case "--whole": o.Whole = true; break;
                    case "--record": o.Record = Text(arg, rest, "a file"); break;
                    case "--shrink": o.Shrink = Text(arg, rest, "a file"); break;
                    case "--plan": o.Plan = Text(arg, rest, "a file"); break;
                    case "--mutant": o.Name = Text(arg, rest, "a name"); break;
                    case "--seed": o.Seed = Number(arg, rest); break;
                    case "--seeds": o.Seeds = Number(arg, rest); break;
                    case "--from": o.From = Number(arg, rest); break;
                    case "--budget": o.Budget = Number(arg, rest); break;
                    case "--jobs": o.Jobs = (int)Math.Clamp(Number(arg, rest), 1, 256); break;
                    case "--hash": o.Hashes = []; break;
                    default: o.Other(arg); break;
                }
            }

            var something = o.Help || o.Mutants || o.Hashes is not null || o.Plan is not null || o.Seed is not null || o.Seeds > 0;
            return something ? o : throw new FormatException("nothing to do: give --seeds, --seed, --plan or --mutants");
        }

        private void Other(string arg)
        {
            if (Hashes is not null && ulong.TryParse(arg, CultureInfo.InvariantCulture, out var seed)) Hashes.Add(seed);
            else if (Mutants && !arg.StartsWith('-')) Name = arg;
            else throw new FormatException($"unknown argument '{arg}'");
        }

        private static string Text(string option, Queue<string> rest, string what) =>
            rest.TryDequeue(out var text) ? text : throw new FormatException($"{option} needs {what}");

        private static ulong Number(string option, Queue<string> rest) =>
            rest.TryDequeue(out var text) && ulong.TryParse(text.Replace("_", "", StringComparison.Ordinal), CultureInfo.InvariantCulture, out var number)
                ? number
                : throw new FormatException($"{option} needs a number");
    }
}

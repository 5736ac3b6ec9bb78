using System.Diagnostics;

namespace PaxosStore.Simulator;

/// <summary>A range of seeds on several threads; each run by itself is single-threaded. Stops at the first failures, unless it is a survey.</summary>
internal sealed class Batch(ulong from, ulong count, int jobs, bool survey = false, bool whole = false)
{
    private readonly Lock _lock = new();
    private readonly Counters[] _counters = [.. Enumerable.Range(0, jobs).Select(_ => new Counters())];
    private long _next;
    private long _done;
    private volatile bool _stop;

    public ulong Count => count;

    public int Jobs => jobs;

    public long Done => Interlocked.Read(ref _done);

    public List<Outcome> Failures { get; } = [];

    /// <summary>Trace hashes of each 100th seed.</summary>
    public SortedDictionary<ulong, ulong> Hashes { get; } = [];

    public void Run()
    {
        var threads = Enumerable.Range(0, jobs).Select(i => new Thread(() => Work(i))).ToArray();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
    }

    public Counters Totals()
    {
        var total = new Counters();
        foreach (var counters in _counters) total.Add(counters);
        return total;
    }

    private void Work(int job)
    {
        while (!_stop)
        {
            var index = (ulong)(Interlocked.Increment(ref _next) - 1);
            if (index >= count) return;
            var outcome = Runner.Run(from + index, whole: whole);
            _counters[job].Add(outcome.Counters);
            Interlocked.Increment(ref _done);
            if (outcome.Failed || index % 100 == 0) Keep(outcome);
        }
    }

    private void Keep(Outcome outcome)
    {
        lock (_lock)
        {
            Hashes[outcome.Seed] = outcome.Hash;
            if (!outcome.Failed) return;
            Failures.Add(outcome);
            _stop = !survey;
        }
    }
}

/// <summary>Runs seeds again in another process: what depends on hash seeds, addresses or order of allocation shows itself there.</summary>
internal static class Verification
{
    public static bool Check(IReadOnlyDictionary<ulong, ulong> hashes, bool whole)
    {
        var wrong = 0;
        foreach (var chunk in hashes.Keys.Chunk(500))
        {
            foreach (var (seed, hash) in InAnotherProcess(chunk, whole))
            {
                if (hashes[seed] == hash) continue;
                wrong++;
                Console.WriteLine($"seed {seed}: trace hash {hashes[seed]:x16} here, {hash:x16} in another process");
            }
        }

        Console.WriteLine($"{hashes.Count} seeds run again in another process, {wrong} differ");
        return wrong == 0;
    }

    public static IEnumerable<(ulong Seed, ulong Hash)> InAnotherProcess(IEnumerable<ulong> seeds, bool whole = false)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true };
        start.ArgumentList.Add(typeof(Verification).Assembly.Location);
        if (whole) start.ArgumentList.Add("--whole");
        start.ArgumentList.Add("--hash");
        foreach (var seed in seeds) start.ArgumentList.Add(seed.ToString());
        using var process = Process.Start(start) ?? throw new InvalidOperationException("could not start dotnet");
        while (process.StandardOutput.ReadLine() is { } line)
        {
            var parts = line.Split(' ');
            yield return (ulong.Parse(parts[0]), ulong.Parse(parts[1], System.Globalization.NumberStyles.HexNumber));
        }

        process.WaitForExit();
    }
}

namespace PaxosStore.Gateways.Etcd.Metrics;

/// <summary>How often something took how long. Safe from any thread, without locks.</summary>
/// <param name="bounds">Upper bounds of the buckets in seconds, rising; one without a bound follows.</param>
internal sealed class Histogram(double[] bounds)
{
    private readonly long[] counts = new long[bounds.Length + 1];
    private long nanoseconds;

    /// <summary>The bounds etcd's dashboards know for the disk: doubling from one millisecond.</summary>
    internal static double[] Disk { get; } = [.. Enumerable.Range(0, 14).Select(i => 0.001 * (1 << i))];

    /// <summary>The bounds they know for calls.</summary>
    internal static double[] Calls { get; } = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    internal IReadOnlyList<double> Bounds => bounds;

    /// <summary>Sum of all durations in seconds.</summary>
    internal double Sum => Interlocked.Read(ref nanoseconds) / 1e9;

    internal void Add(double seconds)
    {
        var bucket = 0;
        while (bucket < bounds.Length && seconds > bounds[bucket]) bucket++;
        Interlocked.Increment(ref counts[bucket]);
        Interlocked.Add(ref nanoseconds, (long)(seconds * 1e9));
    }

    /// <summary>How many were as short as each bound or shorter; the last is all of them.</summary>
    internal long[] Cumulative()
    {
        var total = 0L;
        return [.. counts.Select((_, i) => total += Interlocked.Read(ref counts[i]))];
    }
}

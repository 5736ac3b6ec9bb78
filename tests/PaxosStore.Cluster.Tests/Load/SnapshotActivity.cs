using System.Diagnostics;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Load;

/// <summary>When any node wrote snapshots, seen from outside: its file of snapshots, or that file's log, had a new time of modification.</summary>
internal sealed class SnapshotActivity
{
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(20);
    private static readonly string[] Files = ["snapshots.db", "snapshots.db-wal"];
    private readonly List<(long From, long To)> _windows = [];

    /// <summary>All the time that was spent so.</summary>
    public TimeSpan Total => TimeSpan.FromTicks(_windows.Sum(w => Stopwatch.GetElapsedTime(w.From, w.To).Ticks));

    /// <summary>Looks until it is told to stop.</summary>
    public static async Task<SnapshotActivity> WatchAsync(TestCluster cluster, CancellationToken stop)
    {
        var activity = new SnapshotActivity();
        var files = cluster.Nodes.SelectMany(n => Files.Select(f => Path.Combine(n.DataDirectory, f))).ToArray();
        var before = files.Select(File.GetLastWriteTimeUtc).ToArray();
        for (var last = Stopwatch.GetTimestamp(); !stop.IsCancellationRequested;)
        {
            await Task.WhenAny(Task.Delay(Pace, stop));
            var now = Stopwatch.GetTimestamp();
            var times = files.Select(File.GetLastWriteTimeUtc).ToArray();
            if (!times.SequenceEqual(before))
                activity._windows.Add((last, now));
            (before, last) = (times, now);
        }

        return activity;
    }

    /// <summary>Whether a snapshot was being written at that time, by <see cref="Stopwatch"/>.</summary>
    public bool Covers(long timestamp)
    {
        int low = 0, high = _windows.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_windows[middle].To < timestamp)
                low = middle + 1;
            else
                high = middle;
        }

        return low < _windows.Count && _windows[low].From <= timestamp;
    }
}

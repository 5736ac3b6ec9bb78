using System.Diagnostics;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Load;

/// <summary>When any node wrote snapshots, seen from outside: its file of snapshots, or that file's log, had a new time of modification.</summary>
internal sealed class SnapshotActivity : IAsyncDisposable
{
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(20);
    private static readonly string[] Names = ["snapshots.db", "snapshots.db-wal"];
    private readonly CancellationTokenSource _stop = new();
    private readonly List<(long From, long To)> _windows = [];
    private readonly string[] _files;
    private readonly Task _running;
    private long _ticks;

    /// <summary>Looks from now on.</summary>
    public SnapshotActivity(TestCluster cluster)
    {
        _files = [.. cluster.Nodes.SelectMany(n => Names.Select(name => Path.Combine(n.DataDirectory, name)))];
        _running = Task.Run(WatchAsync);
    }

    /// <summary>All the time that was spent so, so far.</summary>
    public TimeSpan Total => TimeSpan.FromTicks(Interlocked.Read(ref _ticks));

    /// <summary>Looks no more.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    /// <summary>Whether a snapshot was being written at that time, by <see cref="Stopwatch"/>; to be asked when it looks no more.</summary>
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

    private async Task WatchAsync()
    {
        var before = _files.Select(File.GetLastWriteTimeUtc).ToArray();
        for (var last = Stopwatch.GetTimestamp(); !_stop.IsCancellationRequested;)
        {
            await Task.WhenAny(Task.Delay(Pace, _stop.Token));
            var now = Stopwatch.GetTimestamp();
            var times = _files.Select(File.GetLastWriteTimeUtc).ToArray();
            if (!times.SequenceEqual(before))
            {
                _windows.Add((last, now));
                Interlocked.Add(ref _ticks, Stopwatch.GetElapsedTime(last, now).Ticks);
            }

            (before, last) = (times, now);
        }
    }
}

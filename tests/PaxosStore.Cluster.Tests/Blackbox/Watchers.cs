using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Blackbox;

/// <summary>Eight clients that watch, each in its own way, and, for each node, a scribe that keeps the log.</summary>
internal sealed class Watchers : IAsyncDisposable
{
    private static readonly WatchHabit[] Habits =
    [
        new("") { Previous = true, AsksProgress = true },
        new("") { Fragment = true },
        new("load/") { Previous = true },
        new("load/") { NoDelete = true, AsksProgress = true },
        new("load/") { NoPut = true, Previous = true, LeavesAfter = 3_000 },
        new("lease/") { Previous = true, AsksProgress = true },
        new("") { LeavesAfter = 800 },
        new("") { Wanders = true, LeavesAfter = 1_500, AsksProgress = true },
    ];

    private readonly CancellationTokenSource _stop = new();
    private readonly WatchClient[] _clients;

    /// <summary>Starts them all.</summary>
    public Watchers(TestCluster cluster, LogBook book, int seed)
    {
        var scribes = cluster.Nodes.Select(_ => new WatchHabit("") { Scribe = true, AsksProgress = true });
        _clients = [.. Habits.Concat(scribes).Select((h, i) => new WatchClient(cluster, book, h, i, unchecked(seed * 17 + i), _stop.Token))];
    }

    /// <summary>Events told to all together.</summary>
    public long Told => _clients.Sum(c => c.Told);

    /// <summary>What everybody was told; to be read when they have stopped.</summary>
    public IReadOnlyList<Subscription> Subscriptions => [.. _clients.SelectMany(c => c.Subscriptions)];

    /// <summary>Waits until all that follow to the end know everything up to the revision. False: in vain.</summary>
    public async Task<bool> KnowAsync(long revision, TimeSpan limit)
    {
        var end = HistoryRecorder.Now + (long)limit.TotalNanoseconds;
        foreach (var client in _clients)
            client.Finish();
        while (_clients.Any(c => c.FollowsToTheEnd && c.Covered < revision))
        {
            if (HistoryRecorder.Now > end)
                return false;
            await Task.Delay(20);
        }

        return true;
    }

    /// <summary>Ends all streams.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_clients.Select(c => c.Running));
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }
}

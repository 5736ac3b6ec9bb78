using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Load;

/// <summary>
/// Fires a write every 20 ms at one member after another without waiting for the last one's answer: the longest time between two acknowledgements is
/// how long the cluster took no writes, not how long some client hung at a node that was gone.
/// </summary>
internal sealed class WriteProbe : IAsyncDisposable
{
    private const int WritesPerKey = 400;
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task<Operation>> _writes = [];
    private readonly TestCluster _cluster;
    private readonly HistoryRecorder _recorder;
    private readonly Task _running;

    /// <summary>Starts at once.</summary>
    public WriteProbe(TestCluster cluster, HistoryRecorder recorder)
    {
        _cluster = cluster;
        _recorder = recorder;
        _running = Task.Run(RunAsync);
    }

    /// <summary>Stops and waits for the last answers; the longest time without an acknowledged write, and when it began (seconds since the start).</summary>
    public async Task<Silence> StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
        var done = (await Task.WhenAll(_writes)).Where(w => w.Outcome == Outcome.Ok).Select(w => w.Return).Order().ToArray();
        Assert.True(done.Length > 1, "the probe got no answers");
        var (longest, at) = done.Zip(done.Skip(1)).Select(p => (p.Second - p.First, p.First - done[0])).Max();
        return new Silence(longest / 1e6, at / 1e9);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        await Task.WhenAll(_writes);
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        var connections = new Connections(_cluster);
        using var timer = new PeriodicTimer(Pace);
        while (!_stop.IsCancellationRequested)
        {
            var nodes = _cluster.Nodes;
            var client = connections.To(nodes[_writes.Count % nodes.Length]);
            _writes.Add(new RecordingClient(_recorder).PutAsync(client, $"probe/{_writes.Count / WritesPerKey}", Limit));
            await timer.WaitForNextTickAsync();
        }

        await Task.WhenAll(_writes);
        connections.Dispose();
    }
}

/// <summary>The longest time without an acknowledged write.</summary>
internal readonly record struct Silence(double Milliseconds, double AtSecond)
{
    public override string ToString() => $"longest time without an acknowledged write {Milliseconds:F0} ms (at second {AtSecond:F1})";
}

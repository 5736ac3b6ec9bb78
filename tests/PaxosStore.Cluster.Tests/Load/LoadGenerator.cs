using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Load;

/// <summary>
/// Concurrent clients over the endpoints of all members, whoever they are at the time, that read, write, compare-and-set and delete ten keys. The keys
/// change now and then, so that no single key gets more operations than the search for a linearization can bear.
/// </summary>
internal sealed class LoadGenerator : IAsyncDisposable
{
    private const int KeysAtOnce = 10;
    private const int OperationsPerKeySet = 4_000;
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan AfterError = TimeSpan.FromMilliseconds(25);
    private readonly CancellationTokenSource _stop = new();
    private readonly TestCluster _cluster;
    private readonly HistoryRecorder _recorder;
    private readonly TimeSpan _limit;
    private readonly bool _retryOnce;
    private readonly List<string> _failed = [];
    private readonly Task[] _clients;
    private long _operations;
    private long _shift;

    /// <summary>Starts the load at once. With <paramref name="retryOnce"/> a client whose request failed asks another node, at once and once.</summary>
    public LoadGenerator(TestCluster cluster, HistoryRecorder recorder, int seed, int clients = 8, TimeSpan? limit = null, bool retryOnce = false)
    {
        _cluster = cluster;
        _recorder = recorder;
        _limit = limit ?? TimeSpan.FromSeconds(3);
        _retryOnce = retryOnce;
        _clients = [.. Enumerable.Range(0, clients).Select(i => Task.Run(() => RunClientAsync(new Random(seed + i))))];
    }

    /// <summary>Requests that failed, each with the reasons of all its attempts. To be read when the load has stopped.</summary>
    public IReadOnlyList<string> Failed => _failed;

    /// <summary>Goes on with new keys.</summary>
    public void NextKeys() => Interlocked.Add(ref _shift, 1);

    /// <summary>Waits until <paramref name="count"/> more operations were answered.</summary>
    public async Task WaitAcknowledgedAsync(int count, TimeSpan limit)
    {
        var goal = _recorder.Acknowledged + count;
        var end = HistoryRecorder.Now + (long)limit.TotalNanoseconds;
        while (_recorder.Acknowledged < goal)
        {
            if (HistoryRecorder.Now > end)
                throw new TimeoutException($"the load got fewer than {count} answers in {limit.TotalSeconds} s");
            await Task.Delay(20);
        }
    }

    /// <summary>Lets every client finish its last operation.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_clients);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private async Task RunClientAsync(Random random)
    {
        using var connections = new Connections(_cluster);
        var client = new RecordingClient(_recorder);
        var known = new Dictionary<string, string?>();
        while (!_stop.IsCancellationRequested)
        {
            var set = Interlocked.Increment(ref _operations) / OperationsPerKeySet + Interlocked.Read(ref _shift);
            var key = $"load/{set:D4}/{random.Next(KeysAtOnce)}";
            var die = random.Next(100);
            var done = await StepAsync(client, connections.Any(random), key, known.GetValueOrDefault(key), die);
            if (_retryOnce && done.Outcome != Outcome.Ok)
                done = await RetryAsync(client, connections.Any(random, except: done.Node), done, known.GetValueOrDefault(key), die);
            if (done.Outcome == Outcome.Ok)
                known[key] = Holds(done);
            await Task.Delay(done.Outcome == Outcome.Ok ? Pace : AfterError);
        }
    }

    private async Task<Operation> RetryAsync(RecordingClient client, NodeClient node, Operation first, string? known, int die)
    {
        var second = await StepAsync(client, node, first.Key, known, die);
        if (second.Outcome != Outcome.Ok)
        {
            lock (_failed)
                _failed.Add($"{first.Kind} {first.Key}: {first.Node} {first.Error}; {second.Node} {second.Error}");
        }

        return second;
    }

    private Task<Operation> StepAsync(RecordingClient client, NodeClient node, string key, string? known, int die) => die switch
    {
        < 40 => client.GetAsync(node, key, _limit),
        < 65 => client.PutAsync(node, key, _limit),
        < 90 => client.CompareAndSetAsync(node, key, known, _limit),
        _ => client.DeleteAsync(node, key, _limit),
    };

    /// <summary>What the key held when the operation was carried out, as far as its client knows.</summary>
    private static string? Holds(Operation done) => done switch
    {
        { Kind: OperationKind.Get } or { Kind: OperationKind.CompareAndSet, Succeeded: false } => done.Seen,
        { Kind: OperationKind.Delete } => null,
        _ => done.Value,
    };
}

using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Load;

/// <summary>
/// Concurrent clients over all endpoints that read, write, compare-and-set and delete ten keys. The keys change now and then, so that no single key
/// gets more operations than the search for a linearization can bear.
/// </summary>
internal sealed class LoadGenerator : IAsyncDisposable
{
    private const int KeysAtOnce = 10;
    private const int OperationsPerKeySet = 4_000;
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan AfterError = TimeSpan.FromMilliseconds(25);
    private readonly CancellationTokenSource _stop = new();
    private readonly HistoryRecorder _recorder;
    private readonly TimeSpan _limit;
    private readonly Task[] _clients;
    private readonly List<NodeClient> _connections = [];
    private long _operations;
    private long _shift;

    /// <summary>Starts the load at once.</summary>
    public LoadGenerator(TestCluster cluster, HistoryRecorder recorder, int seed, int clients = 8, TimeSpan? limit = null)
    {
        _recorder = recorder;
        _limit = limit ?? TimeSpan.FromSeconds(3);
        _clients = [.. Enumerable.Range(0, clients).Select(i =>
        {
            var connections = cluster.Nodes.Select(n => new NodeClient(n.Name, n.ClientUrl)).ToArray();
            _connections.AddRange(connections);
            return Task.Run(() => RunClientAsync(connections, new Random(seed + i)));
        })];
    }

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
        foreach (var connection in _connections)
            connection.Dispose();
        _stop.Dispose();
    }

    private async Task RunClientAsync(NodeClient[] nodes, Random random)
    {
        var client = new RecordingClient(_recorder);
        var known = new Dictionary<string, string?>();
        while (!_stop.IsCancellationRequested)
        {
            var set = Interlocked.Increment(ref _operations) / OperationsPerKeySet + Interlocked.Read(ref _shift);
            var key = $"load/{set:D4}/{random.Next(KeysAtOnce)}";
            var node = nodes[random.Next(nodes.Length)];
            var done = await StepAsync(client, node, key, known.GetValueOrDefault(key), random.Next(100));
            if (done.Outcome == Outcome.Ok)
                known[key] = Holds(done);
            await Task.Delay(done.Outcome == Outcome.Ok ? Pace : AfterError);
        }
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

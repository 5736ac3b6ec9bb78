using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Load;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Blackbox;

/// <summary>
/// Clients that read (linearizable and serializable, single keys and ranges), write, compare-and-set, delete, and keep keys by leases, at any node. The ten keys
/// they share change now and then, so that no key gets more operations than the search for a linearization can bear.
/// </summary>
internal sealed class Workload : IAsyncDisposable
{
    private const int KeysAtOnce = 10;
    private const int OperationsPerKeySet = 3_000;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(4);
    private static readonly TimeSpan AfterError = TimeSpan.FromMilliseconds(25);
    private readonly CancellationTokenSource _stop = new();
    private readonly TestCluster _cluster;
    private readonly HistoryRecorder _recorder;
    private readonly Task[] _clients;
    private long _operations;
    private static long _leases;

    /// <summary>Starts the load at once.</summary>
    public Workload(TestCluster cluster, HistoryRecorder recorder, int seed, int clients)
    {
        _cluster = cluster;
        _recorder = recorder;
        _clients = [.. Enumerable.Range(0, clients).Select(i => Task.Run(() => RunClientAsync(new Random(unchecked(seed * 31 + i)))))];
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
        var client = new Client(new RecordingClient(_recorder), random);
        string? avoided = null;
        while (!_stop.IsCancellationRequested)
        {
            var set = Interlocked.Increment(ref _operations) / OperationsPerKeySet;
            var done = await client.StepAsync(connections.Any(random, except: avoided), $"load/{set:D4}/");
            avoided = done.Outcome == Outcome.Info ? done.Node : random.Next(20) == 0 ? null : avoided;
            await Task.Delay(done.Outcome == Outcome.Ok ? Pace : AfterError);
        }
    }

    /// <summary>What one client knows: the keys it touched, and the lease it holds, if any.</summary>
    private sealed class Client(RecordingClient client, Random random)
    {
        private readonly Dictionary<string, string?> _known = [];
        private long _lease;
        private string _leaseKey = "";

        public async Task<Operation> StepAsync(NodeClient node, string prefix)
        {
            var key = prefix + random.Next(KeysAtOnce);
            var done = await (random.Next(100) switch
            {
                < 25 => client.GetAsync(node, key, Limit),
                < 35 => client.GetAsync(node, key, Limit, serializable: true),
                < 40 => client.RangeAsync(node, prefix, Limit, serializable: random.Next(2) == 0),
                < 60 => client.PutAsync(node, key, Limit),
                < 80 => client.CompareAndSetAsync(node, key, _known.GetValueOrDefault(key), Limit),
                < 88 => client.DeleteAsync(node, key, Limit),
                _ => LeaseStepAsync(node),
            });
            if (done.Outcome == Outcome.Ok && done.Key == key)
                _known[key] = done switch
                {
                    { Kind: OperationKind.Get } or { Kind: OperationKind.CompareAndSet, Succeeded: false } => done.Seen,
                    { Kind: OperationKind.Delete } => null,
                    _ => done.Value,
                };
            return done;
        }

        /// <summary>A lease is granted; a few keys are attached to it and read; it is kept alive now and then, and revoked or left to lapse.</summary>
        private async Task<Operation> LeaseStepAsync(NodeClient node)
        {
            if (_lease == 0)
            {
                var lease = Interlocked.Increment(ref _leases);
                var granted = await client.GrantAsync(node, lease, random.Next(1, 4), Limit);
                if (granted.Outcome == Outcome.Ok)
                    (_lease, _leaseKey) = (lease, $"lease/{lease}/");
                return granted;
            }

            var key = _leaseKey + random.Next(2);
            switch (random.Next(10))
            {
                case < 4:
                    return Ended(await client.PutAsync(node, key, Limit, lease: _lease));
                case < 6:
                    return await client.GetAsync(node, key, Limit);
                case < 8:
                    return Ended(await client.KeepAliveAsync(node, _lease, Limit));
                case 8:
                    var revoked = await client.RevokeAsync(node, _lease, Limit);
                    _lease = 0;
                    return revoked;
                default:
                    var last = await client.GetAsync(node, key, Limit);
                    _lease = 0;
                    return last;
            }
        }

        /// <summary>A lease that ran out under its client is forgotten.</summary>
        private Operation Ended(Operation done)
        {
            if (done.Outcome == Outcome.Fail || done is { Kind: OperationKind.LeaseKeepAlive, Outcome: Outcome.Ok, Succeeded: false })
                _lease = 0;
            return done;
        }
    }
}

using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Judges;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Load;

/// <summary>
/// One watcher of everything at each node. When its stream breaks it goes on after the last revision it saw, as clients do, at another node if its own is
/// no member any more; at the end it must have seen every change exactly once and in order.
/// </summary>
internal sealed class WatchRecorders : IAsyncDisposable
{
    private static readonly ByteString FromFirstKey = ByteString.CopyFrom(0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Recording[] _recordings;

    /// <summary>Starts watching every node from the first revision.</summary>
    public WatchRecorders(TestCluster cluster) =>
        _recordings = [.. cluster.Nodes.Select(n => new Recording(cluster, n, _stop.Token))];

    /// <summary>Waits until every watcher has seen the log's last revision and compares what they saw with the log.</summary>
    public async Task AssertCompleteAsync(LogDump log, TimeSpan limit)
    {
        var end = HistoryRecorder.Now + (long)limit.TotalNanoseconds;
        while (_recordings.Any(r => r.LastRevision < log.LastRevision) && HistoryRecorder.Now < end)
            await Task.Delay(20);
        await _stop.CancelAsync();
        await Task.WhenAll(_recordings.Select(r => r.Running));
        foreach (var recording in _recordings)
        {
            var verdict = WatchWitness.Check(recording.Seen, log);
            Assert.True(verdict.IsClean, $"watcher of {recording.Node}: {verdict}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_recordings.Select(r => r.Running));
        _stop.Dispose();
    }

    private sealed class Recording
    {
        private readonly TestCluster _cluster;
        private readonly List<KeyChange> _seen = [];
        private readonly CancellationToken _stop;
        private long _last = 1;

        public Recording(TestCluster cluster, NodeProcess node, CancellationToken stop)
        {
            _cluster = cluster;
            _stop = stop;
            Node = node;
            Running = Task.Run(RunAsync, CancellationToken.None);
        }

        public NodeProcess Node { get; private set; }

        public Task Running { get; }

        public long LastRevision => Interlocked.Read(ref _last);

        /// <summary>To be read when <see cref="Running"/> has ended.</summary>
        public IReadOnlyList<KeyChange> Seen => _seen;

        private async Task RunAsync()
        {
            using var connections = new Connections(_cluster);
            while (!_stop.IsCancellationRequested)
            {
                try
                {
                    await FollowAsync(connections.To(Node));
                }
                catch (Exception e) when (e is RpcException or HttpRequestException or IOException or OperationCanceledException)
                {
                    await Task.WhenAny(Task.Delay(50, _stop));
                    if (!_cluster.Nodes.Contains(Node))
                        Node = _cluster.Nodes[0];
                }
            }
        }

        private async Task FollowAsync(NodeClient client)
        {
            using var call = client.Watch.Watch(cancellationToken: _stop);
            var create = new WatchCreateRequest { Key = FromFirstKey, RangeEnd = FromFirstKey, StartRevision = _last + 1 };
            await call.RequestStream.WriteAsync(new WatchRequest { CreateRequest = create }, _stop);
            while (await call.ResponseStream.MoveNext(_stop))
            {
                foreach (var e in call.ResponseStream.Current.Events)
                {
                    var value = e.Type == Mvccpb.Event.Types.EventType.Delete ? null : e.Kv.Value.ToStringUtf8();
                    _seen.Add(new KeyChange(e.Kv.ModRevision, e.Kv.Key.ToStringUtf8(), value));
                    Interlocked.Exchange(ref _last, e.Kv.ModRevision);
                }
            }
        }
    }
}

using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Load;

/// <summary>Watchers by the thousand on one node, spread over a hundred streams and ten connections; counts what reaches them.</summary>
internal sealed class ManyWatchers : IDisposable
{
    private const int Connections = 10;
    private const int Streams = 100;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);
    private readonly NodeClient[] _clients;
    private readonly List<AsyncDuplexStreamingCall<WatchRequest, WatchResponse>> _calls = [];
    private readonly List<Task> _reading = [];
    private long _created;
    private long _events;

    private ManyWatchers(NodeProcess node) => _clients = [.. Enumerable.Range(0, Connections).Select(i => new NodeClient($"watchers{i}", node.ClientUrl))];

    /// <summary>How many events have arrived.</summary>
    public long Events => Interlocked.Read(ref _events);

    /// <summary>Opens <paramref name="count"/> watchers and waits until the node has confirmed each.</summary>
    public static async Task<ManyWatchers> OpenAsync(NodeProcess node, int count, Func<int, ByteString> key)
    {
        var watchers = new ManyWatchers(node);
        await Task.WhenAll(Enumerable.Range(0, Streams).Select(stream => watchers.OpenStreamAsync(stream, count, key)));
        await watchers.WaitAsync(() => Interlocked.Read(ref watchers._created), count);
        return watchers;
    }

    /// <summary>Waits until as many events have arrived; fails if one of the streams ends or that takes minutes.</summary>
    public Task WaitEventsAsync(long count) => WaitAsync(() => Events, count);

    public void Dispose()
    {
        _calls.ForEach(c => c.Dispose());
        Array.ForEach(_clients, c => c.Dispose());
    }

    private async Task OpenStreamAsync(int stream, int count, Func<int, ByteString> key)
    {
        var call = _clients[stream % Connections].Watch.Watch();
        lock (_calls)
        {
            _calls.Add(call);
            _reading.Add(ReadAsync(call));
        }

        for (var i = stream; i < count; i += Streams)
            await call.RequestStream.WriteAsync(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = key(i) } });
    }

    private async Task ReadAsync(AsyncDuplexStreamingCall<WatchRequest, WatchResponse> call)
    {
        while (await call.ResponseStream.MoveNext(CancellationToken.None))
        {
            var response = call.ResponseStream.Current;
            if (response.Canceled)
                throw new InvalidOperationException($"a watcher was canceled: {response}");
            Interlocked.Add(ref _created, response.Created ? 1 : 0);
            Interlocked.Add(ref _events, response.Events.Count);
        }
    }

    private async Task WaitAsync(Func<long> seen, long enough)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (seen() < enough)
        {
            if (_reading.FirstOrDefault(r => r.IsCompleted) is { } ended)
            {
                await ended;
                throw new InvalidOperationException("a watch stream ended by itself");
            }

            Assert.False(limit.IsCancellationRequested, $"{seen()} of {enough} after {Limit}");
            await Task.Delay(1);
        }
    }
}

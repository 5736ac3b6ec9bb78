using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Load;

/// <summary>A watcher that opens its stream and then reads nothing until it is told to.</summary>
internal sealed class SlowWatcher : IDisposable
{
    private readonly NodeClient _client;
    private readonly AsyncDuplexStreamingCall<WatchRequest, WatchResponse> _call;

    private SlowWatcher(NodeClient client)
    {
        _client = client;
        _call = client.Watch.Watch();
    }

    public static async Task<SlowWatcher> OpenAsync(NodeProcess node, ByteString key)
    {
        var watcher = new SlowWatcher(new NodeClient("slow", node.ClientUrl));
        await watcher._call.RequestStream.WriteAsync(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = key } });
        Assert.True(await watcher._call.ResponseStream.MoveNext(CancellationToken.None) && watcher._call.ResponseStream.Current.Created);
        return watcher;
    }

    /// <summary>Reads up to the change of <paramref name="last"/>, or until the node says from where on it still has the history; every change in order and none left out.</summary>
    public async Task<(int Events, bool Compacted)> ReadAsync(long last, TimeSpan limit)
    {
        using var end = new CancellationTokenSource(limit);
        var (events, previous) = (0, 0L);
        while (previous < last)
        {
            Assert.True(await _call.ResponseStream.MoveNext(end.Token), "the stream ended");
            var response = _call.ResponseStream.Current;
            if (response.Canceled)
            {
                Assert.True(response.CompactRevision > previous, $"canceled after revision {previous}: {response}");
                return (events, true);
            }

            foreach (var change in response.Events)
            {
                Assert.True(previous == 0 || change.Kv.ModRevision == previous + 1, $"revision {change.Kv.ModRevision} came after {previous}");
                previous = change.Kv.ModRevision;
                events++;
            }
        }

        return (events, false);
    }

    public void Dispose()
    {
        _call.Dispose();
        _client.Dispose();
    }
}

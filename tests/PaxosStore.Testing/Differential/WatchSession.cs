using System.Diagnostics;
using Etcdserverpb;
using Grpc.Core;
using Mvccpb;

namespace PaxosStore.Testing.Differential;

/// <summary>One open watch stream to one server, and everything it said so far.</summary>
internal sealed class WatchSession : IAsyncDisposable
{
    private readonly AsyncDuplexStreamingCall<WatchRequest, WatchResponse> call;
    private readonly Lock gate = new();
    private readonly List<WatchResponse> control = [];
    private readonly Dictionary<long, List<Event>> events = [];
    private readonly Task reading;

    internal WatchSession(EtcdClient client)
    {
        call = client.Watch.Watch();
        reading = ReadAsync();
    }

    internal Task SendAsync(WatchRequest request) => call.RequestStream.WriteAsync(request);

    /// <summary>Replies other than events, in order.</summary>
    internal WatchResponse[] Control
    {
        get
        {
            lock (gate) return [.. control];
        }
    }

    /// <summary>Events each watcher got, in order.</summary>
    internal Event[] Events(long id)
    {
        lock (gate) return events.TryGetValue(id, out var list) ? [.. list] : [];
    }

    /// <summary>Events got so far, of all watchers.</summary>
    internal int EventCount
    {
        get
        {
            lock (gate) return events.Values.Sum(l => l.Count);
        }
    }

    /// <summary>Waits until there are <paramref name="count"/> control replies; false if they don't come.</summary>
    internal async Task<bool> ControlReachesAsync(int count, TimeSpan limit)
    {
        var since = Stopwatch.StartNew();
        while (Control.Length < count)
        {
            if (since.Elapsed > limit || reading.IsCompleted) return false;
            await Task.Delay(1);
        }

        return true;
    }

    /// <summary>A watcher is gone on both sides; what it saw has been compared.</summary>
    internal void Forget(long id)
    {
        lock (gate) events.Remove(id);
    }

    private async Task ReadAsync()
    {
        try
        {
            while (await call.ResponseStream.MoveNext(CancellationToken.None)) Take(call.ResponseStream.Current);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Cancelled)
        {
            // We left.
        }
    }

    private void Take(WatchResponse response)
    {
        lock (gate)
        {
            if (response.Events.Count == 0)
            {
                control.Add(response);
                return;
            }

            if (!events.TryGetValue(response.WatchId, out var list)) events[response.WatchId] = list = [];
            list.AddRange(response.Events);
        }
    }

    public async ValueTask DisposeAsync()
    {
        call.Dispose();
        await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}

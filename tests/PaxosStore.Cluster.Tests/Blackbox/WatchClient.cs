using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Load;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Blackbox;

/// <summary>How a watcher behaves.</summary>
/// <param name="Prefix">What it watches; empty: everything.</param>
internal sealed record WatchHabit(string Prefix)
{
    /// <summary>What it asks for besides.</summary>
    public bool Previous { get; init; }

    public bool NoPut { get; init; }

    public bool NoDelete { get; init; }

    public bool Fragment { get; init; }

    /// <summary>It asks for progress again and again.</summary>
    public bool AsksProgress { get; init; }

    /// <summary>It leaves its stream by itself after at most so many milliseconds and goes on at another node; 0: it stays.</summary>
    public int LeavesAfter { get; init; }

    /// <summary>Each of its streams is a subscription of its own, from a revision before or behind the present one.</summary>
    public bool Wanders { get; init; }

    /// <summary>What it sees goes into the log book.</summary>
    public bool Scribe { get; init; }
}

/// <summary>One client that watches, through all faults, and records what it is told.</summary>
internal sealed class WatchClient
{
    private const int ProgressEvery = 300;
    private static readonly TimeSpan AfterError = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(3);
    private static readonly ByteString FromFirstKey = ByteString.CopyFrom(0);
    private readonly TestCluster _cluster;
    private readonly LogBook _book;
    private readonly WatchHabit _habit;
    private readonly Random _random;
    private readonly CancellationToken _stop;
    private readonly int _id;
    private readonly List<Subscription> _subscriptions = [];
    private long _next = 2;
    private long _told;
    private long _covered;
    private volatile bool _finishing;

    public WatchClient(TestCluster cluster, LogBook book, WatchHabit habit, int id, int seed, CancellationToken stop)
    {
        (_cluster, _book, _habit, _id, _stop, _random) = (cluster, book, habit, id, stop, new Random(seed));
        _subscriptions.Add(NewSubscription());
        Running = Task.Run(RunAsync, CancellationToken.None);
    }

    /// <summary>Ends when the client was stopped.</summary>
    public Task Running { get; }

    /// <summary>What it was told; to be read when <see cref="Running"/> has ended.</summary>
    public IReadOnlyList<Subscription> Subscriptions => _subscriptions;

    /// <summary>Events it was told so far.</summary>
    public long Told => Interlocked.Read(ref _told);

    /// <summary>The revision up to which it knows all it asked for, by events or by progress.</summary>
    public long Covered => Interlocked.Read(ref _covered);

    /// <summary>Whether it must know everything in the end.</summary>
    public bool FollowsToTheEnd => !_habit.Wanders;

    /// <summary>The load has ended: from now on it asks how far it has come, whatever its habit.</summary>
    public void Finish() => _finishing = true;

    private Subscription NewSubscription() => new(_id, _habit.Prefix, _habit.Previous, _habit.NoPut, _habit.NoDelete, _habit.Fragment) { ToTheEnd = FollowsToTheEnd };

    private async Task RunAsync()
    {
        using var connections = new Connections(_cluster);
        var start = _next;
        while (!_stop.IsCancellationRequested)
        {
            if (_habit.Wanders)
                start = Wander();
            var node = connections.Any(_random);
            var stream = new WatchStream(node.Name, start, HistoryRecorder.Now);
            _subscriptions[^1].Streams.Add(stream);
            try
            {
                await FollowAsync(node, stream);
            }
            catch (Exception e) when (e is RpcException or HttpRequestException or IOException or OperationCanceledException)
            {
                await Task.WhenAny(Task.Delay(AfterError, _stop));
            }

            start = _next;
        }
    }

    /// <summary>A subscription of its own from somewhere: from now on, from the past, from the future.</summary>
    private long Wander()
    {
        _subscriptions.Add(NewSubscription());
        var known = _book.Contiguous;
        return _next = _random.Next(3) switch
        {
            0 => 0,
            1 => Math.Max(2, known - _random.Next(300)),
            _ => known + _random.Next(1, 100),
        };
    }

    private async Task FollowAsync(NodeClient client, WatchStream stream)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stop);
        if (_habit.LeavesAfter > 0)
            limit.CancelAfter(_random.Next(50, _habit.LeavesAfter));
        using var call = client.Watch.Watch(cancellationToken: limit.Token);
        var create = new WatchCreateRequest
        {
            Key = _habit.Prefix.Length == 0 ? FromFirstKey : ByteString.CopyFromUtf8(_habit.Prefix),
            RangeEnd = _habit.Prefix.Length == 0 ? FromFirstKey : RecordingClient.PrefixEnd(_habit.Prefix),
            StartRevision = stream.Start,
            PrevKv = _habit.Previous,
            Fragment = _habit.Fragment,
        };
        if (_habit.NoPut)
            create.Filters.Add(WatchCreateRequest.Types.FilterType.Noput);
        if (_habit.NoDelete)
            create.Filters.Add(WatchCreateRequest.Types.FilterType.Nodelete);
        await call.RequestStream.WriteAsync(new WatchRequest { CreateRequest = create }, limit.Token);
        var asking = AskProgressAsync(call, limit.Token);
        try
        {
            // A node that says nothing, not even that nothing happened, is left for another one: it may be stopped or cut off.
            while (await call.ResponseStream.MoveNext(limit.Token).WaitAsync(_habit.AsksProgress ? Silence : Timeout.InfiniteTimeSpan, limit.Token))
            {
                if (!Take(call.ResponseStream.Current, stream))
                    return;
            }
        }
        catch (TimeoutException)
        {
            // The next stream is asked for below.
        }
        finally
        {
            await limit.CancelAsync();
            await asking;
        }
    }

    private async Task AskProgressAsync(AsyncDuplexStreamingCall<WatchRequest, WatchResponse> call, CancellationToken stop)
    {
        try
        {
            while (true)
            {
                await Task.Delay(_random.Next(ProgressEvery), stop);
                if (!_habit.AsksProgress && !_finishing)
                    continue;
                await call.RequestStream.WriteAsync(new WatchRequest { ProgressRequest = new WatchProgressRequest() }, stop);
            }
        }
        catch (Exception e) when (e is RpcException or HttpRequestException or IOException or OperationCanceledException or InvalidOperationException)
        {
            // The stream has ended, as its reader finds out.
        }
    }

    /// <summary>Records a reply; false when it was the last one.</summary>
    private bool Take(WatchResponse response, WatchStream stream)
    {
        var reply = Translate(response);
        stream.Replies.Add(reply);
        switch (reply.Kind)
        {
            case WatchReplyKind.Created:
                _next = stream.Start == 0 ? reply.Revision + 1 : stream.Start;
                break;
            case WatchReplyKind.Events:
                Interlocked.Add(ref _told, reply.Events.Count);
                if (_habit.Scribe)
                    _book.Add(reply);

                // What came in part is asked for again as a whole.
                _next = Math.Max(_next, reply.Events[^1].Revision + (reply.IsFragment ? 0 : 1));
                Cover(_next - 1);
                break;
            case WatchReplyKind.Progress:
                Cover(reply.Revision);
                break;
            case WatchReplyKind.Canceled:
                _next = Math.Max(_next, reply.CompactRevision);
                return false;
        }

        return true;
    }

    private void Cover(long revision) => Interlocked.Exchange(ref _covered, Math.Max(_covered, revision));

    private static WatchReply Translate(WatchResponse response)
    {
        var events = response.Events.Select(e => new SeenEvent(
            e.Kv.ModRevision,
            e.Kv.Key.ToStringUtf8(),
            e.Type == Mvccpb.Event.Types.EventType.Delete ? null : e.Kv.Value.ToStringUtf8(),
            e.PrevKv?.Value.ToStringUtf8(),
            e.Kv.CreateRevision,
            e.Kv.Version)).ToArray();
        var kind = response.Canceled ? WatchReplyKind.Canceled
            : response.Created ? WatchReplyKind.Created
            : events.Length > 0 ? WatchReplyKind.Events
            : WatchReplyKind.Progress;
        return new WatchReply(HistoryRecorder.Now, kind, response.Header.Revision, events, response.Fragment, response.CompactRevision);
    }
}

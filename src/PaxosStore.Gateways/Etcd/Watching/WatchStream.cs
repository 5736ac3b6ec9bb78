using System.Collections.Concurrent;
using System.Threading.Channels;
using Etcdserverpb;
using Grpc.Core;
using PaxosStore.Gateways.Etcd.Callers;
using PaxosStore.Gateways.Etcd.Translation;
using PaxosStore.Kv;
using CreateFilter = Etcdserverpb.WatchCreateRequest.Types.FilterType;

namespace PaxosStore.Gateways.Etcd.Watching;

/// <summary>
/// One watch stream with any number of watchers. A single pump owns the watchers and is the only writer, so that replies, events and progress can't
/// overtake each other. Watchers with news put themselves into the ready queue; a wake-up costs as much as there are ready ones. Each gets one read per
/// turn, so a watcher that catches up can't starve the others. Nothing is queued per watcher: a slow client costs its cursors only.
/// </summary>
internal sealed class WatchStream(IKvStore store, WatchAccess access, Headers headers, EtcdDoorOptions options, FrameSink sink)
{
    private const int MaxBatchBytes = 512 * 1024;
    private const int MaxPendingRequests = 64;

    private readonly Dictionary<long, StreamWatcher> watchers = [];

    // Ids of watchers lost to a compaction. As with etcd they stay taken until the client cancels them, which many clients do on hearing of it.
    private readonly HashSet<long> lost = [];
    private readonly ConcurrentQueue<StreamWatcher> ready = new();
    private readonly Channel<WatchRequest> requests =
        Channel.CreateBounded<WatchRequest>(new BoundedChannelOptions(MaxPendingRequests) { SingleReader = true, SingleWriter = true });

    // At most one wake-up is pending; everything there is to do is found by looking.
    private readonly Channel<bool> wake = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { SingleReader = true, FullMode = BoundedChannelFullMode.DropWrite });

    private long nextId;
    private int progressDue;

    /// <summary>Serves the stream until it is cancelled; the client's half-close does not end it.</summary>
    internal async Task RunAsync(IAsyncStreamReader<WatchRequest> reader, TimeProvider time, StreamEnd end)
    {
        var cancellation = end.Token;
        var reading = ReadAsync(reader, cancellation);
        var interval = options.WatchProgressInterval * (1 + (Random.Shared.NextDouble() / 10));
        await using var timer = time.CreateTimer(_ => TellProgress(), null, interval, interval);
        try
        {
            while (await wake.Reader.WaitToReadAsync(cancellation))
            {
                wake.Reader.TryRead(out _);
                bool more;
                do
                {
                    more = await TurnAsync(cancellation);
                    await sink.FlushAsync(cancellation);
                }
                while (more);

                if (requests.Reader.Completion.IsFaulted) await reading;
            }
        }
        finally
        {
            end.Cancel();
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            foreach (var watcher in watchers.Values) watcher.Dispose();
        }
    }

    private async Task ReadAsync(IAsyncStreamReader<WatchRequest> reader, CancellationToken cancellation)
    {
        try
        {
            while (await reader.MoveNext(cancellation))
            {
                await requests.Writer.WriteAsync(reader.Current, cancellation);
                Wake();
            }
        }
        catch (Exception e)
        {
            // The pump ends the stream with it.
            requests.Writer.TryComplete(e);
            Wake();
            throw;
        }
    }

    private void Wake() => wake.Writer.TryWrite(true);

    private void TellProgress()
    {
        Interlocked.Exchange(ref progressDue, 1);
        Wake();
    }

    private void Enqueue(StreamWatcher watcher)
    {
        ready.Enqueue(watcher);
        Wake();
    }

    // One request, then one read for each watcher that is ready. Returns whether there may be more to do.
    private async ValueTask<bool> TurnAsync(CancellationToken cancellation)
    {
        if (requests.Reader.TryRead(out var request)) await HandleAsync(request, cancellation);
        for (var n = ready.Count; n > 0 && ready.TryDequeue(out var watcher); n--)
        {
            watcher.LeftQueue();
            if (watcher.Active) await DeliverAsync(watcher, cancellation);
        }

        if (Interlocked.Exchange(ref progressDue, 0) == 1) await SendPeriodicProgressAsync(cancellation);
        return !ready.IsEmpty || requests.Reader.TryPeek(out _);
    }

    private ValueTask HandleAsync(WatchRequest request, CancellationToken cancellation) => request.RequestUnionCase switch
    {
        WatchRequest.RequestUnionOneofCase.CreateRequest => CreateAsync(request.CreateRequest, cancellation),
        WatchRequest.RequestUnionOneofCase.CancelRequest => CancelAsync(request.CancelRequest.WatchId, cancellation),
        WatchRequest.RequestUnionOneofCase.ProgressRequest => SendProgressAsync(cancellation),
        _ => ValueTask.CompletedTask,
    };

    private async ValueTask CreateAsync(WatchCreateRequest request, CancellationToken cancellation)
    {
        var (caller, refused) = await access.AskAsync(Range(request), cancellation);
        if ((refused ?? Refusal(request)) is { } reason)
        {
            await sink.WriteAsync(Frame(-1, store.View.Revision) with { Created = true, Canceled = true, CancelReason = reason }, cancellation);
            return;
        }

        var id = request.WatchId != 0 ? request.WatchId : AutomaticId();
        var spec = new WatchSpec(
            Range(request), request.StartRevision,
            IncludePuts: !request.Filters.Contains(CreateFilter.Noput), IncludeDeletes: !request.Filters.Contains(CreateFilter.Nodelete));
        var watcher = new StreamWatcher(id, request, spec.Range, caller, store.Watch(spec), Enqueue);
        watchers.Add(id, watcher);
        await sink.WriteAsync(Frame(id, watcher.CreatedRevision) with { Created = true }, cancellation);
        watcher.MarkReady();
    }

    private string? Refusal(WatchCreateRequest request)
    {
        if (request.StartRevision < 0) return EtcdErrors.WatchCompacted;
        var range = Range(request);
        if (range.End is { IsEmpty: false } end && range.Start.Span.SequenceCompareTo(end.Span) >= 0) return EtcdErrors.WatchEmptyRange;
        return request.WatchId != 0 && IsTaken(request.WatchId) ? EtcdErrors.WatchDuplicateId : null;
    }

    private static KeyRange Range(WatchCreateRequest request)
    {
        var range = ToKv.Range(request.Key, request.RangeEnd);
        return request.Key.IsEmpty ? range with { Start = new byte[1] } : range;
    }

    private bool IsTaken(long id) => watchers.ContainsKey(id) || lost.Contains(id);

    private long AutomaticId()
    {
        while (IsTaken(nextId)) nextId++;
        return nextId++;
    }

    private async ValueTask CancelAsync(long id, CancellationToken cancellation)
    {
        if (watchers.Remove(id, out var watcher)) watcher.Dispose();
        else if (!lost.Remove(id)) return;
        await sink.WriteAsync(Frame(id, store.View.Revision) with { Canceled = true }, cancellation);
    }

    // Sends what the watcher has to say next. Returns the revision up to which its client has then seen everything, or −1 when there is more to come.
    private async ValueTask<long> DeliverAsync(StreamWatcher watcher, CancellationToken cancellation)
    {
        WatchBatch batch;
        var before = watcher.DeliveredThrough;
        try
        {
            batch = watcher.Read(MaxBatchBytes);
        }
        catch (KvException e) when (e.Code == KvErrorCode.Compacted)
        {
            watchers.Remove(watcher.Id);
            lost.Add(watcher.Id);
            watcher.Dispose();

            // No revision, as from etcd: what the client has to know is the oldest one it can watch from.
            var gone = Frame(watcher.Id, revision: 0) with { Canceled = true, CompactRevision = e.CompactRevision };
            await sink.WriteAsync(gone, cancellation);
            return -1;
        }

        if (batch.Events.Count > 0)
        {
            if (watcher.Refusal(batch.Auth) is { } refusal)
            {
                await RefuseAsync(watcher, refusal, cancellation);
                return -1;
            }

            watcher.SentEvents = true;
            await SendEventsAsync(watcher, batch, cancellation);
        }

        if (batch.CaughtUp) return batch.Revision;

        // A watcher of the future is not caught up either, but only the store can bring it further.
        if (batch.Events.Count > 0 || watcher.DeliveredThrough > before) watcher.MarkReady();
        return -1;
    }

    // Users or roles have changed: the client learns that it may not see these keys any more, and sees nothing of them.
    private ValueTask RefuseAsync(StreamWatcher watcher, KvErrorCode refusal, CancellationToken cancellation)
    {
        watchers.Remove(watcher.Id);
        watcher.Dispose();
        var reason = EtcdErrors.WatchRefused(EtcdErrors.FromStore(refusal));
        return sink.WriteAsync(Frame(watcher.Id, store.View.Revision) with { Canceled = true, CancelReason = reason }, cancellation);
    }

    private async ValueTask SendEventsAsync(StreamWatcher watcher, WatchBatch batch, CancellationToken cancellation)
    {
        var events = batch.Events as KvEvent[] ?? [.. batch.Events];
        var frame = Frame(watcher.Id, batch.Revision) with { PreviousKv = watcher.PreviousKv };
        var rest = events.AsMemory();
        if (watcher.Fragment)
        {
            var head = WatchFrameWriter.HeadSize(frame with { Fragment = true });
            for (var n = FirstFragment(rest.Span, head, watcher.PreviousKv); n < rest.Length; n = FirstFragment(rest.Span, head, watcher.PreviousKv))
            {
                await sink.WriteAsync(frame with { Events = rest[..n], Fragment = true }, cancellation);
                rest = rest[n..];
            }
        }

        await sink.WriteAsync(frame with { Events = rest }, cancellation);
    }

    // How many events fit into one message: at least one.
    private int FirstFragment(ReadOnlySpan<KvEvent> events, int head, bool previous)
    {
        var size = head;
        for (var n = 0; n < events.Length; n++)
        {
            size += WatchFrameWriter.EventFieldSize(events[n], previous);
            if (n > 0 && size >= options.MaxRequestBytes) return n;
        }

        return events.Length;
    }

    // The answer to a progress request speaks for all watchers, so it is given only when every one has been told everything up to its revision.
    private async ValueTask SendProgressAsync(CancellationToken cancellation)
    {
        var revision = store.View.Revision;
        foreach (var watcher in watchers.Values.ToArray())
        {
            var through = await DeliverAsync(watcher, cancellation);
            if (!watcher.Active) continue;
            if (through < 0 || through < watcher.StartRevision - 1) return;
            revision = Math.Min(revision, through);
        }

        if (watchers.Values.Any(w => revision < w.StartRevision - 1)) return;
        await sink.WriteAsync(Frame(-1, revision), cancellation);
    }

    private async ValueTask SendPeriodicProgressAsync(CancellationToken cancellation)
    {
        foreach (var watcher in watchers.Values.Where(w => w.ProgressNotify).ToArray())
        {
            if (watcher.SentEvents)
            {
                watcher.SentEvents = false;
                continue;
            }

            var through = await DeliverAsync(watcher, cancellation);
            if (through < watcher.StartRevision - 1 || watcher.SentEvents || !watcher.Active) continue;
            await sink.WriteAsync(Frame(watcher.Id, through), cancellation);
        }
    }

    private WatchFrame Frame(long id, long revision) => new(headers.ClusterId, headers.MemberId, revision, store.View.Term, id);
}

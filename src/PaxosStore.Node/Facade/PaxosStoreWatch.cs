using System.Threading.Channels;
using Akka.Actor;

namespace PaxosStore.Node.Facade;

/// <summary>Events of a watch.</summary>
/// <param name="Revision">The watch has now delivered everything up to here.</param>
/// <param name="Events">Whole revisions in order, never empty.</param>
public sealed record KvEventBatch(long Revision, IReadOnlyList<KvEvent> Events);

/// <summary>
/// One watch through the facade, moved to another member when its own fails; made by <see cref="PaxosStoreClient.OpenWatchAsync"/>. For one
/// consumer at a time. The member sends the next batch only when it is asked for. A consumer that is away for longer than members remember a silent
/// watch costs a new one at the revision reached, unseen.
/// </summary>
public sealed class PaxosStoreWatch : IAsyncDisposable
{
    // A member sends one batch for one request, and one more when a keep-alive crosses it. What would not fit shows as a gap.
    private const int Capacity = 4;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly PaxosStoreClient _client;
    private readonly PaxosStoreClient.Place _place;
    private WatchSpec _spec;
    private (long Id, Address Member, ChannelReader<FacadeReply> Replies)? _open;
    private bool _asked;

    internal PaxosStoreWatch(PaxosStoreClient client, WatchSpec spec, PaxosStoreClient.Place place) =>
        (_client, _spec, _place) = (client, spec, place);

    /// <summary>Everything up to this revision has been delivered; at first the revision the watch starts after.</summary>
    public long Revision { get; private set; }

    internal bool HasBuffered => _open is { Replies.Count: > 0 };

    /// <summary>Waits for the next events. Goes on through failures of members, also while none can be reached.</summary>
    /// <exception cref="KvException"><see cref="KvErrorCode.Compacted"/>: the next revision due is gone.</exception>
    public async Task<KvEventBatch> NextAsync(CancellationToken cancellationToken = default)
    {
        _asked = false;
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (_open is null) await OpenAsync(Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(false);
            var (id, member, replies) = _open!.Value;
            if (!_asked)
            {
                // What a keep-alive has brought in excess comes first.
                while (_open is not null && replies.TryRead(out var early))
                {
                    if (Take(early) is { } batch) return batch;
                }

                if (_open is null) continue;
                _asked = true;
                _client.Link.Send(member, new FacadeWatchNext(id));
            }

            var answered = false;
            while (_open is not null && _asked)
            {
                var patience = answered ? _client.Options.WatchKeepAlive : _client.Options.AttemptTimeout;
                var reply = await ReceiveAsync(replies, patience, cancellationToken).ConfigureAwait(false);
                if (reply is null)
                {
                    // Silence: after an answer it only means that nothing happens, so a sign of life is due; without one the member is lost.
                    if (answered) _asked = false;
                    else Abandon(suspect: true);
                }
                else if (Take(reply) is { } events)
                {
                    return events;
                }

                answered = true;
            }
        }
    }

    /// <summary>Ends the watch.</summary>
    public ValueTask DisposeAsync()
    {
        Abandon(suspect: false);
        _place.Dispose();
        return ValueTask.CompletedTask;
    }

    internal async Task OpenAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        var start = _client.Time.GetTimestamp();
        while (limit == Timeout.InfiniteTimeSpan || _client.Time.GetElapsedTime(start) < limit)
        {
            if (_client.ChooseMember() is { } member && await TryOpenAsync(member, cancellationToken).ConfigureAwait(false)) return;
            await Task.Delay(Pause, _client.Time, cancellationToken).ConfigureAwait(false);
        }

        throw new KvException(KvErrorCode.Timeout);
    }

    private async Task<bool> TryOpenAsync(Address member, CancellationToken cancellationToken)
    {
        var id = _client.Link.NewId();
        var replies = Channel.CreateBounded<FacadeReply>(new BoundedChannelOptions(Capacity) { SingleReader = true });
        _client.Link.Listen(id, reply => replies.Writer.TryWrite(reply));
        _open = (id, member, replies.Reader);
        _client.Link.Send(member, new FacadeWatch(id, _spec) { AsNode = _client.Options.AsNode });
        switch (await ReceiveAsync(replies.Reader, _client.Options.AttemptTimeout, cancellationToken).ConfigureAwait(false))
        {
            case FacadeEvents started:
                Revision = started.Revision;
                _spec = _spec with { StartRevision = Revision + 1 };
                _asked = false;
                return true;
            case FacadeFailure { Code: KvErrorCode.Overloaded or KvErrorCode.Stopped } or null:
                Abandon(suspect: true);
                return false;
            case FacadeFailure f:
                Abandon(suspect: false);
                throw new KvException(f.Code, f.Outcome, f.CompactRevision);
            default:
                Abandon(suspect: true);
                return false;
        }
    }

    /// <summary>Moves on by one reply; a batch when it holds events.</summary>
    private KvEventBatch? Take(FacadeReply reply)
    {
        switch (reply)
        {
            case FacadeEvents e when e.After == Revision:
                Revision = e.Revision;
                _spec = _spec with { StartRevision = Revision + 1 };
                return e.Events.Count > 0 ? new KvEventBatch(e.Revision, e.Events) : null;
            case FacadeFailure { Code: KvErrorCode.Compacted } f:
                Abandon(suspect: false);
                throw new KvException(f.Code, f.Outcome, f.CompactRevision);
            default:
                // A message before this one got lost, or the member has forgotten the watch: begin anew where we are.
                Abandon(suspect: false);
                return null;
        }
    }

    private void Abandon(bool suspect)
    {
        if (_open is not { } open) return;
        _open = null;
        _client.Link.Forget(open.Id);
        _client.Link.Send(open.Member, new FacadeWatchCancel(open.Id));
        if (suspect) _client.Suspect(open.Member);
    }

    private async Task<FacadeReply?> ReceiveAsync(ChannelReader<FacadeReply> replies, TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (replies.TryRead(out var reply)) return reply;
        using var late = new CancellationTokenSource(timeout, _client.Time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
        try
        {
            return await replies.ReadAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }
}

using Etcdserverpb;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Watching;

/// <summary>One watcher of a stream: the store's cursor and what the client wants done with its events.</summary>
internal sealed class StreamWatcher : IDisposable
{
    private readonly IKvWatcher cursor;
    private readonly Action<StreamWatcher> enqueue;
    private readonly KeyRange range;
    private readonly Caller? caller;
    private AuthState? judged;
    private int queued;

    internal StreamWatcher(long id, WatchCreateRequest request, KeyRange range, Caller? caller, IKvWatcher cursor, Action<StreamWatcher> enqueue)
    {
        Id = id;
        PreviousKv = request.PrevKv;
        Fragment = request.Fragment;
        ProgressNotify = request.ProgressNotify;
        StartRevision = request.StartRevision == 0 ? cursor.CreatedRevision + 1 : request.StartRevision;
        (this.range, this.caller) = (range, caller);
        this.cursor = cursor;
        this.enqueue = enqueue;
        cursor.OnReady(MarkReady);
    }

    internal long Id { get; }

    internal bool PreviousKv { get; }

    internal bool Fragment { get; }

    internal bool ProgressNotify { get; }

    /// <summary>First revision the client is to see.</summary>
    internal long StartRevision { get; }

    /// <summary>Revision the store had when the watcher was opened.</summary>
    internal long CreatedRevision => cursor.CreatedRevision;

    /// <summary>Everything up to this revision has been read.</summary>
    internal long DeliveredThrough => cursor.DeliveredThrough;

    /// <summary>False once it was canceled; its place in the ready queue may still come up.</summary>
    internal bool Active { get; private set; } = true;

    /// <summary>Events were sent since the last periodic progress.</summary>
    internal bool SentEvents { get; set; }

    /// <summary>Puts the watcher into the ready queue unless it stands there already; any thread.</summary>
    internal void MarkReady()
    {
        if (Interlocked.Exchange(ref queued, 1) == 0) enqueue(this);
    }

    /// <summary>The watcher has left the ready queue: what happens from now on puts it back.</summary>
    internal void LeftQueue() => Interlocked.Exchange(ref queued, 0);

    /// <summary>
    /// Why its caller may not see its keys any more, or null. Asked for every batch of events and the users and roles that stand beside them; they are
    /// looked at only when they have changed.
    /// </summary>
    internal KvErrorCode? Refusal(AuthState? auth)
    {
        if (auth is null || ReferenceEquals(auth, judged)) return null;
        judged = auth;
        Caller? now = caller is { } known && !known.IsNode ? known with { AuthRevision = auth.Revision } : caller;
        return auth.Check(now, Access.Read, range) is var verdict && verdict != KvErrorCode.None ? verdict : null;
    }

    internal WatchBatch Read(int maxBytes) => cursor.TryRead(maxBytes);

    public void Dispose()
    {
        Active = false;
        cursor.Dispose();
    }
}

using System.Security.Cryptography;
using Akka.Actor;
using PaxosStore.Consensus;
using PaxosStore.Node.Actors;
using PaxosStore.Node.Wire;

namespace PaxosStore.Node.Facade;

/// <summary>
/// The node's client side as an actor: drains what the doors submitted, speaks with the leader, completes what was applied. For other nodes of
/// the Akka cluster it answers <see cref="FacadeRequest"/>s. All decisions are in <see cref="RequestTracker"/>.
/// </summary>
internal sealed class KvFacadeActor : UntypedActor, IWithTimers
{
    // Watches of other nodes of the Akka cluster served at a time.
    private const int MostWatches = 10_000;

    // Replies stay well below the frame that remoting carries; a larger one would vanish there.
    private const int ReplyBytes = 6 << 20;

    private readonly NodeContext _node;
    private readonly PaxosKvStore _store;
    private readonly RequestTracker _requests;
    private readonly ChangeTracker _changes;

    public KvFacadeActor(NodeContext node, PaxosKvStore store)
    {
        (_node, _store) = (node, store);
        _requests = new RequestTracker(store.View, node.Settings.RequestTimeout, node.Settings.ElectionTimeout, RandomId);
        _changes = new ChangeTracker(node.Settings.RequestTimeout, node.Settings.ElectionTimeout / 4, (long)(RandomId() >> 2));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart() => Timers.StartPeriodicTimer("tick", Tick.Instance, _node.Settings.HeartbeatInterval / 2);

    protected override void PostStop()
    {
        _requests.Stop();
        _changes.Stop();
    }

    protected override void OnReceive(object message)
    {
        var now = _node.Elapsed;
        switch (message)
        {
            case Submitted: _store.SignalSeen(); break;
            case AppliedBatch m: _requests.Applied(m.View, m.Commands, now); break;
            case StateInstalled m: _requests.Installed(m.View, now); break;
            case ConfigurationDecided m: _changes.Decided(m); break;
            case PeerMessage { Message: ReconfigureRejected rejected } m when _node.Accepts(m): _changes.Step(rejected); break;
            case PeerMessage m when _node.Accepts(m): _requests.Step(m.Message, now); break;
            case LeaderChange m:
                _requests.LeaderChanged(m.Leader, now);
                _changes.LeaderChanged(m.Leader, now);
                break;
            case Tick:
                _requests.Tick(now);
                _changes.Tick(now);
                break;
            case FacadeRequest m: OnRequest(m); break;
        }

        Drain(now);
        _requests.Flush(now);
        Send(_requests.Outbox);
        Send(_changes.Outbox);
    }

    private void Send(List<Outgoing> outbox)
    {
        _node.Send(outbox);
        outbox.Clear();
    }

    private void Drain(TimeSpan now)
    {
        while (_requests.PendingWrites < _node.Settings.MaxPendingRequests && _store.Writes.TryRead(out var write)) _requests.Write(write, now);
        while (_requests.PendingReads < _node.Settings.MaxPendingRequests && _store.Reads.TryRead(out var read)) _requests.Read(read, now);
        while (_store.Changes.TryRead(out var change)) _changes.Add(change, now);
    }

    private void OnRequest(FacadeRequest request)
    {
        var sender = Sender;
        switch (request)
        {
            case FacadeExecute r: Answer(r.Id, _store.ExecuteAsync(r.Command, CancellationToken.None).AsTask(), sender); break;
            case FacadeRead r: Answer(r.Id, ReadAsync(r), sender); break;
            case FacadeWatch r: OpenWatch(r, sender); break;
            case FacadeWatchNext or FacadeWatchCancel: ToWatch(request, sender); break;
        }
    }

    private void OpenWatch(FacadeWatch request, IActorRef subscriber)
    {
        var name = WatchName(subscriber, request.Id);
        if (!Context.Child(name).IsNobody()) return;
        var full = Context.GetChildren().Count() >= MostWatches;
        if (full) subscriber.Tell(new FacadeFailure(request.Id, KvErrorCode.Overloaded, KvOutcome.DidNotHappen, 0));
        else Context.ActorOf(Props.Create(() => new FacadeWatchActor(_store, request, subscriber)), name);
    }

    private static void ToWatch(FacadeRequest request, IActorRef subscriber)
    {
        var watch = Context.Child(WatchName(subscriber, request.Id));
        if (!watch.IsNobody()) watch.Tell(request);
        else if (request is FacadeWatchNext) subscriber.Tell(new FacadeFailure(request.Id, KvErrorCode.Stopped, KvOutcome.DidNotHappen, 0));
    }

    private async Task<KvResult> ReadAsync(FacadeRead read)
    {
        var view = await _store.ReadAsync(read.Consistency, CancellationToken.None).ConfigureAwait(false);
        var verdict = view.Check(read.AsNode ? Caller.Node : null, read.Op);
        if (verdict != KvErrorCode.None) throw new KvException(verdict);
        KvOpResult result = read.Op switch
        {
            RangeOp range => view.Range(range),
            TxnOp txn => view.Evaluate(txn),
            _ => throw new KvException(KvErrorCode.KeyNotFound),
        };
        return new WriteResult(result) { Revision = view.Revision, Term = view.Term };
    }

    private static void Answer(long id, Task<KvResult> task, IActorRef to) => task.PipeTo(
        to,
        ActorRefs.NoSender,
        result => CommandCodec.EncodeResult(result).Length <= ReplyBytes
            ? new FacadeResult(id, result)
            : new FacadeFailure(id, KvErrorCode.RequestTooLarge, KvOutcome.Unknown, 0),
        error => error.GetBaseException() is KvException e
            ? new FacadeFailure(id, e.Code, e.Outcome, e.CompactRevision)
            : new FacadeFailure(id, KvErrorCode.Stopped, KvOutcome.Unknown, 0));

    private static string WatchName(IActorRef subscriber, long id) => Uri.EscapeDataString($"{subscriber.Path.ToStringWithAddress()}:{id}");

    private static ulong RandomId()
    {
        Span<byte> bytes = stackalloc byte[8];
        RandomNumberGenerator.Fill(bytes);
        return BitConverter.ToUInt64(bytes);
    }
}

/// <summary>
/// One watch of a remote subscriber: at most one batch of events on its way at a time. A subscriber that shows no sign of life is forgotten; it is
/// not watched as an actor, since a lost system message would quarantine its node.
/// </summary>
internal sealed class FacadeWatchActor : UntypedActor
{
    private const int BatchBytes = 256 << 10;
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(45);

    private readonly long _id;
    private readonly IActorRef _subscriber;
    private readonly IKvWatcher _watcher;
    private readonly KeyRange _range;
    private readonly Caller? _caller;
    private bool _wanted;

    // The subscriber was told everything up to here.
    private long _told;

    public FacadeWatchActor(PaxosKvStore store, FacadeWatch request, IActorRef subscriber)
    {
        (_id, _subscriber, _range, _caller) = (request.Id, subscriber, request.Spec.Range, request.AsNode ? Caller.Node : null);
        _watcher = store.Watch(request.Spec);
        var self = Self;
        _watcher.OnReady(() => self.Tell(Ready.Instance, ActorRefs.NoSender));
        _told = _watcher.DeliveredThrough;
        if (Refused(store.View.Auth)) return;
        _subscriber.Tell(new FacadeEvents(_id, _told, _told, []));
    }

    protected override void PreStart() => Context.SetReceiveTimeout(Silence);

    protected override void PostStop() => _watcher.Dispose();

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case FacadeWatchNext:
                _wanted = true;
                Push(answer: true);
                break;
            case Ready when _wanted: Push(answer: false); break;
            case FacadeWatchCancel or ReceiveTimeout: Context.Stop(Self); break;
        }
    }

    /// <summary>The watcher may have something new. Not a sign of the subscriber's life.</summary>
    private sealed record Ready : INotInfluenceReceiveTimeout
    {
        public static readonly Ready Instance = new();
    }

    /// <summary>Whether users and roles forbid the watch; it ends then.</summary>
    private bool Refused(AuthState auth)
    {
        var verdict = auth.Check(_caller, Access.Read, _range);
        if (verdict == KvErrorCode.None) return false;
        _subscriber.Tell(new FacadeFailure(_id, verdict, KvOutcome.DidNotHappen, 0));
        Context.Stop(Self);
        return true;
    }

    private void Push(bool answer)
    {
        try
        {
            var batch = _watcher.TryRead(BatchBytes);
            if (batch.Auth is { } auth && Refused(auth)) return;
            if (batch.Events.Count > 0) _wanted = false;
            else if (!answer) return;
            var after = _told;
            _told = _watcher.DeliveredThrough;
            _subscriber.Tell(new FacadeEvents(_id, after, _told, batch.Events));
        }
        catch (KvException e)
        {
            _subscriber.Tell(new FacadeFailure(_id, e.Code, e.Outcome, e.CompactRevision));
            Context.Stop(Self);
        }
    }
}

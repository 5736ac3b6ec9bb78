namespace PaxosStore.Kv;

/// <summary>
/// A cursor into the event history. In sync it does nothing until an event that concerns it wakes it; then it scans from that event's
/// revision, not from where it last looked, because everything between has been seen not to concern it.
/// </summary>
internal sealed class KvWatcher : IKvWatcher
{
    private const int EventOverhead = 32;

    private readonly WatchHub _hub;
    private readonly WatchSpec _spec;
    private readonly long _start;
    private readonly long _caughtUpFrom;

    /// <summary>Lowest revision that has woken it since it last looked, or 0. Set by the applier, taken by the reader.</summary>
    private long _pending;

    private long _delivered;

    /// <summary>True while history above <see cref="_delivered"/> is still to be scanned whether or not something wakes it.</summary>
    private bool _behind;

    private int _closed;
    private Action? _ready;

    public KvWatcher(WatchHub hub, WatchSpec spec, long revision)
    {
        _hub = hub;
        _spec = spec with { Range = Copy(spec.Range) };
        _start = spec.StartRevision == 0 ? revision + 1 : spec.StartRevision;
        CreatedRevision = revision;
        _delivered = _start - 1;
        _behind = _start <= revision;

        // From the very next revision on it follows the store at once; further ahead it waits until the store gets there.
        _caughtUpFrom = _start <= revision + 1 ? _start - 1 : _start;
    }

    public long CreatedRevision { get; }

    public long DeliveredThrough => Volatile.Read(ref _delivered);

    internal KeyRange Range => _spec.Range;

    /// <summary>Where its <see cref="WatcherSet"/> keeps it; guarded by the hub's gate.</summary>
    internal int PlaceInSet { get; set; }

    public void OnReady(Action callback)
    {
        Volatile.Write(ref _ready, callback);
        if (_behind || Volatile.Read(ref _pending) != 0) callback();
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _closed, 1) != 0) return;
        Volatile.Write(ref _ready, null);
        _hub.Close(this);
    }

    /// <summary>Called by the applier for an event on a watched key; true when the watcher was asleep.</summary>
    internal bool Wake(KeyVersion version)
    {
        if (version.ModRevision < _start || !Passes(version)) return false;
        return Interlocked.CompareExchange(ref _pending, version.ModRevision, 0) == 0;
    }

    /// <summary>Called by the applier when history from a revision on came in whole: it has to be scanned, so far as it is not below the start.</summary>
    internal void WakeFrom(long since, long revision)
    {
        var from = Math.Max(since, _start);
        if (from <= revision) Interlocked.CompareExchange(ref _pending, from, 0);
    }

    internal void Notify() => Volatile.Read(ref _ready)?.Invoke();

    public WatchBatch TryRead(int maxBytes)
    {
        // In this order: what is published has woken us before; what has woken us is in the view.
        var published = Math.Max(_hub.Published, CreatedRevision);
        var woken = Interlocked.Exchange(ref _pending, 0);
        var view = _hub.View;

        if (!_behind && woken == 0)
        {
            // Nothing up to the published revision concerns us that has not been delivered. (Had something delivered already woken us
            // late, more could hide behind it: then we scan.)
            var seen = _delivered < _start ? published : Math.Max(published, _delivered);
            if (seen > _delivered) Volatile.Write(ref _delivered, seen);
            return new WatchBatch(seen, [], seen >= _caughtUpFrom);
        }

        var from = _behind ? _delivered + 1 : Math.Max(_delivered + 1, woken);
        _behind = true;
        if (from < view.CompactRevision) throw new KvException(KvErrorCode.Compacted, compactRevision: view.CompactRevision);
        var events = new List<KvEvent>();
        var through = Scan(view, from, maxBytes, events);
        view.Trim.ThrowIfTrimmed(from);

        _behind = through < view.Revision;
        Volatile.Write(ref _delivered, through);
        return new WatchBatch(view.Revision, events, !_behind && view.Revision >= _caughtUpFrom) { Auth = events.Count > 0 ? view.Auth : null };
    }

    /// <summary>Collects events from a revision on, ending between two revisions once there are enough; the last revision looked at.</summary>
    private long Scan(KvView view, long from, int maxBytes, List<KvEvent> events)
    {
        var history = view.History;
        var bytes = 0L;
        var revision = from - 1;
        for (var position = history.Seek(from); position < history.End; position++)
        {
            // A hole means that a newer compaction has overtaken us; the caller finds out from the trim mark.
            if (history[position] is not { } version) continue;
            if (version.ModRevision != revision && bytes >= maxBytes && events.Count > 0) return revision;
            revision = version.ModRevision;
            if (!_spec.Range.Contains(version.Key) || !Passes(version)) continue;
            var happened = ToEvent(version, view.CompactRevision);
            events.Add(happened);
            bytes += EventOverhead + happened.Kv.Key.Length + happened.Kv.Value.Length
                + (happened.Previous is { } previous ? previous.Key.Length + previous.Value.Length : 0);
        }

        return view.Revision;
    }

    private bool Passes(KeyVersion version) => version.IsTombstone ? _spec.IncludeDeletes : _spec.IncludePuts;

    private static KvEvent ToEvent(KeyVersion version, long compactRevision)
    {
        KeyValue? previous = null;
        if (version.ModRevision - 1 >= compactRevision)
        {
            var before = version.Previous;
            while (before is not null && before.ModRevision == version.ModRevision) before = before.Previous;
            if (before is { IsTombstone: false }) previous = before.ToKeyValue();
        }

        return new KvEvent(version.IsTombstone, version.ToKeyValue(), previous);
    }

    private static KeyRange Copy(KeyRange range)
    {
        var start = range.Start.ToArray();
        return range.End is { } end ? new KeyRange(start, end.ToArray()) : KeyRange.SingleKey(start);
    }
}

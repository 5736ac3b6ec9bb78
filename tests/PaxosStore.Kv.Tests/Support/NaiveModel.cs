using System.Collections.Immutable;

namespace PaxosStore.Kv.Tests;

/// <summary>
/// The state as one list of all changes ever made; every question is answered by replaying it. Slow and obvious, to judge the real one by.
/// </summary>
internal sealed class NaiveModel
{
    private sealed record Change(long Revision, string Key, string? Value, long Lease);

    private readonly List<Change> _changes = [];
    private readonly SortedDictionary<long, (long Ttl, TimeSpan Deadline)> _leases = [];

    public long Revision { get; private set; } = 1;

    public long Compact { get; private set; } = -1;

    public TimeSpan Now { get; private set; }

    public IEnumerable<long> LeaseIds => _leases.Keys;

    /// <summary>Live keys at a revision, by replay.</summary>
    public SortedDictionary<string, KeyValue> At(long revision)
    {
        var live = new SortedDictionary<string, KeyValue>(StringComparer.Ordinal);
        foreach (var (mod, key, value, lease) in _changes.Where(c => c.Revision <= revision))
        {
            live.TryGetValue(key, out var before);
            if (value is null) live.Remove(key);
            else live[key] = new KeyValue(Bytes.Of(key), Bytes.Of(value), before?.CreateRevision ?? mod, mod, (before?.Version ?? 0) + 1, lease);
        }

        return live;
    }

    private List<KeyValue> In(KeyRange range, long revision) => [.. At(revision).Values.Where(kv => range.Contains(kv.Key.Span))];

    public RangeResult Range(RangeOp op, long highest)
    {
        Check(op, highest);
        var all = In(op.Range, op.Revision <= 0 ? long.MaxValue : op.Revision);
        var kvs = all.Where(kv => (op.MaxModRevision == 0 || kv.ModRevision <= op.MaxModRevision)
            && (op.MinModRevision == 0 || kv.ModRevision >= op.MinModRevision)
            && (op.MaxCreateRevision == 0 || kv.CreateRevision <= op.MaxCreateRevision)
            && (op.MinCreateRevision == 0 || kv.CreateRevision >= op.MinCreateRevision));
        var order = Comparer<KeyValue>.Create((x, y) => op.Target switch
        {
            SortTarget.Version => x.Version.CompareTo(y.Version),
            SortTarget.Create => x.CreateRevision.CompareTo(y.CreateRevision),
            SortTarget.Mod => x.ModRevision.CompareTo(y.ModRevision),
            SortTarget.Value => x.Value.Span.SequenceCompareTo(y.Value.Span),
            _ => x.Key.Span.SequenceCompareTo(y.Key.Span),
        });
        var sorted = (op.Order == SortOrder.Descend ? kvs.OrderByDescending(kv => kv, order) : kvs.OrderBy(kv => kv, order)).ToList();
        if (op.CountOnly) return new RangeResult([], false, all.Count);
        var cut = op.Limit > 0 && sorted.Count > op.Limit ? sorted.Take((int)op.Limit) : sorted;
        return new RangeResult([.. cut.Select(kv => op.KeysOnly ? kv with { Value = default } : kv)], cut != sorted, all.Count);
    }

    private void Check(RangeOp op, long highest)
    {
        if (op.Revision > highest) throw new KvException(KvErrorCode.FutureRevision);
        if (op.Revision > 0 && op.Revision < Compact) throw new KvException(KvErrorCode.Compacted);
    }

    private void Check(PutOp put, bool leaseFirst)
    {
        var badLease = put.Lease != 0 && !_leases.ContainsKey(put.Lease);
        if (badLease && leaseFirst) throw new KvException(KvErrorCode.LeaseNotFound);
        if ((put.IgnoreLease || put.IgnoreValue) && !At(Revision).ContainsKey(Bytes.Text(put.Key))) throw new KvException(KvErrorCode.KeyNotFound);
        if (badLease) throw new KvException(KvErrorCode.LeaseNotFound);
    }

    /// <summary>Runs one write at one revision; throws what refuses it.</summary>
    public KvOpResult Write(KvOp op)
    {
        var pre = At(Revision);
        var (ops, outcomes) = (new List<KvOp>(), new Queue<bool>());
        Take(op, pre, ops, outcomes);
        foreach (var put in ops.OfType<PutOp>()) Check(put, leaseFirst: op is not TxnOp);
        foreach (var range in ops.OfType<RangeOp>()) Check(range, Revision);
        var result = Run(op, Revision + 1, outcomes);
        if (_changes.Count > 0) Revision = Math.Max(Revision, _changes[^1].Revision);
        return result;
    }

    private static void Take(KvOp op, SortedDictionary<string, KeyValue> pre, List<KvOp> ops, Queue<bool> outcomes)
    {
        ops.Add(op);
        if (op is not TxnOp txn) return;
        var holds = txn.Compare.All(c => Holds(c, pre));
        outcomes.Enqueue(holds);
        foreach (var inner in holds ? txn.Success : txn.Failure) Take(inner, pre, ops, outcomes);
    }

    private static bool Holds(Comparison c, SortedDictionary<string, KeyValue> pre)
    {
        var kvs = pre.Values.Where(kv => c.Range.Contains(kv.Key.Span)).ToList();
        if (kvs.Count == 0 && c.Target == CompareTarget.Value) return false;
        if (kvs.Count == 0) kvs.Add(new KeyValue(default, default, 0, 0, 0, 0));
        return kvs.TrueForAll(kv =>
        {
            var order = c.Target switch
            {
                CompareTarget.Version => kv.Version.CompareTo(c.Number),
                CompareTarget.Create => kv.CreateRevision.CompareTo(c.Number),
                CompareTarget.Mod => kv.ModRevision.CompareTo(c.Number),
                CompareTarget.Lease => kv.Lease.CompareTo(c.Number),
                _ => kv.Value.Span.SequenceCompareTo(c.Value.Span),
            };
            return c.Result switch
            {
                CompareResult.Equal => order == 0,
                CompareResult.NotEqual => order != 0,
                CompareResult.Greater => order > 0,
                _ => order < 0,
            };
        });
    }

    private KvOpResult Run(KvOp op, long at, Queue<bool> outcomes)
    {
        switch (op)
        {
            case PutOp put:
                var key = Bytes.Text(put.Key);
                At(at).TryGetValue(key, out var previous);
                var value = put.IgnoreValue ? (previous is null ? "" : Bytes.Text(previous.Value)) : Bytes.Text(put.Value);
                _changes.Add(new Change(at, key, value, put.IgnoreLease ? previous?.Lease ?? 0 : put.Lease));
                return new PutResult(put.PreviousKv ? previous : null);
            case DeleteRangeOp delete:
                var gone = In(delete.Range, at);
                gone.ForEach(kv => _changes.Add(new Change(at, Bytes.Text(kv.Key), null, 0)));
                return new DeleteRangeResult(gone.Count, delete.PreviousKvs ? [.. gone] : []);
            case RangeOp range:
                return Range(range, at - 1);
            default:
                var txn = (TxnOp)op;
                var holds = outcomes.Dequeue();
                return new TxnResult(holds, (holds ? txn.Success : txn.Failure).Select(o => Run(o, at, outcomes)).ToImmutableArray());
        }
    }

    public void CompactTo(long revision)
    {
        if (revision <= Compact) throw new KvException(KvErrorCode.Compacted);
        if (revision > Revision) throw new KvException(KvErrorCode.FutureRevision);
        Compact = revision;
    }

    public void Grant(long id, long ttl)
    {
        if (!_leases.TryAdd(id, (ttl, Now + TimeSpan.FromSeconds(ttl)))) throw new KvException(KvErrorCode.LeaseExists);
    }

    public long Revoke(long id)
    {
        if (!_leases.Remove(id)) throw new KvException(KvErrorCode.LeaseNotFound);
        var keys = At(Revision).Values.Where(kv => kv.Lease == id).Select(kv => Bytes.Text(kv.Key)).ToList();
        keys.ForEach(key => _changes.Add(new Change(Revision + 1, key, null, 0)));
        if (keys.Count > 0) Revision++;
        return keys.Count;
    }

    public long KeepAlive(long id)
    {
        if (!_leases.TryGetValue(id, out var lease)) return 0;
        _leases[id] = (lease.Ttl, Now + TimeSpan.FromSeconds(lease.Ttl));
        return lease.Ttl;
    }

    public void Advance(TimeSpan now)
    {
        Now = now;
        foreach (var (id, _) in _leases.Where(l => l.Value.Deadline <= now).OrderBy(l => l.Value.Deadline).ThenBy(l => l.Key).ToList()) Revoke(id);
    }

    public IEnumerable<string> KeysOf(long lease) => At(Revision).Values.Where(kv => kv.Lease == lease).Select(kv => Bytes.Text(kv.Key));

    /// <summary>What a watcher from <paramref name="start"/> is to see, revision by revision.</summary>
    public List<KvEvent> Events(WatchSpec spec, long start) =>
    [
        .. _changes.Select((change, index) => (change, index)).Where(c => c.change.Revision >= start
            && spec.Range.Contains(Bytes.Of(c.change.Key).Span) && (c.change.Value is null ? spec.IncludeDeletes : spec.IncludePuts))
            .Select(c => ToEvent(c.change, c.index)),
    ];

    private KvEvent ToEvent(Change change, int index)
    {
        var before = change.Revision - 1 >= Compact ? At(change.Revision - 1).GetValueOrDefault(change.Key) : null;
        if (change.Value is null) return new KvEvent(true, new KeyValue(Bytes.Of(change.Key), default, 0, change.Revision, 0, 0), before);
        var upTo = _changes[..(index + 1)];
        var births = upTo.FindLastIndex(c => c.Key == change.Key && c.Value is null) is var dead && dead < 0 ? 0 : dead + 1;
        var generation = upTo.Skip(births).Where(c => c.Key == change.Key).ToList();
        return new KvEvent(
            false, new KeyValue(Bytes.Of(change.Key), Bytes.Of(change.Value), generation[0].Revision, change.Revision, generation.Count, change.Lease), before);
    }
}

using System.Collections.Immutable;
using PaxosStore.Kv;

namespace PaxosStore.Simulator.Whole;

/// <summary>One version of one key, as the model has it. A deleted key has a version too, without a value.</summary>
internal sealed record ModelVersion(string Key, string Value, long Create, long Mod, long Version, long Lease, bool Deleted)
{
    public override string ToString() => Deleted ? $"{Key} gone@{Mod}" : ReplyText.KeyValue(Key, Value, Create, Mod, Version, Lease);
}

/// <summary>A change of a key, and what the key was before the revision that changed it; null when it was not there.</summary>
internal sealed record ModelEvent(ModelVersion After, ModelVersion? Before);

/// <summary>
/// Keys as anybody would keep them who has all the memory in the world: every version of every key for ever, in a plain sorted dictionary. Written from etcd's
/// description of its API, it shares no code with the store.
/// </summary>
internal sealed class ModelKeys
{
    private readonly SortedDictionary<string, List<ModelVersion>> _keys = new(StringComparer.Ordinal);
    private long _writing;

    /// <summary>Every change since ever, in order.</summary>
    public List<ModelEvent> Events { get; } = [];

    public long Revision { get; private set; } = 1;

    public long Compacted { get; private set; } = -1;

    /// <summary>Which leases there are.</summary>
    public required Func<long, bool> HasLease { get; init; }

    /// <summary>A key changes its lease: from, to, which.</summary>
    public required Action<long, long, string> Moved { get; init; }

    // Reading.

    /// <summary>The key as of a revision; null when it was not there.</summary>
    public ModelVersion? Find(string key, long revision)
    {
        if (!_keys.TryGetValue(key, out var versions)) return null;
        for (var i = versions.Count - 1; i >= 0; i--)
        {
            if (versions[i].Mod <= revision) return versions[i].Deleted ? null : versions[i];
        }

        return null;
    }

    /// <summary>The keys of a range as of a revision, in order.</summary>
    public IEnumerable<ModelVersion> Live(KeyRange range, long revision) =>
        _keys.Keys.Where(k => Within(range, k)).Select(k => Find(k, revision)).OfType<ModelVersion>();

    /// <summary>Whether a revision can be read where so much has been written and compacted.</summary>
    public static KvErrorCode MayRead(long asked, long revision, long compacted) =>
        asked > revision ? KvErrorCode.FutureRevision : asked > 0 && asked < compacted ? KvErrorCode.Compacted : KvErrorCode.None;

    /// <summary>The answer to a range, read at <paramref name="newest"/> unless it names a revision.</summary>
    public string Range(RangeOp op, long newest)
    {
        var found = Live(op.Range, op.Revision > 0 ? op.Revision : newest).ToList();
        var count = found.Count;
        if (op.CountOnly) return ReplyText.Range([], false, count);
        found.RemoveAll(v => (op.MinModRevision != 0 && v.Mod < op.MinModRevision) || (op.MaxModRevision != 0 && v.Mod > op.MaxModRevision)
            || (op.MinCreateRevision != 0 && v.Create < op.MinCreateRevision) || (op.MaxCreateRevision != 0 && v.Create > op.MaxCreateRevision));
        IEnumerable<ModelVersion> sorted = op.Target switch
        {
            SortTarget.Version => Sort(found, v => v.Version, op.Order),
            SortTarget.Create => Sort(found, v => v.Create, op.Order),
            SortTarget.Mod => Sort(found, v => v.Mod, op.Order),
            SortTarget.Value when op.Order == SortOrder.Descend => found.OrderByDescending(v => v.Value, StringComparer.Ordinal),
            SortTarget.Value => found.OrderBy(v => v.Value, StringComparer.Ordinal),
            _ => op.Order == SortOrder.Descend ? Enumerable.Reverse(found) : found,
        };
        var most = op.Limit > 0 ? (int)op.Limit : int.MaxValue;
        return ReplyText.Range(sorted.Take(most).Select(v => (op.KeysOnly ? v with { Value = "" } : v).ToString()), found.Count > most, count);
    }

    private static IEnumerable<ModelVersion> Sort(List<ModelVersion> found, Func<ModelVersion, long> by, SortOrder order) =>
        order == SortOrder.Descend ? found.OrderByDescending(by) : found.OrderBy(by);

    public static bool Within(KeyRange range, string key)
    {
        var start = ReplyText.Text(range.Start);
        if (range.End is not { } end) return key == start;
        return string.CompareOrdinal(key, start) >= 0 && (end.IsEmpty || string.CompareOrdinal(key, ReplyText.Text(end)) < 0);
    }

    // Writing.

    public KvErrorCode Compact(long revision)
    {
        if (revision <= Compacted) return KvErrorCode.Compacted;
        if (revision > Revision) return KvErrorCode.FutureRevision;
        Compacted = revision;
        return KvErrorCode.None;
    }

    /// <summary>Deletes keys at one revision.</summary>
    public void DeleteAll(IEnumerable<string> keys)
    {
        _writing = Revision + 1;
        foreach (var key in keys) Delete(Find(key, _writing)!);
        Commit();
    }

    /// <summary>What becomes of a request: the answer, or why it is refused.</summary>
    public (string? Reply, KvErrorCode Refusal) Write(KvOp op)
    {
        var refusal = op is TxnOp txn ? Refusal(txn, Refuses.Puts) is var error && error != KvErrorCode.None ? error : Refusal(txn, Refuses.Ranges) : RefusalOfOne(op);
        if (refusal != KvErrorCode.None) return (null, refusal);
        _writing = Revision + 1;
        var reply = Run(op, Revision);
        Commit();
        return (reply, KvErrorCode.None);
    }

    private void Commit()
    {
        if (Events.Count > 0 && Events[^1].After.Mod == _writing) Revision = _writing;
    }

    private KvErrorCode RefusalOfOne(KvOp op) => op switch
    {
        PutOp { Lease: not 0 } put when !HasLease(put.Lease) => KvErrorCode.LeaseNotFound,
        PutOp put when (put.IgnoreValue || put.IgnoreLease) && Find(Key(put), Revision) is null => KvErrorCode.KeyNotFound,
        RangeOp range => MayRead(range.Revision, Revision, Compacted),
        _ => KvErrorCode.None,
    };

    private enum Refuses
    {
        Puts,
        Ranges,
    }

    /// <summary>A transaction is refused for its puts first, at any depth of the branches that are taken, then for its ranges.</summary>
    private KvErrorCode Refusal(TxnOp txn, Refuses what)
    {
        foreach (var op in Taken(txn, Revision))
        {
            var refusal = (op, what) switch
            {
                (TxnOp inner, _) => Refusal(inner, what),
                (PutOp put, Refuses.Puts) when (put.IgnoreValue || put.IgnoreLease) && Find(Key(put), Revision) is null => KvErrorCode.KeyNotFound,
                (PutOp or RangeOp, _) when op is PutOp == (what == Refuses.Puts) => RefusalOfOne(op),
                _ => KvErrorCode.None,
            };
            if (refusal != KvErrorCode.None) return refusal;
        }

        return KvErrorCode.None;
    }

    private ImmutableArray<KvOp> Taken(TxnOp txn, long revision) => txn.Compare.All(c => Holds(c, revision)) ? txn.Success : txn.Failure;

    private string Run(KvOp op, long before)
    {
        switch (op)
        {
            case PutOp put:
                var previous = Put(put);
                return ReplyText.Put(put.PreviousKv ? previous?.ToString() : null);
            case RangeOp range:
                return Range(range, _writing);
            case DeleteRangeOp delete:
                var gone = Live(delete.Range, _writing).ToList();
                foreach (var version in gone) Delete(version);
                return ReplyText.Delete(gone.Count, delete.PreviousKvs ? gone.Select(v => v.ToString()) : []);
            case TxnOp txn:
                // All comparisons, inner ones too, look at the state before the transaction.
                var holds = txn.Compare.All(c => Holds(c, before));
                return ReplyText.Txn(holds, (holds ? txn.Success : txn.Failure).Select(inner => Run(inner, before)));
            default:
                throw new InvalidOperationException($"the model knows no {op.GetType().Name}");
        }
    }

    private ModelVersion? Put(PutOp put)
    {
        var key = Key(put);
        var now = Find(key, _writing);
        var value = put.IgnoreValue ? now?.Value ?? "" : ReplyText.Text(put.Value);
        var lease = put.IgnoreLease ? now?.Lease ?? 0 : put.Lease;
        Add(new ModelVersion(key, value, now?.Create ?? _writing, _writing, (now?.Version ?? 0) + 1, lease, Deleted: false));
        Moved(now?.Lease ?? 0, lease, key);
        return now;
    }

    private void Delete(ModelVersion live)
    {
        Add(new ModelVersion(live.Key, "", 0, _writing, 0, 0, Deleted: true));
        Moved(live.Lease, 0, live.Key);
    }

    private void Add(ModelVersion version)
    {
        if (!_keys.TryGetValue(version.Key, out var versions)) _keys.Add(version.Key, versions = []);
        Events.Add(new ModelEvent(version, Find(version.Key, _writing - 1)));
        versions.Add(version);
    }

    /// <summary>Whether a comparison holds for all keys it is about; one that is not there counts as zeros and has no value.</summary>
    public bool Holds(Comparison c, long revision)
    {
        var found = Live(c.Range, revision).ToList();
        if (found.Count == 0) return c.Target != CompareTarget.Value && Satisfies(c.Result, 0L.CompareTo(c.Number));
        return found.All(v => Satisfies(c.Result, c.Target switch
        {
            CompareTarget.Version => v.Version.CompareTo(c.Number),
            CompareTarget.Create => v.Create.CompareTo(c.Number),
            CompareTarget.Mod => v.Mod.CompareTo(c.Number),
            CompareTarget.Lease => v.Lease.CompareTo(c.Number),
            _ => string.CompareOrdinal(v.Value, ReplyText.Text(c.Value)),
        }));
    }

    private static bool Satisfies(CompareResult wanted, int order) => wanted switch
    {
        CompareResult.Equal => order == 0,
        CompareResult.NotEqual => order != 0,
        CompareResult.Greater => order > 0,
        _ => order < 0,
    };

    private static string Key(PutOp put) => ReplyText.Text(put.Key);
}

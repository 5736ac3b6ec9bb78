using System.Collections.Immutable;

namespace PaxosStore.Kv;

/// <summary>
/// Runs write requests on the store. First the whole request is judged against the state before it: comparisons (nested ones of the taken
/// branches too) and everything that may refuse it. Then it runs, and can no longer fail; so a refused request has had no effect.
/// </summary>
internal sealed class Transactions(MvccStore store)
{
    /// <summary>Outcomes of the comparisons in the order the taken branches meet them.</summary>
    private readonly List<bool> _path = [];
    private int _step;

    /// <summary>Runs <paramref name="op"/> at one new revision, or says why not.</summary>
    public KvErrorCode TryRun(KvOp op, out KvOpResult? result)
    {
        result = null;
        _path.Clear();
        _step = 0;
        var before = store.Reader;
        var error = op is TxnOp txn ? CheckTransaction(txn, before) : CheckSingle(op, before);
        if (error != KvErrorCode.None) return error;

        store.Begin();
        _step = 0;
        result = Run(op, before);
        store.Commit();
        return KvErrorCode.None;
    }

    private KvErrorCode CheckSingle(KvOp op, in MvccReader before) => op switch
    {
        RangeOp range => before.Check(range.Revision),
        PutOp put => CheckLease(put) is var error && error != KvErrorCode.None ? error : CheckKept(put, before),
        _ => KvErrorCode.None,
    };

    private KvErrorCode CheckTransaction(TxnOp txn, in MvccReader before)
    {
        Decide(txn, before);
        var error = CheckPuts(txn, before);
        if (error != KvErrorCode.None) return error;
        _step = 0;
        return CheckRanges(txn, before);
    }

    private void Decide(TxnOp txn, in MvccReader before)
    {
        var holds = HoldAll(txn, before);
        _path.Add(holds);
        foreach (var op in Branch(txn, holds))
        {
            if (op is TxnOp nested) Decide(nested, before);
        }
    }

    private KvErrorCode CheckPuts(TxnOp txn, in MvccReader before)
    {
        foreach (var op in Branch(txn, _path[_step++]))
        {
            var error = op switch
            {
                TxnOp nested => CheckPuts(nested, before),
                PutOp put => CheckKept(put, before) is var kept && kept != KvErrorCode.None ? kept : CheckLease(put),
                _ => KvErrorCode.None,
            };
            if (error != KvErrorCode.None) return error;
        }

        return KvErrorCode.None;
    }

    private KvErrorCode CheckRanges(TxnOp txn, in MvccReader before)
    {
        foreach (var op in Branch(txn, _path[_step++]))
        {
            var error = op switch
            {
                TxnOp nested => CheckRanges(nested, before),
                RangeOp range => before.Check(range.Revision),
                _ => KvErrorCode.None,
            };
            if (error != KvErrorCode.None) return error;
        }

        return KvErrorCode.None;
    }

    private KvErrorCode CheckLease(PutOp put) =>
        put.Lease != 0 && !store.Leases.Contains(put.Lease) ? KvErrorCode.LeaseNotFound : KvErrorCode.None;

    private static KvErrorCode CheckKept(PutOp put, in MvccReader before) =>
        (put.IgnoreValue || put.IgnoreLease) && KeyTree.Find(before.Root, put.Key.Span) is not { IsTombstone: false }
            ? KvErrorCode.KeyNotFound
            : KvErrorCode.None;

    private KvOpResult Run(KvOp op, in MvccReader before) => op switch
    {
        PutOp put => store.Put(put) is { } previous && put.PreviousKv ? new PutResult(previous.ToKeyValue()) : NothingBefore,
        RangeOp range => (before with { Root = store.Root }).Range(range),
        DeleteRangeOp delete => Delete(delete, before),
        TxnOp txn => Run(txn, before),
        _ => throw new InvalidOperationException($"Unknown operation {op.GetType().Name}."),
    };

    private TxnResult Run(TxnOp txn, in MvccReader before)
    {
        var holds = _path[_step++];
        var ops = Branch(txn, holds);
        var results = ImmutableArray.CreateBuilder<KvOpResult>(ops.Length);
        foreach (var op in ops) results.Add(Run(op, before));
        return new TxnResult(holds, results.MoveToImmutable());
    }

    private DeleteRangeResult Delete(DeleteRangeOp op, in MvccReader before)
    {
        var doomed = (before with { Root = store.Root }).Live(op.Range);
        foreach (var version in doomed) store.Delete(version);
        if (!op.PreviousKvs || doomed.Count == 0) return new DeleteRangeResult(doomed.Count, []);

        var previous = ImmutableArray.CreateBuilder<KeyValue>(doomed.Count);
        foreach (var version in doomed) previous.Add(version.ToKeyValue());
        return new DeleteRangeResult(doomed.Count, previous.MoveToImmutable());
    }

    private static PutResult NothingBefore { get; } = new(Previous: null);

    /// <summary>Evaluates a transaction that writes nothing.</summary>
    /// <exception cref="InvalidOperationException">Either branch holds a write.</exception>
    /// <exception cref="KvException">A range asks for a compacted or future revision.</exception>
    public static TxnResult Evaluate(TxnOp txn, in MvccReader reader)
    {
        if (HasWrites(txn)) throw new InvalidOperationException("A transaction that writes goes through the log.");
        return EvaluateReads(txn, reader);
    }

    private static TxnResult EvaluateReads(TxnOp txn, in MvccReader reader)
    {
        var holds = HoldAll(txn, reader);
        var ops = Branch(txn, holds);
        var results = ImmutableArray.CreateBuilder<KvOpResult>(ops.Length);
        foreach (var op in ops) results.Add(op is TxnOp nested ? EvaluateReads(nested, reader) : reader.Range((RangeOp)op));
        return new TxnResult(holds, results.MoveToImmutable());
    }

    private static bool HasWrites(TxnOp txn) => HasWrites(txn.Success) || HasWrites(txn.Failure);

    private static bool HasWrites(ImmutableArray<KvOp> ops)
    {
        if (ops.IsDefault) return false;
        foreach (var op in ops)
        {
            if (op is not RangeOp && (op is not TxnOp nested || HasWrites(nested))) return true;
        }

        return false;
    }

    private static bool HoldAll(TxnOp txn, in MvccReader reader)
    {
        if (txn.Compare.IsDefault) return true;
        foreach (var comparison in txn.Compare)
        {
            if (!reader.Holds(comparison)) return false;
        }

        return true;
    }

    private static ImmutableArray<KvOp> Branch(TxnOp txn, bool holds)
    {
        var ops = holds ? txn.Success : txn.Failure;
        return ops.IsDefault ? [] : ops;
    }
}

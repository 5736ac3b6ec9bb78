using System.Collections.Immutable;

namespace PaxosStore.Kv;

/// <summary>Evaluates ranges and comparisons on one root of the tree of keys.</summary>
/// <param name="Root">The tree.</param>
/// <param name="Revision">Highest revision that may be asked for by number.</param>
/// <param name="CompactRevision">Lowest revision that may be asked for.</param>
/// <param name="Trim">Tells a reader of an old root that history went away under it.</param>
internal readonly record struct MvccReader(KeyNode? Root, long Revision, long CompactRevision, TrimMark Trim)
{
    /// <summary>Reads whatever is newest in the tree.</summary>
    private const long Newest = long.MaxValue;

    /// <summary>Why <paramref name="revision"/> can't be read, or <see cref="KvErrorCode.None"/>.</summary>
    public KvErrorCode Check(long revision)
    {
        if (revision > Revision) return KvErrorCode.FutureRevision;
        return revision > 0 && revision < CompactRevision ? KvErrorCode.Compacted : KvErrorCode.None;
    }

    /// <exception cref="KvException">The revision is compacted or in the future.</exception>
    public RangeResult Range(RangeOp op)
    {
        var error = Check(op.Revision);
        if (error != KvErrorCode.None)
            throw new KvException(error, compactRevision: error == KvErrorCode.Compacted ? CompactRevision : 0);

        var at = op.Revision <= 0 ? Newest : op.Revision;
        var result = Range(op, at);
        if (at != Newest) Trim.ThrowIfTrimmed(at);
        return result;
    }

    private RangeResult Range(RangeOp op, long at)
    {
        if (op.Range.IsSingle && !HasFilters(op))
        {
            var version = KeyTree.Find(Root, op.Range.Start.Span)?.LiveAt(at);
            if (version is null) return new RangeResult([], false, 0);
            return new RangeResult(op.CountOnly ? [] : [version.ToKeyValue(op.KeysOnly)], false, 1);
        }

        var count = KeyTree.Count(Root, op.Range, at);
        if (op.CountOnly || count == 0) return new RangeResult([], false, count);

        var sorted = op.Target != SortTarget.Key || op.Order == SortOrder.Descend;
        var collector = new Collector(op, count, unlimited: sorted);
        KeyTree.Walk(Root, op.Range, at, ref collector);
        var versions = collector.Versions;
        if (sorted) versions.Sort(new VersionOrder(op.Target, op.Order == SortOrder.Descend));

        var more = op.Limit > 0 && versions.Count > op.Limit;
        var taken = more ? (int)op.Limit : versions.Count;
        var kvs = ImmutableArray.CreateBuilder<KeyValue>(taken);
        for (var i = 0; i < taken; i++) kvs.Add(versions[i].ToKeyValue(op.KeysOnly));
        return new RangeResult(kvs.MoveToImmutable(), more, count);
    }

    private static bool HasFilters(RangeOp op) =>
        op.MinModRevision != 0 || op.MaxModRevision != 0 || op.MinCreateRevision != 0 || op.MaxCreateRevision != 0;

    /// <summary>Whether <paramref name="comparison"/> holds at the newest state.</summary>
    public bool Holds(Comparison comparison)
    {
        var check = new ComparisonCheck(comparison);
        KeyTree.Walk(Root, comparison.Range, Newest, ref check);
        if (check.Seen) return !check.Failed;
        return comparison.Target != CompareTarget.Value && ComparisonCheck.Satisfies(comparison, 0L.CompareTo(comparison.Number));
    }

    /// <summary>Live versions of <paramref name="range"/> at the newest state, in key order.</summary>
    public List<KeyVersion> Live(in KeyRange range)
    {
        var collector = new LiveCollector();
        KeyTree.Walk(Root, range, Newest, ref collector);
        return collector.Versions;
    }

    private readonly struct LiveCollector() : IKeyVisitor
    {
        public List<KeyVersion> Versions { get; } = [];

        public bool Visit(KeyVersion version)
        {
            Versions.Add(version);
            return true;
        }
    }

    private readonly struct Collector : IKeyVisitor
    {
        private readonly RangeOp _op;
        private readonly long _most;

        public Collector(RangeOp op, long count, bool unlimited)
        {
            _op = op;
            _most = unlimited || op.Limit <= 0 || op.Limit >= count ? count : op.Limit + 1;
            Versions = new List<KeyVersion>((int)(HasFilters(op) ? 0 : Math.Min(_most, int.MaxValue)));
        }

        public List<KeyVersion> Versions { get; }

        public bool Visit(KeyVersion version)
        {
            if (_op.MaxModRevision != 0 && version.ModRevision > _op.MaxModRevision) return true;
            if (_op.MinModRevision != 0 && version.ModRevision < _op.MinModRevision) return true;
            if (_op.MaxCreateRevision != 0 && version.CreateRevision > _op.MaxCreateRevision) return true;
            if (_op.MinCreateRevision != 0 && version.CreateRevision < _op.MinCreateRevision) return true;
            Versions.Add(version);
            return Versions.Count < _most;
        }
    }

    private struct ComparisonCheck(Comparison comparison) : IKeyVisitor
    {
        public bool Seen { get; private set; }

        public bool Failed { get; private set; }

        public bool Visit(KeyVersion version)
        {
            Seen = true;
            var order = comparison.Target switch
            {
                CompareTarget.Version => version.Version.CompareTo(comparison.Number),
                CompareTarget.Create => version.CreateRevision.CompareTo(comparison.Number),
                CompareTarget.Mod => version.ModRevision.CompareTo(comparison.Number),
                CompareTarget.Lease => version.Lease.CompareTo(comparison.Number),
                _ => version.Value.Span.SequenceCompareTo(comparison.Value.Span),
            };
            Failed = !Satisfies(comparison, order);
            return !Failed;
        }

        public static bool Satisfies(Comparison comparison, int order) => comparison.Result switch
        {
            CompareResult.Equal => order == 0,
            CompareResult.NotEqual => order != 0,
            CompareResult.Greater => order > 0,
            _ => order < 0,
        };
    }

    /// <summary>Order of a sorted range; equal targets come in ascending key order.</summary>
    private sealed class VersionOrder(SortTarget target, bool descending) : IComparer<KeyVersion>
    {
        public int Compare(KeyVersion? x, KeyVersion? y)
        {
            var order = target switch
            {
                SortTarget.Version => x!.Version.CompareTo(y!.Version),
                SortTarget.Create => x!.CreateRevision.CompareTo(y!.CreateRevision),
                SortTarget.Mod => x!.ModRevision.CompareTo(y!.ModRevision),
                SortTarget.Value => x!.Value.Span.SequenceCompareTo(y!.Value.Span),
                _ => x!.Key.AsSpan().SequenceCompareTo(y!.Key),
            };
            if (order == 0) return x.Key.AsSpan().SequenceCompareTo(y.Key);
            return descending ? (order < 0 ? 1 : -1) : order;
        }
    }
}

using System.Collections.Immutable;

namespace PaxosStore.Kv;

/// <summary>A set of keys as disjoint intervals in order; neighbours that touch are one. Byte order, unsigned.</summary>
internal sealed class RangeSet
{
    private readonly ImmutableArray<Interval> _intervals;

    private RangeSet(ImmutableArray<Interval> intervals) => _intervals = intervals;

    public static RangeSet Empty { get; } = new([]);

    /// <summary>The union of <paramref name="ranges"/>; ranges without keys count for nothing.</summary>
    public static RangeSet Of(IEnumerable<KeyRange> ranges)
    {
        var sorted = new List<Interval>();
        foreach (var range in ranges)
        {
            var interval = Interval.Of(range);
            if (!interval.IsEmpty) sorted.Add(interval);
        }

        if (sorted.Count == 0) return Empty;
        sorted.Sort((x, y) => x.Start.AsSpan().SequenceCompareTo(y.Start));
        var union = ImmutableArray.CreateBuilder<Interval>();
        var last = sorted[0];
        foreach (var next in sorted)
        {
            if (last.End is { } end && next.Start.AsSpan().SequenceCompareTo(end) > 0)
            {
                union.Add(last);
                last = next;
            }
            else if (last.End is not null && (next.End is null || next.End.AsSpan().SequenceCompareTo(last.End) > 0))
            {
                last = last with { End = next.End };
            }
        }

        union.Add(last);
        return new RangeSet(union.ToImmutable());
    }

    /// <summary>Whether every key of <paramref name="range"/> is in the set. One without keys must lie, turned round, inside an interval, as with etcd.</summary>
    public bool Covers(in KeyRange range)
    {
        var asked = Interval.Of(range);
        if (asked.IsEmpty) return Last(asked.End!, orAt: false) is { } around && (around.End is null || around.End.AsSpan().SequenceCompareTo(asked.Start) > 0);

        // Another interval than the last that begins at or before the start can't hold it.
        if (Last(asked.Start, orAt: true) is not { } found) return false;
        return found.End is null || (asked.End is not null && asked.End.AsSpan().SequenceCompareTo(found.End) <= 0);
    }

    /// <summary>The last interval that begins before <paramref name="key"/>, or at it if so wished.</summary>
    private Interval? Last(byte[] key, bool orAt)
    {
        var (low, high) = (0, _intervals.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            var order = _intervals[middle].Start.AsSpan().SequenceCompareTo(key);
            if (order < 0 || (order == 0 && orAt)) low = middle + 1;
            else high = middle;
        }

        return low == 0 ? null : _intervals[low - 1];
    }

    /// <param name="Start">First key.</param>
    /// <param name="End">First key behind it; null when there is none.</param>
    private readonly record struct Interval(byte[] Start, byte[]? End)
    {
        public bool IsEmpty => End is not null && Start.AsSpan().SequenceCompareTo(End) >= 0;

        /// <summary>A single key is the interval up to its immediate successor.</summary>
        public static Interval Of(in KeyRange range)
        {
            var start = range.Start.ToArray();
            if (range.End is not { } end) return new Interval(start, [.. start, 0]);
            return new Interval(start, end.IsEmpty ? null : end.ToArray());
        }
    }
}

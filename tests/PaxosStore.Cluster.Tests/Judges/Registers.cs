using PaxosStore.Cluster.Tests.History;

namespace PaxosStore.Cluster.Tests.Judges;

/// <summary>Takes a history apart into operations on single keys, as the search for a linearization needs them.</summary>
internal static class Registers
{
    /// <summary>
    /// What happened or may have happened, each to one key: a range is a read of each of its keys, and each key that was attached to a lease may have been
    /// deleted, once, from the earliest time on at which the lease may have ended. Serializable reads are no part of it.
    /// </summary>
    public static IEnumerable<Operation> Of(IReadOnlyList<Operation> operations)
    {
        var happened = operations.Where(o => o.Outcome != Outcome.Fail && !o.Serializable).ToArray();
        var keys = happened.Where(o => o.Value is not null).Select(o => o.Key).Distinct().ToArray();
        var ends = LeaseTimes.EarliestEnds(happened);
        return happened.Where(o => o.Kind is OperationKind.Get or OperationKind.Put or OperationKind.CompareAndSet or OperationKind.Delete)
            .Concat(happened.Where(o => o.Kind == OperationKind.Range).SelectMany(o => Reads(o, keys)))
            .Concat(happened.Where(o => o is { Kind: OperationKind.Put, Lease: not 0 }).DistinctBy(o => (o.Key, o.Lease)).Select(o => End(o, ends)));
    }

    private static IEnumerable<Operation> Reads(Operation range, string[] keys)
    {
        var seen = range.SeenAll!.ToDictionary();
        return keys.Where(k => k.StartsWith(range.Key, StringComparison.Ordinal))
            .Select(k => range with { Kind = OperationKind.Get, Key = k, Seen = seen.GetValueOrDefault(k), SeenAll = null });
    }

    private static Operation End(Operation put, Dictionary<long, long> ends) => put with
    {
        Kind = OperationKind.Delete,
        Value = $"end of lease {put.Lease}",
        Call = ends.GetValueOrDefault(put.Lease, put.Call),
        Return = Operation.Never,
        Outcome = Outcome.Info,
    };
}

/// <summary>When leases may end, as their clients know.</summary>
internal static class LeaseTimes
{
    /// <summary>
    /// The earliest time at which each granted lease may end: its time to live after the call of the last grant or renewal that was acknowledged, or the call of
    /// a revocation that may have happened.
    /// </summary>
    public static Dictionary<long, long> EarliestEnds(IEnumerable<Operation> operations) =>
        operations.Where(o => o.Lease != 0 && o.Kind != OperationKind.Put).GroupBy(o => o.Lease).ToDictionary(g => g.Key, EarliestEnd);

    private static long EarliestEnd(IEnumerable<Operation> ofLease)
    {
        var all = ofLease.ToArray();
        var lapse = all.Where(o => o is { Outcome: Outcome.Ok, Succeeded: true } && o.Kind != OperationKind.LeaseRevoke)
            .Select(o => o.Call + o.Ttl * 1_000_000_000).DefaultIfEmpty(0).Max();
        var revoked = all.Where(o => o.Kind == OperationKind.LeaseRevoke).Select(o => o.Call).DefaultIfEmpty(Operation.Never).Min();
        return Math.Min(lapse, revoked);
    }
}

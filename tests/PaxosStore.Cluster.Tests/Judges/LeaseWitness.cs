using PaxosStore.Cluster.Tests.History;

namespace PaxosStore.Cluster.Tests.Judges;

/// <summary>
/// Checks the ends of leases in the log: never before the time to live that was acknowledged last has passed, all keys of a lease in one revision, nothing
/// attached to a lease behind its end, and, at the end of a run, no lease left over.
/// </summary>
public sealed class LeaseWitness
{
    private readonly List<string> _violations = [];
    private readonly Dictionary<string, Operation> _authors;
    private readonly Dictionary<long, long> _earliestEnds;
    private readonly ILookup<long, Operation> _revocations;
    private readonly IReadOnlyDictionary<long, long> _seenAt;
    private readonly Dictionary<string, long> _leaseOf = [];
    private readonly Dictionary<long, HashSet<string>> _keysOf = [];
    private readonly Dictionary<long, long> _endedAt = [];

    private LeaseWitness(IReadOnlyList<Operation> operations, IReadOnlyDictionary<long, long> seenAt)
    {
        _seenAt = seenAt;
        _authors = operations.Where(o => o.Value is not null).ToDictionary(o => o.Value!);
        _earliestEnds = LeaseTimes.EarliestEnds(operations.Where(o => o.Outcome != Outcome.Fail));
        _revocations = operations.Where(o => o.Kind == OperationKind.LeaseRevoke && o.Outcome != Outcome.Fail).ToLookup(o => o.Lease);
    }

    /// <summary>
    /// Judges the log. <paramref name="seenAt"/> says when each revision was first seen by anybody, as far as known; <paramref name="allEnded"/> that every lease
    /// must be gone by the end.
    /// </summary>
    public static Verdict Check(IReadOnlyList<Operation> operations, LogDump log, IReadOnlyDictionary<long, long> seenAt, bool allEnded)
    {
        var judge = new LeaseWitness(operations, seenAt);
        foreach (var revision in log.Changes.GroupBy(c => c.Revision))
            judge.Apply(revision.Key, [.. revision]);
        judge.CheckRevocations(log);
        if (allEnded)
        {
            foreach (var (key, lease) in judge._leaseOf)
                judge._violations.Add($"lease {lease} never ended: {key} is left over");
        }

        return new Verdict(judge._violations);
    }

    private void Apply(long revision, KeyChange[] changes)
    {
        if (changes.All(c => c.IsDelete))
            End(revision, changes);
        foreach (var change in changes)
        {
            if (_leaseOf.Remove(change.Key, out var before))
                _keysOf[before].Remove(change.Key);
            if (change.Value is { } value && _authors.TryGetValue(value, out var author) && author is { Kind: OperationKind.Put, Lease: not 0 })
                Attach(change, author.Lease);
        }
    }

    private void Attach(KeyChange change, long lease)
    {
        if (_endedAt.TryGetValue(lease, out var end))
            _violations.Add($"{change.Key} was attached at revision {change.Revision} to lease {lease}, which ended at {end}");
        _leaseOf[change.Key] = lease;
        if (!_keysOf.TryGetValue(lease, out var keys))
            _keysOf[lease] = keys = [];
        keys.Add(change.Key);
    }

    private void End(long revision, KeyChange[] changes)
    {
        var leases = changes.Select(c => _leaseOf.GetValueOrDefault(c.Key)).Distinct().ToArray();
        if (leases is not [not 0])
        {
            _violations.Add($"revision {revision} deletes [{string.Join(", ", changes.Select(c => c.Key))}], which is the end of no single lease");
            return;
        }

        var lease = leases[0];
        _endedAt[lease] = revision;
        var left = _keysOf[lease].Except(changes.Select(c => c.Key)).ToArray();
        if (left.Length > 0)
            _violations.Add($"lease {lease} ended at revision {revision} without [{string.Join(", ", left)}]");
        if (_seenAt.TryGetValue(revision, out var time) && _earliestEnds.TryGetValue(lease, out var earliest) && time < earliest)
            _violations.Add($"lease {lease} ended too early: revision {revision} was seen {(earliest - time) / 1e6:F0} ms before its time to live was over");
    }

    /// <summary>A lease that was revoked is gone at the revision its client was told.</summary>
    private void CheckRevocations(LogDump log)
    {
        foreach (var revoked in _revocations.SelectMany(r => r).Where(r => r.Outcome == Outcome.Ok))
        {
            var late = log.Changes.Where(c => c.Value is { } v && c.Revision > revoked.Revision && _authors.TryGetValue(v, out var a) && a is { Kind: OperationKind.Put } && a.Lease == revoked.Lease);
            foreach (var change in late)
                _violations.Add($"{change.Key} was attached at revision {change.Revision} to lease {revoked.Lease}, revoked by revision {revoked.Revision}");
            if (_endedAt.TryGetValue(revoked.Lease, out var end) && end > revoked.Revision)
                _violations.Add($"lease {revoked.Lease} ended at revision {end}, although its revocation was acknowledged at {revoked.Revision}");
        }
    }
}

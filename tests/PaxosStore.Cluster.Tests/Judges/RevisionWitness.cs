using PaxosStore.Cluster.Tests.History;

namespace PaxosStore.Cluster.Tests.Judges;

/// <summary>
/// Checks a history against the log that the store itself shows afterwards, in linear time. Every reply names the revision
/// it was made at, so the order is known and only has to be verified: the log is dense and applies nothing twice, every
/// acknowledged operation is in it with the effect it was told, every change has an author, and revisions follow real time.
/// </summary>
public sealed class RevisionWitness
{
    private readonly IReadOnlyList<Operation> _operations;
    private readonly LogDump _log;
    private readonly List<string> _violations = [];
    private readonly Dictionary<long, List<KeyChange>> _byRevision = [];
    private readonly Dictionary<string, List<KeyChange>> _byKey = [];
    private readonly Dictionary<string, KeyChange> _byValue = [];

    private RevisionWitness(IReadOnlyList<Operation> operations, LogDump log)
    {
        _operations = operations;
        _log = log;
    }

    /// <summary>Judges the operations against the log.</summary>
    public static Verdict Check(IReadOnlyList<Operation> operations, LogDump log)
    {
        var judge = new RevisionWitness(operations, log);
        judge.IndexLog();
        foreach (var operation in operations.Where(o => o.Outcome == Outcome.Ok))
            judge.CheckReply(operation);
        judge.CheckRealTime();
        judge.CheckAuthors();
        return new Verdict(judge._violations);
    }

    private void IndexLog()
    {
        var previous = _log.FirstRevision - 1;
        foreach (var change in _log.Changes)
        {
            if (change.Revision < previous || change.Revision > previous + 1)
                _violations.Add($"log: revision {change.Revision} ({change.Key}) follows {previous}");
            previous = change.Revision;
            Bucket(_byRevision, change.Revision).Add(change);
            Bucket(_byKey, change.Key).Add(change);
            if (change.Value is { } value && !_byValue.TryAdd(value, change))
                _violations.Add($"duplicate apply: {value} written at revisions {_byValue[value].Revision} and {change.Revision}");
        }

        if (previous != _log.LastRevision)
            _violations.Add($"log: ends at revision {previous}, the store says {_log.LastRevision}");
    }

    private void CheckReply(Operation operation)
    {
        if (operation.Revision < _log.FirstRevision - 1 || operation.Revision > _log.LastRevision)
        {
            Violate(operation, $"replied with revision {operation.Revision}, outside of the log {_log.FirstRevision}..{_log.LastRevision}");
            return;
        }

        if (operation.Mutates)
            CheckWrite(operation);
        else if (operation.Kind == OperationKind.Range)
            CheckRange(operation);
        else if (operation.Kind is OperationKind.LeaseGrant or OperationKind.LeaseKeepAlive or OperationKind.LeaseRevoke)
            return;
        else if (ValueAt(operation.Key, operation.Revision) is var held && held != operation.Seen)
            Violate(operation, $"was shown {Show(operation.Seen)} at revision {operation.Revision}, the log holds {Show(held)}");

        if (operation.Kind == OperationKind.CompareAndSet)
            CheckComparison(operation);
    }

    private void CheckWrite(Operation operation)
    {
        var changes = _byRevision.GetValueOrDefault(operation.Revision) ?? [];
        var before = ValueAt(operation.Key, operation.Revision - 1);
        KeyChange[] expected = operation switch
        {
            { Kind: OperationKind.Delete, Succeeded: false } => [new(operation.Revision, operation.MarkerKey, operation.Value)],
            { Kind: OperationKind.Delete } =>
                [new(operation.Revision, operation.Key, null), new(operation.Revision, operation.MarkerKey, operation.Value)],
            _ => [new(operation.Revision, operation.Key, operation.Value)],
        };
        if (!changes.SequenceEqual(expected))
        {
            var actual = _byValue.TryGetValue(operation.Value!, out var elsewhere) ? $"it stands at revision {elsewhere.Revision}" : "it is not in the log";
            Violate(operation, $"lost acknowledged write: told revision {operation.Revision}, which holds [{string.Join(", ", changes)}]; {actual}");
        }

        if (operation.Kind == OperationKind.Delete && (operation.Succeeded != before is not null || operation.Seen != before))
            Violate(operation, $"deleted {Show(operation.Seen)} at revision {operation.Revision}, the log held {Show(before)}");
    }

    private void CheckRange(Operation operation)
    {
        var held = _byKey.Keys.Where(k => k.StartsWith(operation.Key, StringComparison.Ordinal)).Order(StringComparer.Ordinal)
            .Select(k => KeyValuePair.Create(k, ValueAt(k, operation.Revision))).Where(p => p.Value is not null).ToArray();
        if (!held.SequenceEqual(operation.SeenAll!.Select(p => KeyValuePair.Create(p.Key, (string?)p.Value))))
        {
            Violate(operation, $"was shown [{string.Join(", ", operation.SeenAll!)}] at revision {operation.Revision}, the log holds [{string.Join(", ", held)}]");
        }
    }

    private void CheckComparison(Operation operation)
    {
        var at = operation.Succeeded ? operation.Revision - 1 : operation.Revision;
        var held = ValueAt(operation.Key, at);
        if (held == operation.Expected != operation.Succeeded)
        {
            Violate(operation, $"compared with {Show(operation.Expected)} at revision {at} and was told {operation.Succeeded}, the log held {Show(held)}");
        }
    }

    /// <summary>
    /// Whatever returned before another operation began has a revision not above the other's; below it if the other wrote. A serializable read may lag behind,
    /// but what it saw is settled for all that begin after it.
    /// </summary>
    private void CheckRealTime()
    {
        var byReturn = _operations.Where(o => o.Outcome == Outcome.Ok).OrderBy(o => o.Return).ToArray();
        var next = 0;
        Operation? highest = null;
        foreach (var operation in _operations.Where(o => o.Outcome != Outcome.Fail && !o.Serializable).OrderBy(o => o.Call))
        {
            while (next < byReturn.Length && byReturn[next].Return < operation.Call)
            {
                if (highest is null || byReturn[next].Revision > highest.Revision)
                    highest = byReturn[next];
                next++;
            }

            if (highest is null || RevisionInLog(operation) is not { } revision)
                continue;
            if (revision < highest.Revision || (operation.Mutates && revision == highest.Revision))
            {
                var what = operation.Mutates ? "revision not monotone in real time" : "stale read";
                Violate(operation, $"{what}: revision {revision}, but operation {highest.Id} had returned {highest.Revision} before it was called");
            }
        }
    }

    private long? RevisionInLog(Operation operation) => operation.Outcome == Outcome.Ok ? operation.Revision
        : operation.Value is { } value && _byValue.TryGetValue(value, out var change) ? change.Revision : null;

    /// <summary>
    /// Every change in the log was asked for by an operation that was acknowledged there or whose fate is unknown, or is the end of a lease, which
    /// <see cref="LeaseWitness"/> judges.
    /// </summary>
    private void CheckAuthors()
    {
        var authors = _operations.Where(o => o.Value is not null).ToDictionary(o => o.Value!);
        bool WasLeased(KeyChange change) =>
            ValueAt(change.Key, change.Revision - 1) is { } held && authors.TryGetValue(held, out var author) && author.Lease != 0;
        foreach (var (revision, changes) in _byRevision)
        {
            var value = changes.Select(c => c.Value).FirstOrDefault(v => v is not null);
            if (value is null && changes.All(WasLeased))
                continue;
            if (value is null || !authors.TryGetValue(value, out var author))
                _violations.Add($"log: nobody asked for revision {revision}: [{string.Join(", ", changes)}]");
            else
                CheckAuthor(author, revision, changes);
        }
    }

    private void CheckAuthor(Operation author, long revision, List<KeyChange> changes)
    {
        if (author.Outcome == Outcome.Fail)
            Violate(author, $"did not happen as its client knows, but stands at revision {revision}");
        if (author is { Outcome: Outcome.Ok, Mutates: false })
            Violate(author, $"was told that it changed nothing, but stands at revision {revision}");
        if (author.Outcome != Outcome.Info)
            return;
        var before = ValueAt(author.Key, revision - 1);
        var fits = author.Kind switch
        {
            OperationKind.Delete => changes.Count == (before is null ? 1 : 2) && changes.All(c => c.Key == (c.IsDelete ? author.Key : author.MarkerKey)),
            OperationKind.CompareAndSet => before == author.Expected && changes is [{ } only] && only.Key == author.Key,
            _ => changes is [{ } only] && only.Key == author.Key,
        };
        if (!fits)
            Violate(author, $"of unknown fate left [{string.Join(", ", changes)}] over {Show(before)}");
    }

    private string? ValueAt(string key, long revision)
    {
        if (!_byKey.TryGetValue(key, out var changes))
            return null;
        int low = 0, high = changes.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (changes[middle].Revision <= revision)
                low = middle + 1;
            else
                high = middle;
        }

        return low == 0 ? null : changes[low - 1].Value;
    }

    private void Violate(Operation o, string what) =>
        _violations.Add($"operation {o.Id} (client {o.Client} at {o.Node}: {o.Kind} {o.Key} {o.Value}): {what}");

    private static string Show(string? value) => value ?? "nothing";

    private static List<KeyChange> Bucket<TKey>(Dictionary<TKey, List<KeyChange>> index, TKey key)
        where TKey : notnull
    {
        if (!index.TryGetValue(key, out var bucket))
            index[key] = bucket = [];
        return bucket;
    }
}

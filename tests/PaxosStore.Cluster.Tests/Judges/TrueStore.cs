using PaxosStore.Cluster.Tests.History;

namespace PaxosStore.Cluster.Tests.Judges;

/// <summary>
/// Makes histories as a store without any mistake could have left them: clients overlap at random, each operation takes effect at a random time between its call and its
/// return, some never return, leases run out, watchers break off and go on.
/// </summary>
internal sealed class TrueStore(Random random)
{
    private const long Millisecond = 1_000_000;
    private static readonly string[] Keys = ["load/a", "load/b", "load/c"];
    private readonly List<KeyChange> _log = [];
    private readonly Dictionary<string, string> _state = [];
    private readonly Dictionary<string, long> _leaseOf = [];
    private readonly Dictionary<long, long> _deadlines = [];
    private readonly Dictionary<long, long> _seenAt = [];
    private long _revision = 1;
    private int _names;

    /// <summary>What the clients recorded.</summary>
    public List<Operation> Operations { get; } = [];

    /// <summary>When each revision was first seen.</summary>
    public IReadOnlyDictionary<long, long> SeenAt => _seenAt;

    /// <summary>What happened.</summary>
    public LogDump Log => new(_log, 2, _revision);

    /// <summary>Lets clients work, then every lease run out.</summary>
    public void Run(int clients, int operations)
    {
        var free = new long[clients];
        var plan = Enumerable.Range(0, operations).Select(_ =>
        {
            var client = random.Next(clients);
            var call = free[client] + random.Next(1, 50) * Millisecond;
            var effect = call + random.Next(1, 200) * Millisecond;
            free[client] = effect + random.Next(1, 100) * Millisecond;
            return (Call: call, Effect: effect, Return: free[client], Client: client);
        }).OrderBy(p => p.Effect).ToArray();
        foreach (var (call, effect, returned, client) in plan)
        {
            Expire(effect);
            Do(call, effect, returned, client);
        }

        Expire(long.MaxValue - 1);
    }

    /// <summary>What a watcher with these wishes may have been told of the log.</summary>
    public Subscription Watch(Subscription subscription)
    {
        var wanted = new Replay(Log).Events.Where(e => subscription.Wants(e.Change)).Select(e => subscription.WantsPrevious ? e : e with { Previous = null }).ToArray();
        var next = 0;
        var start = 2L;
        do
        {
            var stream = new WatchStream("n1", start, 0);
            subscription.Streams.Add(stream);
            stream.Replies.Add(new WatchReply(0, WatchReplyKind.Created, _revision, []));
            for (var replies = random.Next(1, 6); replies > 0 && next < wanted.Length; replies--)
                next = Tell(stream, subscription, wanted, next);
            if (next < wanted.Length && stream.Replies[^1] is { IsFragment: true } cut)
                next = Array.FindIndex(wanted, e => e.Revision == cut.Events[^1].Revision);
            start = next < wanted.Length ? wanted[next].Revision : _revision + 1;
        }
        while (next < wanted.Length);
        subscription.ToTheEnd = true;
        return subscription;
    }

    private int Tell(WatchStream stream, Subscription subscription, SeenEvent[] wanted, int next)
    {
        var end = Math.Min(wanted.Length, next + random.Next(1, 6));
        if (!subscription.Fragment)
        {
            while (end < wanted.Length && wanted[end].Revision == wanted[end - 1].Revision)
                end++;
        }

        var isCut = end < wanted.Length && wanted[end].Revision == wanted[end - 1].Revision;
        stream.Replies.Add(new WatchReply(0, WatchReplyKind.Events, _revision, wanted[next..end], isCut));
        if (!isCut && random.Next(3) == 0)
            stream.Replies.Add(new WatchReply(0, WatchReplyKind.Progress, end < wanted.Length ? wanted[end].Revision - 1 : _revision, []));
        return end;
    }

    private void Expire(long now)
    {
        foreach (var (lease, deadline) in _deadlines.Where(d => d.Value <= now).OrderBy(d => d.Value).ToArray())
        {
            _deadlines.Remove(lease);
            Drop(lease, deadline);
        }
    }

    private void Drop(long lease, long time)
    {
        var keys = _leaseOf.Where(p => p.Value == lease).Select(p => p.Key).Order(StringComparer.Ordinal).ToArray();
        if (keys.Length > 0)
            Change(time, [.. keys.Select(k => (k, (string?)null))]);
    }

    private void Change(long time, params (string Key, string? Value)[] changes)
    {
        _revision++;
        _seenAt[_revision] = time;
        foreach (var (key, value) in changes)
        {
            _log.Add(new KeyChange(_revision, key, value));
            _leaseOf.Remove(key);
            if (value is null)
                _state.Remove(key);
            else
                _state[key] = value;
        }
    }

    private void Do(long call, long effect, long returned, int client)
    {
        var kind = (OperationKind)random.Next(Enum.GetValues<OperationKind>().Length);
        var leases = _deadlines.Keys.ToArray();
        var lease = leases.Length == 0 ? 0 : leases[random.Next(leases.Length)];
        if (lease == 0 && kind is OperationKind.LeaseKeepAlive or OperationKind.LeaseRevoke)
            kind = OperationKind.Get;
        var draft = new Operation
        {
            Client = client, Node = "n1", Kind = kind, Key = Keys[random.Next(Keys.Length)], Call = call, Return = returned, Outcome = Outcome.Ok,
        };
        var isUnknown = random.Next(20) == 0;
        if (isUnknown && random.Next(2) == 0)
            Record(Draft(draft) with { Outcome = Outcome.Info, Return = Operation.Never, Lease = kind is OperationKind.LeaseKeepAlive or OperationKind.LeaseRevoke ? lease : 0 });
        else if (Carry(draft, effect, lease) is var done && isUnknown)
            Record(Draft(done) with { Outcome = Outcome.Info, Return = Operation.Never, Revision = 0, Succeeded = false, Seen = null });
        else
            Record(done);
    }

    /// <summary>What the client knew when it asked.</summary>
    private Operation Draft(Operation o) => o.Kind is OperationKind.Put or OperationKind.CompareAndSet or OperationKind.Delete ? o with { Value = o.Value ?? Name() } : o;

    private void Record(Operation operation)
    {
        if (!operation.Reads || operation.Outcome == Outcome.Ok)
            Operations.Add(operation with { Id = Operations.Count });
    }

    private string Name() => $"v{_names++}";

    private Operation Carry(Operation o, long time, long lease) => o.Kind switch
    {
        OperationKind.Get => Read(o),
        OperationKind.Range => o with { Key = "load/", SeenAll = [.. _state.Where(p => p.Key.StartsWith("load/", StringComparison.Ordinal)).OrderBy(p => p.Key, StringComparer.Ordinal)], Revision = _revision },
        OperationKind.Put => Put(o with { Value = Name() }, time, random.Next(3) == 0 ? lease : 0),
        OperationKind.CompareAndSet => Compare(o with { Value = Name() }, time),
        OperationKind.Delete => Delete(o with { Value = Name() }, time),
        OperationKind.LeaseGrant => Renew(o with { Lease = 1_000 + _names++ }, time),
        OperationKind.LeaseKeepAlive => Renew(o with { Lease = lease }, time),
        _ => Revoke(o with { Lease = lease }, time),
    };

    private Operation Read(Operation o)
    {
        if (random.Next(3) > 0)
            return o with { Seen = _state.GetValueOrDefault(o.Key), Revision = _revision };
        var old = Math.Max(1, _revision - random.Next(5));
        return o with { Serializable = true, Revision = old, Seen = _log.LastOrDefault(c => c.Key == o.Key && c.Revision <= old).Value };
    }

    private Operation Put(Operation o, long time, long lease)
    {
        Change(time, (o.Key, o.Value));
        if (lease != 0)
            _leaseOf[o.Key] = lease;
        return o with { Revision = _revision, Lease = lease };
    }

    private Operation Compare(Operation o, long time)
    {
        var held = _state.GetValueOrDefault(o.Key);
        if (random.Next(3) == 0)
            return o with { Expected = held + "x", Seen = held, Revision = _revision };
        Change(time, (o.Key, o.Value));
        return o with { Expected = held, Succeeded = true, Revision = _revision };
    }

    private Operation Delete(Operation o, long time)
    {
        var held = _state.GetValueOrDefault(o.Key);
        if (held is null)
            Change(time, (o.MarkerKey, o.Value));
        else
            Change(time, (o.Key, null), (o.MarkerKey, o.Value));
        return o with { Revision = _revision, Succeeded = held is not null, Seen = held };
    }

    private Operation Renew(Operation o, long time)
    {
        _deadlines[o.Lease] = time + 1_000 * Millisecond;
        return o with { Key = "", Ttl = 1, Succeeded = true, Revision = _revision };
    }

    private Operation Revoke(Operation o, long time)
    {
        _deadlines.Remove(o.Lease);
        Drop(o.Lease, time);
        return o with { Key = "", Succeeded = true, Revision = _revision };
    }
}

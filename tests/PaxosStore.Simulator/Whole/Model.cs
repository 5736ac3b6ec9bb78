using System.Collections.Immutable;
using PaxosStore.Consensus;
using PaxosStore.Kv;

namespace PaxosStore.Simulator.Whole;

/// <summary>A command as a client asked for it, and the bytes that stand for it in the log.</summary>
/// <param name="Client">Client session.</param>
/// <param name="Number">Number in the session.</param>
/// <param name="AcknowledgedBelow">The client has the answers to all requests below it.</param>
/// <param name="Command">What was asked.</param>
/// <param name="Call">The request of a client behind it; null for what nodes ask for themselves.</param>
internal sealed record Asked(ulong Client, long Number, long AcknowledgedBelow, KvCommand Command, Call? Call);

/// <summary>A lease, as the model has it.</summary>
internal sealed record ModelLease(long Id, long Ttl, TimeSpan Deadline, ImmutableSortedSet<string> Keys);

/// <summary>What becomes of one command of a slot.</summary>
internal readonly record struct ModelOutcome(Asked Asked, string Reply, bool Repeat);

/// <summary>Everything as of the end of a slot, and what its commands came to.</summary>
internal sealed record ModelSlot(
    long Slot, long Revision, long Compacted, TimeSpan LogTime, ModelAuth Auth, ImmutableSortedDictionary<long, ModelLease> Leases, int Events, ModelOutcome[] Outcomes)
{
    public IEnumerable<string> KeysOf(long lease) => Leases.TryGetValue(lease, out var found) ? found.Keys : [];
}

/// <summary>
/// Replays the chosen log by the book: what each command must answer, what every read at any slot must show, what every watch must bring. Kept apart from the
/// store in everything but the names of errors; commands are taken as they were asked, not as they are encoded.
/// </summary>
internal sealed class Model
{
    private readonly List<ModelSlot> _slots = [];
    private readonly Dictionary<ulong, (long Below, Dictionary<long, string> Replies)> _sessions = [];
    private ImmutableSortedDictionary<long, ModelLease> _leases = ImmutableSortedDictionary<long, ModelLease>.Empty;
    private ModelAuth _auth = ModelAuth.Initial;
    private TimeSpan _logTime;
    private ulong _term;

    public Model()
    {
        Keys = new ModelKeys { HasLease = id => _leases.ContainsKey(id), Moved = Move };
        _slots.Add(new ModelSlot(0, 1, -1, TimeSpan.Zero, _auth, _leases, 0, []));
    }

    public ModelKeys Keys { get; }

    public ModelSlot Last => _slots[^1];

    public ModelSlot this[long slot] => _slots[(int)slot];

    /// <summary>A request takes effect: for its first, and only, time.</summary>
    public Action<Asked, long, string> Effect { get; init; } = (_, _, _) => { };

    /// <summary>The next slot of the log.</summary>
    /// <param name="value">What was chosen.</param>
    /// <param name="find">Who asked for the bytes.</param>
    /// <param name="chosenId">The id that the store gave to a lease whose id was left to it, by place in the batch.</param>
    public ModelSlot Apply(Value value, Func<ReadOnlyMemory<byte>, Asked> find, Func<int, long> chosenId)
    {
        var slot = Last.Slot + 1;
        _term = Math.Max(_term, (ulong)value.Round);
        if (value.LogTime > _logTime) _logTime = value.LogTime;
        foreach (var due in _leases.Values.Where(l => l.Deadline <= _logTime).OrderBy(l => l.Deadline).ThenBy(l => l.Id).ToArray()) End(due);
        var outcomes = new ModelOutcome[value.Commands.Length];
        for (var i = 0; i < outcomes.Length; i++) outcomes[i] = ApplyOnce(find(value.Commands[i]), slot, i, chosenId);
        _slots.Add(new ModelSlot(slot, Keys.Revision, Keys.Compacted, _logTime, _auth, _leases, Keys.Events.Count, outcomes));
        return Last;
    }

    private ModelOutcome ApplyOnce(Asked asked, long slot, int index, Func<int, long> chosenId)
    {
        var known = _sessions.TryGetValue(asked.Client, out var session);
        if (asked.Command is OpenClientSessionCommand)
        {
            if (!known) session = (Math.Max(0, asked.AcknowledgedBelow), []);
            _sessions[asked.Client] = Acknowledge(session, asked.AcknowledgedBelow);
            return new ModelOutcome(asked, Text(ReplyText.Done), false);
        }

        if (!known) return new ModelOutcome(asked, Text(ReplyText.Refused(KvErrorCode.ClientSessionExpired)), false);
        if (asked.Number < session.Below || session.Replies.ContainsKey(asked.Number))
        {
            var said = session.Replies.GetValueOrDefault(asked.Number) ?? Text(ReplyText.Refused(KvErrorCode.ClientSessionExpired));
            _sessions[asked.Client] = Acknowledge(session, asked.AcknowledgedBelow);
            return new ModelOutcome(asked, said, true);
        }

        var reply = Text(Run(asked.Command, () => chosenId(index)));
        session = Acknowledge(session, asked.AcknowledgedBelow);
        session.Replies[asked.Number] = reply;
        _sessions[asked.Client] = session;
        Effect(asked, slot, reply);
        return new ModelOutcome(asked, reply, false);
    }

    private static (long, Dictionary<long, string>) Acknowledge((long Below, Dictionary<long, string> Replies) session, long below)
    {
        if (below <= session.Below) return session;
        foreach (var number in session.Replies.Keys.Where(n => n < below).ToArray()) session.Replies.Remove(number);
        return (below, session.Replies);
    }

    private string Text(string what) => ReplyText.Reply(what, Keys.Revision, _term);

    private string Run(KvCommand command, Func<long> chosenId)
    {
        var forbidden = _auth.May(command, KeysOf);
        if (forbidden != KvErrorCode.None) return ReplyText.Refused(forbidden);
        switch (command)
        {
            case WriteCommand c:
                var (reply, refusal) = Keys.Write(c.Op);
                return reply ?? ReplyText.Refused(refusal);
            case CompactCommand c:
                return DoneUnless(Keys.Compact(c.Revision));
            case LeaseGrantCommand c:
                return Grant(c, chosenId);
            case LeaseRevokeCommand c:
                if (!_leases.TryGetValue(c.Id, out var lease)) return ReplyText.Refused(KvErrorCode.LeaseNotFound);
                End(lease);
                return ReplyText.Revoked(lease.Keys.Count);
            case LeaseKeepAliveCommand c:
                return ReplyText.Kept(c.Ids.Select(id => KeepAlive(id, c.Caller)));
            case AuthCommand c:
                (_auth, var denied) = _auth.Change(c);
                return DoneUnless(denied);
            default:
                throw new InvalidOperationException($"the model knows no {command.GetType().Name}");
        }
    }

    private static string DoneUnless(KvErrorCode code) => code == KvErrorCode.None ? ReplyText.Done : ReplyText.Refused(code);

    private string Grant(LeaseGrantCommand c, Func<long> chosenId)
    {
        if (c.Id != 0 && _leases.ContainsKey(c.Id)) return ReplyText.Refused(KvErrorCode.LeaseExists);

        // An id left to the store may be any that is positive and free.
        var id = c.Id != 0 ? c.Id : chosenId();
        if (id <= 0 || _leases.ContainsKey(id)) return "a free id";
        var keys = ImmutableSortedSet.Create<string>(StringComparer.Ordinal);
        _leases = _leases.Add(id, new ModelLease(id, c.TtlSeconds, _logTime + TimeSpan.FromSeconds(c.TtlSeconds), keys));
        return ReplyText.Granted(id, c.TtlSeconds);
    }

    private long KeepAlive(long id, Caller? caller)
    {
        if (_auth.Enabled && _auth.MayLease(caller, id, KeysOf) != KvErrorCode.None) return LeaseKeepAliveResult.Denied;
        if (!_leases.TryGetValue(id, out var lease)) return 0;
        _leases = _leases.SetItem(id, lease with { Deadline = _logTime + TimeSpan.FromSeconds(lease.Ttl) });
        return lease.Ttl;
    }

    private void End(ModelLease lease)
    {
        _leases = _leases.Remove(lease.Id);
        Keys.DeleteAll(lease.Keys);
    }

    private IEnumerable<string> KeysOf(long lease) => _leases.TryGetValue(lease, out var found) ? found.Keys : [];

    private void Move(long from, long to, string key)
    {
        if (from == to) return;
        if (_leases.TryGetValue(from, out var left)) _leases = _leases.SetItem(from, left with { Keys = left.Keys.Remove(key) });
        if (_leases.TryGetValue(to, out var joined)) _leases = _leases.SetItem(to, joined with { Keys = joined.Keys.Add(key) });
    }
}

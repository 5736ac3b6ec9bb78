using PaxosStore.Consensus;
using PaxosStore.Kv;

namespace PaxosStore.Simulator.Whole;

/// <summary>
/// Holds everything that nodes apply and clients see against the <see cref="Model"/>'s replay of the chosen log: each write once, each answer as of its place, each
/// read of something that was and no older than what was known, no lease ended before its time, nothing for those who may not.
/// </summary>
internal sealed class HistoryJudge
{
    // All keys are compared every so many slots; what is wrong stays wrong.
    private const int LookEvery = 4;

    private static readonly RangeOp Everything = new(new KeyRange(new byte[] { 0 }, ReadOnlyMemory<byte>.Empty));

    private readonly Dictionary<ReadOnlyMemory<byte>, Asked> _asked = new(new ByContent());

    // Log time before which a lease may not end, by what clients were told; and the slot that says so.
    private readonly Dictionary<long, (TimeSpan Until, long Slot)> _promised = [];

    // An id may be given out again, even in the slot that revokes it.
    private readonly Dictionary<long, (long Slot, Call? Call)> _granted = [];

    public HistoryJudge()
    {
        Model = new Model { Effect = TakesEffect };
        Watches = new WatchJudge(Model);
    }

    public Model Model { get; }

    public WatchJudge Watches { get; }

    /// <summary>Highest slot whose effect some client has seen.</summary>
    public long KnownSlot { get; private set; }

    /// <summary>Highest revision some client has seen.</summary>
    public long KnownRevision { get; private set; }

    // What is asked.

    /// <summary>These bytes stand for a command from now on.</summary>
    public void Ask(ReadOnlyMemory<byte> bytes, Asked asked) => _asked.TryAdd(bytes, asked);

    public bool WasAsked(ReadOnlyMemory<byte> bytes) => _asked.ContainsKey(bytes);

    private void TakesEffect(Asked asked, long slot, string reply)
    {
        if (asked.Call is not { } call) return;
        Check(call.Slot == 0, "applied twice", $"{call} at #{call.Slot} and #{slot}");
        Check(!call.Denied, "happened though denied", $"{call} took effect at #{slot} after its client was told that it never will");
        (call.Slot, call.Expected) = (slot, reply);
    }

    // What is applied.

    /// <summary>A node applied a slot.</summary>
    public void Applied(int node, ChosenValue chosen, KvView view, IReadOnlyList<AppliedCommand> applied)
    {
        var slot = chosen.Slot.Number;
        if (slot == Model.Last.Slot + 1)
        {
            var before = Model.Last;
            Model.Apply(chosen.Value, bytes => _asked[bytes], i => applied[i].Result is LeaseGrantResult granted ? granted.Id : 0);
            foreach (var outcome in Model.Last.Outcomes) NoteGrant(slot, outcome);
            CheckLeases(before, Model.Last, view);
        }

        var expected = Model[slot];
        for (var i = 0; i < expected.Outcomes.Length; i++) CheckReply(node, slot, expected.Outcomes[i], applied[i]);
        Check(view.Revision == expected.Revision && view.CompactRevision == expected.Compacted && view.LogTime == expected.LogTime, "revision differs from the log",
            $"n{node + 1} at #{slot} stands at {view.Revision}, {view.CompactRevision}, {view.LogTime}, not {expected.Revision}, {expected.Compacted}, {expected.LogTime}");
        if (slot != Model.Last.Slot || slot % LookEvery != 0) return;
        var (keys, should) = (ReplyText.Of(view.Range(Everything)), Model.Keys.Range(Everything, expected.Revision));
        Check(keys == should, "state differs from the log", $"n{node + 1} at #{slot} holds {keys}, not {should}");
        Check(view.Auth.Enabled == expected.Auth.Enabled && view.Auth.Revision == expected.Auth.Revision, "permission", $"n{node + 1} at #{slot} has other users and roles");
    }

    private static void CheckReply(int node, long slot, ModelOutcome expected, AppliedCommand applied)
    {
        var said = ReplyText.Of(applied.Result);
        Check(applied.Repeat == expected.Repeat, "applied twice", $"n{node + 1} at #{slot} takes {expected.Asked.Command} for {(applied.Repeat ? "a repeat" : "new")}");
        Check(IsDenial(said) == IsDenial(expected.Reply), "permission", $"n{node + 1} at #{slot}: {expected.Asked.Command} is answered {said}, not {expected.Reply}");
        Check(said == expected.Reply, "reply differs from the log", $"n{node + 1} at #{slot}: {expected.Asked.Command} is answered {said}, not {expected.Reply}");
    }

    private static bool IsDenial(string reply) =>
        new[] { KvErrorCode.PermissionDenied, KvErrorCode.UserEmpty, KvErrorCode.AuthOldRevision }.Any(c => reply.StartsWith(ReplyText.Refused(c), StringComparison.Ordinal));

    private void NoteGrant(long slot, ModelOutcome outcome)
    {
        if (outcome is not { Repeat: false, Asked: { Command: LeaseGrantCommand grant, Call: var call } } || outcome.Reply.StartsWith("refused", StringComparison.Ordinal)) return;
        _granted[grant.Id] = (slot, call);
        _promised.Remove(grant.Id);
    }

    private void CheckLeases(ModelSlot before, ModelSlot now, KvView view)
    {
        var held = view.LeaseIds().ToHashSet();
        foreach (var id in before.Leases.Keys.Where(id => !held.Contains(id)))
        {
            Check(!now.Leases.ContainsKey(id), "lease ended early",
                $"{id} at #{now.Slot}, log time {now.LogTime}; it lasts until {now.Leases.GetValueOrDefault(id)?.Deadline}");
            var revoked = now.Outcomes.Any(o => o.Asked.Command is LeaseRevokeCommand r && r.Id == id);
            Check(revoked || !_promised.TryGetValue(id, out var promise) || now.LogTime >= promise.Until, "lease ended early",
                $"{id} at #{now.Slot}, log time {now.LogTime}, was promised until {_promised.GetValueOrDefault(id).Until}");
            _promised.Remove(id);
        }

        foreach (var id in held) Check(now.Leases.ContainsKey(id), "lease outlives its time", $"{id} at #{now.Slot}, log time {now.LogTime}");
        foreach (var id in now.Leases.Keys) Check(held.Contains(id), "lease ended early", $"{id} at #{now.Slot}, log time {now.LogTime}");
    }

    // What clients see.

    /// <summary>A write was answered.</summary>
    public void Answered(Call call, string reply, long revision)
    {
        Check(call.Slot != 0, "acknowledged before it is in the log", $"{call}: {reply}");
        Check(call.Expected == reply, "reply differs from the log", $"{call} at #{call.Slot} is answered {reply}, not {call.Expected}");
        Check(call.Slot > call.FloorSlot, "write before its past", $"{call} at #{call.Slot}, but #{call.FloorSlot} was known before it was asked");
        Check(revision >= call.FloorRevision, "revision goes back", $"{call} at {revision}, but {call.FloorRevision} was known before it was asked");
        Saw(call.Slot, revision);
        if (call.Command is LeaseGrantCommand grant && !reply.StartsWith("refused", StringComparison.Ordinal)) Promise(grant.Id, grant.TtlSeconds, call);
        else if (call.Command is LeaseKeepAliveCommand kept)
        {
            var text = reply[..reply.IndexOf(" at ", StringComparison.Ordinal)].Split(' ').Skip(1).ToArray();
            for (var i = 0; i < text.Length && i < kept.Ids.Length; i++)
            {
                if (long.TryParse(text[i], out var ttl) && ttl > 0) Promise(kept.Ids[i], ttl, call);
            }
        }
    }

    private void Promise(long id, long ttl, Call call)
    {
        var isOfAnEarlierOne = _granted.TryGetValue(id, out var granted) && (call.Slot < granted.Slot || (call.Slot == granted.Slot && call != granted.Call));
        if (id == 0 || isOfAnEarlierOne || !Model.Last.Leases.ContainsKey(id)) return;
        var until = Model[call.Slot].LogTime + TimeSpan.FromSeconds(ttl);
        if (!_promised.TryGetValue(id, out var known) || known.Slot < call.Slot) _promised[id] = (until, call.Slot);
    }

    /// <summary>A client was told that its request did not happen and never will.</summary>
    public static void Denied(Call call)
    {
        call.Denied = true;
        Check(call.Slot == 0, "happened though denied", $"{call} took effect at #{call.Slot}, its client was told that it never will");
    }

    /// <summary>A read was answered.</summary>
    /// <param name="call">What was asked.</param>
    /// <param name="slot">The state it was read from.</param>
    /// <param name="said">The answer.</param>
    /// <param name="compacted">How far the node that served it has compacted by now: an old state may have lost what lies below.</param>
    /// <param name="fresh">Nothing older was to be served than what was known when it was asked.</param>
    public void ReadAnswered(Call call, long slot, string said, long compacted, bool fresh)
    {
        var state = Model[slot];
        if (fresh)
        {
            Check(slot >= call.FloorSlot, "stale read", $"{call} saw #{slot}, but #{call.FloorSlot} was known before it was asked");
            Check(state.Revision >= call.FloorRevision, "stale read", $"{call} saw {state.Revision}, but {call.FloorRevision} was known before it was asked");
            Saw(slot, state.Revision);
        }

        var forbidden = state.Auth.May(call.Caller, call.Question!, state.KeysOf);
        var expected = forbidden != KvErrorCode.None ? ReplyText.Refused(forbidden) : Read(call.Question!, state, state.Compacted);
        if (said != expected && forbidden == KvErrorCode.None && said == ReplyText.Refused(KvErrorCode.Compacted)) expected = Read(call.Question!, state, compacted);
        Check(IsDenial(said) == IsDenial(expected), "permission", $"{call} of {call.Caller} at #{slot} is shown {said}, not {expected}");
        Check(said == expected, "read differs from the log", $"{call} at #{slot}: {call.Question} shows {said}, not {expected}");
    }

    private string Read(KvOp op, ModelSlot state, long compacted)
    {
        if (op is RangeOp range)
        {
            var error = ModelKeys.MayRead(range.Revision, state.Revision, compacted);
            return error == KvErrorCode.None ? Model.Keys.Range(range, state.Revision) : ReplyText.Refused(error);
        }

        var txn = (TxnOp)op;
        var holds = txn.Compare.All(c => Model.Keys.Holds(c, state.Revision));
        var replies = (holds ? txn.Success : txn.Failure).Select(inner => Read(inner, state, compacted)).ToList();
        return replies.Find(r => r.StartsWith("refused", StringComparison.Ordinal)) ?? ReplyText.Txn(holds, replies);
    }

    private void Saw(long slot, long revision) => (KnownSlot, KnownRevision) = (Math.Max(KnownSlot, slot), Math.Max(KnownRevision, revision));

    public static void Check(bool holds, string invariant, [System.Runtime.CompilerServices.InterpolatedStringHandlerArgument(nameof(holds))] Detail detail)
    {
        if (!holds) throw new ViolationException(invariant, detail.ToString());
    }

    private sealed class ByContent : IEqualityComparer<ReadOnlyMemory<byte>>
    {
        public bool Equals(ReadOnlyMemory<byte> x, ReadOnlyMemory<byte> y) => x.Span.SequenceEqual(y.Span);

        public int GetHashCode(ReadOnlyMemory<byte> bytes) => (int)Simulator.Snapshot.Of(bytes.Span);
    }
}

using System.Collections.Immutable;

namespace PaxosStore.Kv;

/// <summary>
/// The replicated state: a pure function of the log. <see cref="Apply"/> is called by one thread at a time; <see cref="View"/> and
/// <see cref="Watches"/> are for all threads.
/// </summary>
public sealed class KvStateMachine
{
    /// <summary>Most key leases ended at the start of one batch; the rest follow with the next.</summary>
    public const int MostLeaseExpiriesPerBatch = 1_000;

    private readonly ViewPins _pins = new();
    private KvState _state;
    private MvccStore _store;
    private Transactions _transactions;

    /// <summary>True once another machine has taken over the state.</summary>
    private bool _givenAway;

    /// <summary>A fresh state: revision 1, nothing compacted, slot 0.</summary>
    public KvStateMachine()
        : this(new KvState())
    {
    }

    internal KvStateMachine(KvState state)
    {
        (_state, _store, _transactions) = (state, state.Store, new Transactions(state.Store));
        Watches = new WatchHub(state.TakeView());
    }

    /// <summary>The state after the last batch; swapped once per <see cref="Apply"/>.</summary>
    public KvView View => Watches.View;

    /// <summary>Watchers of the event history.</summary>
    public WatchHub Watches { get; }

    /// <summary>
    /// Applies the next batch of the log and returns what became of each of its commands, in their order.
    /// </summary>
    /// <exception cref="InvalidOperationException">The batch is not the next one; nothing has happened.</exception>
    /// <exception cref="FormatException">A command can't be decoded; nothing has happened, and the node must stop rather than skip it.</exception>
    public IReadOnlyList<AppliedCommand> Apply(in LogBatch batch)
    {
        if (_givenAway) throw new InvalidOperationException("The state belongs to another machine now.");
        if (batch.Slot != _state.Slot + 1) throw new InvalidOperationException($"Slot {batch.Slot} does not follow slot {_state.Slot}.");
        var envelopes = Decode(batch.Commands);

        _state.Slot = batch.Slot;
        _state.Term = Math.Max(_state.Term, batch.Term);
        if (batch.LogTime > _state.LogTime) _state.LogTime = batch.LogTime;
        var firstEvent = _store.History.End;
        _store.BeginBatch(batch.WallClockUnixMs, _pins.Floor());
        ExpireLeases();
        _state.Sessions.Expire(_state.LogTime);
        _state.Auth = _state.Auth.Expire(_state.LogTime);

        var applied = envelopes.Length == 0 ? [] : new AppliedCommand[envelopes.Length];
        for (var i = 0; i < envelopes.Length; i++) applied[i] = ApplyOnce(envelopes[i], i);

        Watches.Publish(_state.TakeView(), firstEvent);
        return applied;
    }

    /// <summary>
    /// Between batches, on <see cref="Apply"/>'s thread: gives back a slice more of what compaction made unreadable, so that an idle store comes to rest small. True when
    /// there was something. The state stays the same; only what this node still holds beyond it gets less.
    /// </summary>
    public bool GiveBack()
    {
        var floor = _pins.Floor();
        if (_givenAway || !_store.HasToTrim(floor)) return false;
        _store.BeginBatch(_store.WallClockUnixMs, floor);
        Watches.Publish(_state.TakeView(), _store.History.End);
        return true;
    }

    /// <summary>
    /// The state as of now, with its history kept whole until the pin is disposed, however many compactions follow. For all threads. Pins are this node's
    /// affair: they delay giving memory back and change no result.
    /// </summary>
    public KvPin PinView() => _pins.Pin(Watches);

    /// <summary>
    /// Puts the state of <paramref name="newer"/> in the place of this one; only <see cref="Apply"/>'s thread may call it. Watchers stay open: each goes on
    /// from its cursor in the new history, or is told <see cref="KvErrorCode.Compacted"/> when that no longer reaches back so far. <paramref name="newer"/>
    /// is of no use afterwards.
    /// </summary>
    /// <exception cref="InvalidOperationException">It is not newer: its slot or its revision lies below this one's.</exception>
    public void Install(KvStateMachine newer)
    {
        ArgumentNullException.ThrowIfNull(newer);
        if (ReferenceEquals(newer, this) || newer._givenAway) throw new InvalidOperationException("The state belongs to another machine.");
        var (mine, theirs) = (View, newer.View);
        if (theirs.AppliedSlot < mine.AppliedSlot || theirs.Revision < mine.Revision)
        {
            throw new InvalidOperationException(
                $"Slot {theirs.AppliedSlot} at revision {theirs.Revision} is older than slot {mine.AppliedSlot} at revision {mine.Revision}.");
        }

        newer._givenAway = true;
        (_state, _store, _transactions) = (newer._state, newer._store, newer._transactions);
        Watches.Install(theirs);
    }

    private static CommandEnvelope[] Decode(IReadOnlyList<ReadOnlyMemory<byte>> commands)
    {
        if (commands.Count == 0) return [];
        var envelopes = new CommandEnvelope[commands.Count];
        for (var i = 0; i < envelopes.Length; i++) envelopes[i] = CommandCodec.Decode(commands[i]);
        return envelopes;
    }

    private void ExpireLeases()
    {
        // A suspect state changes no more until somebody has looked at it; those that are due end when the alarm is disarmed.
        if (_state.Alarms.IsUp(AlarmKind.Corrupt)) return;
        for (var i = 0; i < MostLeaseExpiriesPerBatch && _store.Leases.FirstDue(_state.LogTime) is { } due; i++) _store.Revoke(due);
    }

    private AppliedCommand ApplyOnce(CommandEnvelope envelope, int index)
    {
        var (client, number) = (envelope.ClientId, envelope.RequestNumber);
        var session = _state.Sessions.Use(client, _state.LogTime, _store.Edit);
        if (envelope.Command is OpenClientSessionCommand)
        {
            // Opening is idempotent by itself and takes no place among the numbered requests.
            session ??= _state.Sessions.Open(client, envelope.AcknowledgedBelow, _state.LogTime, _store.Edit);
            session.Acknowledge(envelope.AcknowledgedBelow);
            return new AppliedCommand(client, number, Done(), Repeat: false);
        }

        if (session is null) return new AppliedCommand(client, number, Refused(KvErrorCode.ClientSessionExpired), Repeat: false);

        if (number < session.AcknowledgedBelow || session.Find(number) is not null)
        {
            // What was acknowledged is forgotten: that it happened is not in doubt for the one who acknowledged, its result is gone.
            var known = session.Find(number) ?? Refused(KvErrorCode.ClientSessionExpired);
            session.Acknowledge(envelope.AcknowledgedBelow);
            return new AppliedCommand(client, number, known, Repeat: true);
        }

        var result = Run(envelope.Command, index);
        session.Acknowledge(envelope.AcknowledgedBelow);
        session.Remember(number, result);
        return new AppliedCommand(client, number, result, Repeat: false);
    }

    private KvResult Run(KvCommand command, int index)
    {
        var forbidden = _state.Alarms.Check(command);
        if (forbidden == KvErrorCode.None) forbidden = Authorised(command.Caller).Check(command);
        if (forbidden != KvErrorCode.None) return Refused(forbidden);
        switch (command)
        {
            case WriteCommand write:
                var error = _transactions.TryRun(write.Op, out var result);
                return error == KvErrorCode.None
                    ? new WriteResult(result!) { Revision = _store.Revision, Term = _state.Term }
                    : Refused(error);
            case CompactCommand compact:
                var refusal = _store.Compact(compact.Revision);
                return refusal == KvErrorCode.None ? Done() : Refused(refusal);
            case LeaseGrantCommand grant:
                return Grant(grant, index);
            case LeaseRevokeCommand revoke:
                return _store.Revoke(revoke.Id) is { } deleted
                    ? new LeaseRevokeResult(deleted) { Revision = _store.Revision, Term = _state.Term }
                    : Refused(KvErrorCode.LeaseNotFound);
            case LeaseKeepAliveCommand keepAlive:
                return KeepAlive(keepAlive);
            case PublishMemberCommand publish:
                return Publish(publish);
            case AuthCommand auth:
                (_state.Auth, var denial) = _state.Auth.Apply(auth, _state.LogTime);
                return denial == KvErrorCode.None ? Done() : Refused(denial);
            case AlarmCommand alarm:
                (_state.Alarms, var changed) = _state.Alarms.Change(alarm);
                return new AlarmResult(changed) { Revision = _store.Revision, Term = _state.Term };
            default:
                throw new InvalidOperationException($"Unknown command {command.GetType().Name}.");
        }
    }

    private KvResult Publish(PublishMemberCommand publish)
    {
        var known = _state.Members.GetValueOrDefault(publish.MemberId)?.Incarnation ?? 0;
        if (known != 0 && publish.Incarnation != 0 && publish.Incarnation != known) return Refused(KvErrorCode.WrongIncarnation);
        var incarnation = known != 0 ? known : publish.Incarnation;
        _state.Members = _state.Members.SetItem(publish.MemberId, new MemberAttributes(publish.Name, publish.ClientUrls, incarnation));
        return Done();
    }

    private KvResult Grant(LeaseGrantCommand grant, int index)
    {
        var id = grant.Id;
        if (id == 0) id = PickLeaseId(index);
        else if (_store.Leases.Contains(id)) return Refused(KvErrorCode.LeaseExists);
        _store.Leases.Grant(id, grant.TtlSeconds, _state.LogTime);
        return new LeaseGrantResult(id, grant.TtlSeconds) { Revision = _store.Revision, Term = _state.Term };
    }

    /// <summary>A free positive id, spread over the whole space but decided by the log alone.</summary>
    private long PickLeaseId(int index)
    {
        for (var seed = ((ulong)_state.Slot << 20) ^ (uint)index; ; seed += 0x9E3779B97F4A7C15)
        {
            var mixed = (seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9;
            mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
            var id = (long)((mixed ^ (mixed >> 31)) & long.MaxValue);
            if (id != 0 && !_store.Leases.Contains(id)) return id;
        }
    }

    private LeaseKeepAliveResult KeepAlive(LeaseKeepAliveCommand command)
    {
        var ttls = ImmutableArray.CreateBuilder<long>(command.Ids.Length);
        foreach (var id in command.Ids)
        {
            var allowed = Authorised(command.Caller).CheckLease(id, Access.Write) == KvErrorCode.None;
            ttls.Add(allowed ? _store.Leases.KeepAlive(id, _state.LogTime) : LeaseKeepAliveResult.Denied);
        }

        return new LeaseKeepAliveResult(ttls.MoveToImmutable()) { Revision = _store.Revision, Term = _state.Term };
    }

    private Authorisation Authorised(Caller? caller) => new(_state.Auth, _store.Leases.Table, caller);

    private DoneResult Done() => new() { Revision = _store.Revision, Term = _state.Term };

    private RefusedResult Refused(KvErrorCode code) => new(code) { Revision = _store.Revision, Term = _state.Term };
}

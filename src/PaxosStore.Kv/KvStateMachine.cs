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

    private readonly MvccStore _store = new();
    private readonly ClientSessions _sessions = new();
    private readonly Transactions _transactions;

    private ImmutableSortedDictionary<ulong, MemberAttributes> _members = ImmutableSortedDictionary<ulong, MemberAttributes>.Empty;
    private ulong _term;
    private long _slot;
    private TimeSpan _logTime;

    /// <summary>A fresh state: revision 1, nothing compacted, slot 0.</summary>
    public KvStateMachine()
    {
        _transactions = new Transactions(_store);
        Watches = new WatchHub(TakeView());
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
        if (batch.Slot != _slot + 1) throw new InvalidOperationException($"Slot {batch.Slot} does not follow slot {_slot}.");
        var envelopes = Decode(batch.Commands);

        _slot = batch.Slot;
        _term = Math.Max(_term, batch.Term);
        if (batch.LogTime > _logTime) _logTime = batch.LogTime;
        var firstEvent = _store.History.End;
        _store.BeginBatch(batch.WallClockUnixMs);
        ExpireLeases();
        _sessions.Expire(_logTime);

        var applied = envelopes.Length == 0 ? [] : new AppliedCommand[envelopes.Length];
        for (var i = 0; i < envelopes.Length; i++) applied[i] = ApplyOnce(envelopes[i], i);

        Watches.Publish(TakeView(), firstEvent);
        return applied;
    }

    private static CommandEnvelope[] Decode(IReadOnlyList<ReadOnlyMemory<byte>> commands)
    {
        if (commands.Count == 0) return [];
        var envelopes = new CommandEnvelope[commands.Count];
        for (var i = 0; i < envelopes.Length; i++) envelopes[i] = CommandCodec.Decode(commands[i]);
        return envelopes;
    }

    private KvView TakeView() => new(_store, _sessions, _members) { Term = _term, AppliedSlot = _slot, LogTime = _logTime };

    private void ExpireLeases()
    {
        for (var i = 0; i < MostLeaseExpiriesPerBatch && _store.Leases.FirstDue(_logTime) is { } due; i++) _store.Revoke(due);
    }

    private AppliedCommand ApplyOnce(CommandEnvelope envelope, int index)
    {
        var (client, number) = (envelope.ClientId, envelope.RequestNumber);
        var session = _sessions.Use(client, _logTime, _store.Edit);
        if (envelope.Command is OpenClientSessionCommand)
        {
            // Opening is idempotent by itself and takes no place among the numbered requests.
            session ??= _sessions.Open(client, envelope.AcknowledgedBelow, _logTime, _store.Edit);
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
        switch (command)
        {
            case WriteCommand write:
                var error = _transactions.TryRun(write.Op, out var result);
                return error == KvErrorCode.None
                    ? new WriteResult(result!) { Revision = _store.Revision, Term = _term }
                    : Refused(error);
            case CompactCommand compact:
                var refusal = _store.Compact(compact.Revision);
                return refusal == KvErrorCode.None ? Done() : Refused(refusal);
            case LeaseGrantCommand grant:
                return Grant(grant, index);
            case LeaseRevokeCommand revoke:
                return _store.Revoke(revoke.Id) is { } deleted
                    ? new LeaseRevokeResult(deleted) { Revision = _store.Revision, Term = _term }
                    : Refused(KvErrorCode.LeaseNotFound);
            case LeaseKeepAliveCommand keepAlive:
                return KeepAlive(keepAlive);
            case PublishMemberCommand publish:
                _members = _members.SetItem(publish.MemberId, new MemberAttributes(publish.Name, publish.ClientUrls));
                return Done();
            default:
                throw new InvalidOperationException($"Unknown command {command.GetType().Name}.");
        }
    }

    private KvResult Grant(LeaseGrantCommand grant, int index)
    {
        var id = grant.Id;
        if (id == 0) id = PickLeaseId(index);
        else if (_store.Leases.Contains(id)) return Refused(KvErrorCode.LeaseExists);
        _store.Leases.Grant(id, grant.TtlSeconds, _logTime);
        return new LeaseGrantResult(id, grant.TtlSeconds) { Revision = _store.Revision, Term = _term };
    }

    /// <summary>A free positive id, spread over the whole space but decided by the log alone.</summary>
    private long PickLeaseId(int index)
    {
        for (var seed = ((ulong)_slot << 20) ^ (uint)index; ; seed += 0x9E3779B97F4A7C15)
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
        foreach (var id in command.Ids) ttls.Add(_store.Leases.KeepAlive(id, _logTime));
        return new LeaseKeepAliveResult(ttls.MoveToImmutable()) { Revision = _store.Revision, Term = _term };
    }

    private DoneResult Done() => new() { Revision = _store.Revision, Term = _term };

    private RefusedResult Refused(KvErrorCode code) => new(code) { Revision = _store.Revision, Term = _term };
}

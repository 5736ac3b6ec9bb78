using System.Collections.Immutable;
using static PaxosStore.Consensus.InvariantViolationException;

namespace PaxosStore.Consensus;

/// <summary>
/// The memory of the cluster: promises, votes and, once the learner knows, what was chosen. Everything it says to other nodes about
/// promises and votes leaves after the records behind it are on disk.
/// </summary>
public sealed class Acceptor
{
    /// <summary>Stands for a value known to be chosen: above every ballot, since no ballot can change it any more.</summary>
    private static readonly Ballot Decided = new(long.MaxValue, new NodeId(ulong.MaxValue));

    private readonly NodeId _self;
    private readonly PaxosOptions _options;
    private readonly SafetyRules _rules;
    private readonly Effects _effects = new();
    private readonly SlotLog _log = new();

    // Invariant: never decreases; every vote's ballot is ≤ it (or Decided).
    private Ballot _promised;

    // Invariant: never decreases; every slot ≤ it holds its chosen value.
    private Slot _chosen;
    private Slot _chosenRecorded;

    // Invariant: never decreases while the process lives; not less than the log time of any value held.
    private TimeSpan _logTime;

    private Ballot _leaderRelayed;
    private TimeSpan _leaderRelayedAt = TimeSpan.MinValue;

    /// <summary>A fresh acceptor; replay its journal with <see cref="Recover"/> before the first step.</summary>
    public Acceptor(NodeId self, PaxosOptions options) : this(self, options, SafetyRules.Paxos)
    {
    }

    internal Acceptor(NodeId self, PaxosOptions options, SafetyRules rules) => (_self, _options, _rules) = (self, options, rules);

    /// <summary>No ballot below this one gets anything from here.</summary>
    public Ballot Promised => _promised;

    /// <summary>All slots ≤ it are chosen and held here.</summary>
    public Slot Chosen => _chosen;

    /// <summary>Highest slot voted in.</summary>
    public Slot Last => _log.Last;

    /// <summary>Takes one record of the journal, in the order written.</summary>
    public void Recover(JournalRecord record)
    {
        switch (record)
        {
            case PromiseRecord r:
                _promised = Max(_promised, r.Ballot);
                break;
            case AcceptRecord r:
                _promised = Max(_promised, r.Ballot);
                Hold(r.Slot, r.Ballot, r.Value);
                break;
            case LearnRecord r:
                Hold(r.Slot, Decided, r.Value);
                break;
            case ChosenRecord r:
                _chosen = Slot.Max(_chosen, r.Chosen);
                _chosenRecorded = _chosen;
                break;
            default:
                throw new ArgumentException($"unknown journal record {record.GetType().Name}", nameof(record));
        }
    }

    /// <summary>What the node's learner must hear after recovery, in order; nothing of it needs an answer from the disk.</summary>
    public IEnumerable<Message> RecoveredLog()
    {
        for (var slot = _log.First; slot <= _chosen;)
        {
            var values = ChosenFrom(slot);
            ThrowUnless(!values.IsEmpty, $"the journal says slots ≤ {_chosen} are chosen but holds nothing for {slot}");
            yield return new Entries(slot, values, _chosen);
            slot += values.Length;
        }

        for (var slot = _chosen.Next; slot <= _log.Last; slot = slot.Next)
        {
            if (_log.TryGet(slot, out var ballot, out var value)) yield return new LocallyAccepted(ballot, slot, [value], _chosen);
        }
    }

    /// <summary>One input, all its effects.</summary>
    /// <exception cref="InvariantViolationException">The node must stop.</exception>
    public Effects Step(NodeId from, Message message, TimeSpan now)
    {
        _effects.Clear();
        switch (message)
        {
            case Prepare m: OnPrepare(from, m); break;
            case Accept m: OnAccept(from, m, now); break;
            case Confirm m: OnConfirm(from, m, now); break;
            case Fetch m when from == _self: RepeatVotes(m.From); break;
            case Fetch m: _effects.Send(from, Role.Learner, new Entries(m.From, ChosenFrom(m.From), _chosen)); break;
            case Learned m: OnLearned(m); break;
        }

        return _effects;
    }

    private void OnPrepare(NodeId from, Prepare m)
    {
        // Who is so far behind that it can't even take the report is no good leader; it will catch up from others first.
        var tooFarBehind = _chosen - m.Held > _options.LearnerWindow;
        if (tooFarBehind || !_rules.MayPromise(m.Ballot, _promised))
        {
            _effects.Send(from, Role.Proposer, new PrepareRejected(m.Ballot, _promised));
            return;
        }

        if (m.Ballot > _promised)
        {
            // In memory at once, so that nothing lower slips in while the record is being written.
            _promised = m.Ballot;
            if (_rules.PromiseIsRecorded) _effects.Records.Add(new PromiseRecord(m.Ballot));
        }

        var outbox = _rules.PromiseWaitsForDisk ? _effects.AfterDurable : _effects.Now;
        var held = Slot.Min(m.Held, _chosen);
        var first = held.Next;
        var part = ImmutableArray.CreateBuilder<AcceptedEntry>();
        var size = 0;
        for (var slot = first; slot <= _log.Last; slot = slot.Next)
        {
            if (!_log.TryGet(slot, out var ballot, out var value) || !_rules.PromiseReports(slot, held)) continue;
            if (part.Count > 0 && size + value.Size > _options.MessageBytes)
            {
                outbox.Add(new Outgoing(from, Role.Proposer, new Promise(m.Ballot, _chosen, _logTime, first, slot + -1, part.ToImmutable())));
                part.Clear();
                (first, size) = (slot, 0);
            }

            part.Add(new AcceptedEntry(slot, slot <= _chosen ? Decided : ballot, value));
            size += value.Size;
        }

        outbox.Add(new Outgoing(from, Role.Proposer, new Promise(m.Ballot, _chosen, _logTime, first, Slot.End, part.ToImmutable())));
    }

    private void OnAccept(NodeId from, Accept m, TimeSpan now)
    {
        if (!_rules.MayAccept(m.Ballot, _promised))
        {
            _effects.Send(from, Role.Proposer, new AcceptRejected(m.Ballot, _promised));
            return;
        }

        // A late message of a ballot that lost: what it asks for contradicts what is chosen, so it gets no vote. Silence is always safe.
        if (ContradictsChosen(m)) return;

        var before = _promised;
        _promised = _rules.PromiseAfterAccept(m.Ballot, _promised);
        var slot = m.First;
        foreach (var value in m.Values)
        {
            Vote(slot, m.Ballot, value);
            slot = slot.Next;
        }

        // Votes carry the promise with them; where all slots are chosen already there is none, and the promise needs a record of its own.
        if (_promised > before && _effects.Records.Count == 0 && _rules.VoteIsRecorded) _effects.Records.Add(new PromiseRecord(_promised));
        if (_effects.Records.Count > 0) RecordChosen();
        var outbox = _rules.VoteWaitsForDisk ? _effects.AfterDurable : _effects.Now;
        outbox.Add(new Outgoing(from, Role.Proposer, new Accepted(m.Ballot, m.First, m.Values.Length)));
        _effects.Send(_self, Role.Learner, new LocallyAccepted(m.Ballot, m.First, m.Values, m.Chosen));
        RelayLeader(m.Ballot, now);
    }

    private bool ContradictsChosen(Accept m)
    {
        var slot = m.First;
        foreach (var value in m.Values)
        {
            if (_log.TryGet(slot, out var held, out var heldValue) && IsChosen(slot, held) && !heldValue.Equals(value)) return true;
            slot = slot.Next;
        }

        return false;
    }

    private bool IsChosen(Slot slot, Ballot held) => slot <= _chosen || held == Decided;

    private void Vote(Slot slot, Ballot ballot, Value value)
    {
        if (_log.TryGet(slot, out var held, out var heldValue) && (held == ballot || IsChosen(slot, held)))
        {
            ThrowUnless(heldValue.Equals(value), $"two values for {slot} under {ballot}");
            return;
        }

        Hold(slot, ballot, value);
        if (_rules.VoteIsRecorded) _effects.Records.Add(new AcceptRecord(slot, ballot, value));
    }

    private void Hold(Slot slot, Ballot ballot, Value value)
    {
        _log.Set(slot, ballot, value);
        if (value.LogTime > _logTime) _logTime = value.LogTime;
    }

    private void OnConfirm(NodeId from, Confirm m, TimeSpan now)
    {
        if (!_rules.MayConfirm(m.Ballot, _promised))
        {
            _effects.Send(from, Role.Proposer, new ConfirmRejected(m.Ballot, _promised));
            return;
        }

        if (m.LogTime > _logTime) _logTime = m.LogTime;
        _effects.Send(from, Role.Proposer, new Confirmed(m.Ballot, m.Number));
        if (m.Chosen > _chosen) _effects.Send(_self, Role.Learner, new ChosenUpTo(m.Ballot, m.Chosen));
        RelayLeader(m.Ballot, now);
    }

    /// <summary>For the learner beside us, which keeps a window of votes: those it may have had to let go, as far as they are of one ballot.</summary>
    private void RepeatVotes(Slot from)
    {
        if (!_log.TryGet(from, out var ballot, out _)) return;
        var values = ImmutableArray.CreateBuilder<Value>();
        var size = 0;
        for (var slot = from; values.Count < _options.LearnerWindow && _log.TryGet(slot, out var held, out var value); slot = slot.Next)
        {
            if (held != ballot) break;
            if (values.Count > 0 && size + value.Size > _options.MessageBytes) break;
            values.Add(value);
            size += value.Size;
        }

        _effects.Send(_self, Role.Learner, new LocallyAccepted(ballot, from, values.ToImmutable(), _chosen));
    }

    private void OnLearned(Learned m)
    {
        foreach (var (slot, value) in m.Missing)
        {
            if (slot <= _chosen) continue;
            if (_log.TryGet(slot, out _, out var held) && held.Equals(value)) continue;
            Hold(slot, Decided, value);
            _effects.Records.Add(new LearnRecord(slot, value));
        }

        for (var slot = _chosen.Next; slot <= m.Through; slot = slot.Next)
        {
            ThrowUnless(_log.TryGet(slot, out _, out _), $"{slot} is said to be chosen (≤ {m.Through}) but its value is not here");
        }

        _chosen = Slot.Max(_chosen, m.Through);
        if (_effects.Records.Count > 0) RecordChosen();
    }

    /// <summary>The watermark rides along with other records: on its own it is not worth a write.</summary>
    private void RecordChosen()
    {
        if (_chosen <= _chosenRecorded) return;
        _chosenRecorded = _chosen;
        _effects.Records.Add(new ChosenRecord(_chosen));
    }

    /// <summary>Tells the proposer beside us that a leader is alive, but not for every message of a busy one.</summary>
    private void RelayLeader(Ballot ballot, TimeSpan now)
    {
        if (ballot == _leaderRelayed && now - _leaderRelayedAt < _options.HeartbeatInterval / 2) return;
        (_leaderRelayed, _leaderRelayedAt) = (ballot, now);
        _effects.Send(_self, Role.Proposer, new LeaderSeen(ballot));
    }

    private ImmutableArray<Value> ChosenFrom(Slot from)
    {
        var values = ImmutableArray.CreateBuilder<Value>();
        var size = 0;
        for (var slot = from; slot <= _chosen && _log.TryGet(slot, out _, out var value); slot = slot.Next)
        {
            if (values.Count > 0 && size + value.Size > _options.MessageBytes) break;
            values.Add(value);
            size += value.Size;
        }

        return values.ToImmutable();
    }

    private static Ballot Max(Ballot a, Ballot b) => a > b ? a : b;
}

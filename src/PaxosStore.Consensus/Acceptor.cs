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
    private readonly Admission _admission;

    // What stands in for the slots before _log.First. Invariant: _base ≤ _chosen; on this node's disk a snapshot covers it.
    private Slot _base;

    // What governs the slots after _chosen, by the chosen values up to there.
    private ConfigurationHistory _configurations;

    // Invariant: never decreases; every vote's ballot is ≤ it (or Decided).
    private Ballot _promised;

    // Invariant: never decreases; every slot ≤ it holds its chosen value.
    private Slot _chosen;
    private Slot _chosenRecorded;

    // Highest slot that the proposer beside us asked the others to vote for while the disk here was behind.
    private Slot _proposed;

    // Invariant: never decreases while the process lives; not less than the log time of any value held.
    private TimeSpan _logTime;

    private Ballot _leaderRelayed;
    private TimeSpan _leaderRelayedAt = TimeSpan.MinValue;

    /// <summary>A fresh acceptor; replay its journal with <see cref="Recover(IReadOnlyList{JournalRecord})"/> before the first step.</summary>
    /// <param name="self">This node.</param>
    /// <param name="start">What the log begins with, unless the journal says otherwise.</param>
    /// <param name="options">Timing and bounds.</param>
    /// <param name="incarnation">Drawn when the journal was made.</param>
    /// <param name="forgetful">True when records of the journal have been lost: the node takes no part until others have told what it must know.</param>
    /// <param name="joined">True when <paramref name="start"/> is what a member told: that no other votes there, as far as that one knew, admits nobody.</param>
    /// <param name="life">Drawn at every start, so that answers to an introduction before it are told from answers to this one's.</param>
    public Acceptor(NodeId self, LogBase start, PaxosOptions options, ulong incarnation, bool forgetful = false, bool joined = false, ulong life = 0)
        : this(self, start, options, incarnation, forgetful, joined, life, SafetyRules.Paxos)
    {
    }

    internal Acceptor(NodeId self, LogBase start, PaxosOptions options, ulong incarnation, bool forgetful, bool joined, ulong life, SafetyRules rules)
    {
        (_self, _options, _rules) = (self, options, rules);
        _admission = new Admission(self, incarnation, forgetful, joined, start.Founders, life, rules);
        _configurations = new ConfigurationHistory(start.Configurations);
        Rebase(start);
    }

    /// <summary>No ballot below this one gets anything from here.</summary>
    public Ballot Promised => _promised;

    /// <summary>All slots ≤ it are chosen and held here.</summary>
    public Slot Chosen => _chosen;

    /// <summary>Highest slot voted in.</summary>
    public Slot Last => _log.Last;

    /// <summary>The log before this slot and the slot itself have been cut.</summary>
    public Slot Base => _base;

    /// <summary>Whether the node may vote; see <see cref="Hello"/>.</summary>
    public bool Admitted => _admission.Admitted;

    /// <summary>What governs the slots after <see cref="Chosen"/>, as far as the log up to it decides.</summary>
    public ImmutableArray<Governing> Configurations => _configurations.From(_chosen.Next);

    /// <summary>What a snapshot of the state at <see cref="Chosen"/> goes with.</summary>
    public TimeSpan LogTime => _logTime;

    /// <summary>Takes the records of the journal, in the order written.</summary>
    public void Recover(IReadOnlyList<JournalRecord> records)
    {
        // The last base first: votes for what was cut later need no room.
        for (var i = records.Count - 1; i >= 0; i--)
        {
            if (records[i] is not BaseRecord last) continue;
            Rebase(last.Base);
            break;
        }

        foreach (var record in records) Recover(record);
    }

    private void Recover(JournalRecord record)
    {
        switch (record)
        {
            case PromiseRecord r:
                _promised = Max(_promised, r.Ballot);
                break;
            case AcceptRecord r:
                _promised = Max(_promised, r.Ballot);
                if (r.Slot > _base) Hold(r.Slot, r.Ballot, r.Value);
                break;
            case LearnRecord r:
                if (r.Slot > _base) Hold(r.Slot, Decided, r.Value);
                break;
            case ChosenRecord r:
                MoveChosen(r.Chosen);
                _chosenRecorded = _chosen;
                break;
            case BaseRecord r:
                _promised = Max(_promised, r.Promised);
                MoveChosen(r.Chosen);
                _chosenRecorded = _chosen;
                foreach (var met in r.Met) _admission.Recover(met);
                break;
            case MetRecord r:
                _admission.Recover(r);
                break;
            case AdmittedRecord:
                _admission.Admit();
                break;
            default:
                throw new ArgumentException($"unknown journal record {record.GetType().Name}", nameof(record));
        }
    }

    /// <summary>
    /// What the node's learner must hear after recovery, in order; nothing of it needs an answer from the disk. When the log begins only after what the learner holds
    /// (all snapshots of this node are damaged), it hears how far the log reaches, and fetches.
    /// </summary>
    /// <param name="after">Where the learner starts: the slot of the snapshot it was made from.</param>
    /// <exception cref="InvariantViolationException">The journal lacks what it says is chosen.</exception>
    public IEnumerable<Message> RecoveredLog(Slot after)
    {
        if (after < _base)
        {
            yield return new Entries(after.Next, [], _chosen);
            yield break;
        }

        for (var slot = after.Next; slot <= _chosen;)
        {
            var values = ChosenFrom(slot);
            ThrowUnless(!values.IsEmpty, $"the journal says slots ≤ {_chosen} are chosen but holds nothing for {slot}");
            yield return new Entries(slot, values, _chosen);
            slot += values.Length;
        }

        for (var slot = Slot.Max(_chosen, after).Next; slot <= _log.Last; slot = slot.Next)
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
            case Prepare m: if (_rules.TakesPart(Admitted)) OnPrepare(from, m); break;
            case Accept m: if (_rules.TakesPart(Admitted)) OnAccept(from, m, now); break;
            case Confirm m: OnConfirm(from, m, now); break;
            case Fetch m when from == _self: RepeatVotes(m.From); break;
            case Fetch m: OnFetch(from, m.From); break;
            case Learned m: OnLearned(m); break;
            case Truncate m: OnTruncate(m.Base); break;
            case Installed m: OnInstalled(m.Base); break;
            case Hello m: _admission.OnHello(from, m, Configurations, _log.HasChangeAfter(_chosen), _promised, Slot.Max(_log.Last, _proposed), _effects); break;
            case AdmissionDurable when from == _self: _admission.Admit(); break;
            case Welcome m:
                _admission.OnWelcome(from, m, _effects);
                AdmitIfReady();
                break;
        }

        return _effects;
    }

    /// <summary>
    /// The disk is behind: whether a message is to be dropped, for its answer would have to wait. Whoever sends such a message repeats it, so it is not missed; but that
    /// others may vote for what this node proposed must be told to one that comes back and may have forgotten that it did.
    /// </summary>
    public bool DropsWhileBehind(NodeId from, Message message)
    {
        if (from == _self && message is Accept own) _proposed = Slot.Max(_proposed, own.First + (own.Values.Length - 1));
        return message switch
        {
            Prepare or Accept or Hello => true,
            Fetch m => from != _self && m.From > _base && HasLeft(from, m.From, Configurations),
            _ => false,
        };
    }

    /// <summary>Time passes: a node that may not vote yet introduces itself.</summary>
    public Effects Tick(TimeSpan now)
    {
        _effects.Clear();
        if (Admitted) return _effects;
        _admission.Tick(Configurations.Voters(), now, _options.HeartbeatInterval, _effects);
        AdmitIfReady();
        return _effects;
    }

    private void AdmitIfReady()
    {
        _admission.AskAgain(Configurations);
        if (!_admission.MayAdmit(Configurations, _chosen))
        {
            if (_admission.HasLostItsVotes(Configurations)) _effects.Stop = StopReason.JournalLost;
            return;
        }

        if (_admission.Promised > _promised)
        {
            _promised = _admission.Promised;
            _effects.Records.Add(new PromiseRecord(_promised));
        }

        _admission.Record(_effects);
    }

    // The log gets a new beginning.

    /// <summary>A snapshot on this node's disk covers the log up to there.</summary>
    private void OnTruncate(LogBase cut)
    {
        if (cut.Through <= _base || !_rules.MayTruncate(cut.Through, _chosen)) return;
        Rebase(cut);
        RecordBase(cut);
    }

    /// <summary>A snapshot took the place of a log that is not here.</summary>
    private void OnInstalled(LogBase installed)
    {
        if (installed.Through <= _chosen) return;
        Rebase(installed);
        RecordBase(installed);
    }

    private void RecordBase(LogBase cut)
    {
        // Before the base and after it: wherever a crash, or a journal that writes in portions, cuts the three apart, one of them outlives what the base makes superfluous.
        _chosenRecorded = _chosen;
        if (_admission.Recorded) _effects.Records.Add(new AdmittedRecord());
        _effects.Records.Add(new BaseRecord(cut, _promised, _chosen, _admission.Met));
        if (_admission.Recorded) _effects.Records.Add(new AdmittedRecord());
    }

    private void Rebase(LogBase start)
    {
        if (start.Through < _base) return;
        _base = start.Through;
        _log.DropThrough(_base);
        if (start.LogTime > _logTime) _logTime = start.LogTime;
        if (_base < _chosen) return;
        _chosen = _base;
        _configurations = new ConfigurationHistory(start.Configurations);
    }

    private void MoveChosen(Slot chosen)
    {
        for (var slot = _chosen.Next; slot <= chosen; slot = slot.Next)
        {
            if (_log.TryGet(slot, out _, out var value) && value.Next is { } next) _configurations.Add(slot, next, _rules);
        }

        _chosen = Slot.Max(_chosen, chosen);
        _configurations.ForgetBefore(_chosen.Next);
    }

    private void OnPrepare(NodeId from, Prepare m)
    {
        // Who is so far behind that it can't even take the report is no good leader; it is helped to catch up first: it may not know of anybody who leads.
        var tooFarBehind = _chosen - m.Held > _options.LearnerWindow || !_rules.ReportsAll(m.Held, _base);
        if (tooFarBehind || !_rules.MayPromise(m.Ballot, _promised) || _admission.HasUsed(m.Ballot))
        {
            _effects.Send(from, Role.Proposer, new PrepareRejected(m.Ballot, _promised));
            if (tooFarBehind) OnFetch(from, m.Held.Next);
            return;
        }

        if (m.Ballot > _promised)
        {
            // In memory at once, so that nothing lower slips in while the record is being written.
            _promised = m.Ballot;
            if (_rules.PromiseIsRecorded) _effects.Records.Add(new PromiseRecord(m.Ballot));
        }

        var outbox = _rules.PromiseWaitsForDisk ? _effects.AfterDurable : _effects.Now;
        var governing = Configurations;
        var held = Slot.Min(m.Held, _chosen);
        var first = held.Next;
        var part = ImmutableArray.CreateBuilder<AcceptedEntry>();
        var size = 0;
        for (var slot = first; slot <= _log.Last; slot = slot.Next)
        {
            if (!_log.TryGet(slot, out var ballot, out var value) || !_rules.PromiseReports(slot, held)) continue;
            if (part.Count > 0 && size + value.Size > _options.MessageBytes)
            {
                outbox.Add(new Outgoing(from, Role.Proposer, new Promise(m.Ballot, _chosen, _logTime, first, slot + -1, part.ToImmutable(), governing)));
                part.Clear();
                (first, size) = (slot, 0);
            }

            part.Add(new AcceptedEntry(slot, slot <= _chosen ? Decided : ballot, value));
            size += value.Size;
        }

        outbox.Add(new Outgoing(from, Role.Proposer, new Promise(m.Ballot, _chosen, _logTime, first, Slot.End, part.ToImmutable(), governing)));
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
        // Chosen and cut: whoever still asks for a vote there adopted the chosen value, and no promise of this node covers the slot any more.
        if (slot <= _base) return;
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
        if (!_rules.TakesPart(Admitted))
        {
            if (m.Chosen > _chosen) _effects.Send(_self, Role.Learner, new ChosenUpTo(m.Ballot, m.Chosen));
            RelayLeader(m.Ballot, now);
            return;
        }

        if (!_rules.MayConfirm(m.Ballot, _promised))
        {
            _effects.Send(from, Role.Proposer, new ConfirmRejected(m.Ballot, _promised));
            return;
        }

        if (m.LogTime > _logTime) _logTime = m.LogTime;
        _effects.Send(from, Role.Proposer, new Confirmed(m.Ballot, m.Number, _chosen));
        if (m.Chosen > _chosen) _effects.Send(_self, Role.Learner, new ChosenUpTo(m.Ballot, m.Chosen));
        RelayLeader(m.Ballot, now);
    }

    private void OnFetch(NodeId from, Slot first)
    {
        var governing = Configurations;
        if (first <= _base)
        {
            _effects.Send(from, Role.Learner, new Truncated(_base, _chosen));
        }
        else if (HasLeft(from, first, governing))
        {
            // It has all that it had a part in. It may go once it is on this disk that its part is over.
            RecordChosen();
            _effects.AfterDurable.Add(new Outgoing(from, Role.Learner, new NotMember(governing[^1].Configuration.Version)));
        }
        else
        {
            _effects.Send(from, Role.Learner, new Entries(first, ChosenFrom(first), _chosen));
        }
    }

    private static bool HasLeft(NodeId node, Slot first, ImmutableArray<Governing> governing) => first >= governing[0].From && !governing.Nodes().Contains(node);

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
            if (_rules.KeepsBallot(Admitted) && _log.TryGet(slot, out _, out var held) && held.Equals(value)) continue;
            Hold(slot, Decided, value);
            _effects.Records.Add(new LearnRecord(slot, value));
        }

        for (var slot = _chosen.Next; slot <= m.Through; slot = slot.Next)
        {
            ThrowUnless(_log.TryGet(slot, out _, out _), $"{slot} is said to be chosen (≤ {m.Through}) but its value is not here");
        }

        MoveChosen(m.Through);
        if (!Admitted) AdmitIfReady();
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

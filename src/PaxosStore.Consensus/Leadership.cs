using System.Collections.Immutable;
using static PaxosStore.Consensus.InvariantViolationException;

namespace PaxosStore.Consensus;

/// <summary>
/// Phase 2 under one ballot: slots in flight, the queue behind them, and read barriers. Made when phase 1 has its quorum, thrown away when the
/// node steps down; so nothing of one ballot can leak into another.
/// </summary>
internal sealed class Leadership
{
    private readonly NodeId _self;
    private readonly PaxosOptions _options;
    private readonly SafetyRules _rules;
    private readonly ImmutableArray<Value> _adopted;
    private readonly ReadRounds _reads;
    private readonly Followers _followers;

    // By all values proposed under this ballot. _governing is what governs the slots after _chosen, _audience all of its members.
    private readonly ConfigurationHistory _configurations;
    private ImmutableArray<Governing> _governing;
    private ImmutableArray<NodeId> _audience;

    // No-ops still to be proposed so that the newest configuration comes to govern soon.
    private Slot _fillThrough;

    // Invariant: _inFlight[i] is the value of slot _chosen + 1 + i.
    private readonly List<InFlight> _inFlight = [];
    private int _inFlightBytes;
    private Slot _chosen;
    private Slot _announced;

    // Invariant: bounded by QueueCommands and QueueBytes.
    private readonly Queue<ReadOnlyMemory<byte>> _queue = new();
    private int _queueBytes;
    private bool _tickWanted;

    private readonly LeaderClock _clock;

    private TimeSpan _heartbeatAt = TimeSpan.MinValue;
    private int _heartbeatsWithoutQuorum;
    private long _quorumNumberSeen;

    public Leadership(NodeId self, Ballot ballot, PaxosOptions options, SafetyRules rules, Preparation preparation, Instant now)
    {
        (_self, Ballot, _options, _rules) = (self, ballot, options, rules);
        _clock = new LeaderClock(rules, rules.TakeoverLogTime(preparation.HighestLogTime), now.Elapsed, options.ElectionTimeout);
        _followers = new Followers(HeartbeatsInElectionTimeout);
        _chosen = _announced = preparation.Held;
        _adopted = [.. preparation.Adopted(ballot, now.WallClock)];
        OwnFirst = _chosen + _adopted.Length + 1;
        _configurations = new ConfigurationHistory(preparation.GoverningFromHeld);
        FillUntilNewestGoverns();
        _reads = new ReadRounds(options, rules, ballot);
        Regovern();
    }

    public Ballot Ballot { get; }

    /// <summary>All slots ≤ it are chosen.</summary>
    public Slot Chosen => _chosen;

    /// <summary>Slot of the no-op that opens reads: the first of this ballot's own making.</summary>
    public Slot OwnFirst { get; }

    /// <summary>No quorum answered for an election time-out's worth of heartbeats. Counted in heartbeats sent, so a suspended process is not misled.</summary>
    public bool LostQuorum => _heartbeatsWithoutQuorum > HeartbeatsInElectionTimeout + 1;

    private int HeartbeatsInElectionTimeout => (int)(_options.ElectionTimeout / _options.HeartbeatInterval);

    /// <summary>The newest configuration in the log, though it may not govern yet.</summary>
    public Configuration Newest => _configurations.Newest;

    /// <summary>The voter that holds most of the log, of those heard lately; null when there is none.</summary>
    public NodeId? BestSuccessor()
    {
        NodeId? best = null;
        foreach (var voter in Newest.Voters)
        {
            if (voter == _self || !_followers.IsAlive(voter)) continue;
            if (best is null || _followers.Chosen(voter) > _followers.Chosen(best.Value)) best = voter;
        }

        return best;
    }

    public TimeSpan LogTime(Instant now) => _clock.Read(now.Elapsed);

    public void Start(Instant now, Effects effects)
    {
        foreach (var value in _adopted) Track(value, now);
        SendInPieces(_audience, _chosen.Next, _adopted, effects);
        _tickWanted = true;
        Flush(now, effects);
        Heartbeat(now, effects);
    }

    public void OnPropose(NodeId from, Propose m, Instant now, Effects effects)
    {
        var bytes = m.Commands.Sum(c => c.Length);
        if (_queue.Count + m.Commands.Length > _options.QueueCommands || (_queueBytes + bytes > _options.QueueBytes && _queue.Count > 0))
        {
            effects.Send(from, Role.Client, new ProposeRejected(m.Batch, Rejection.Overloaded));
            return;
        }

        foreach (var command in m.Commands) _queue.Enqueue(command);
        if (m.Commands.IsEmpty) _tickWanted = true;
        _queueBytes += bytes;
        Flush(now, effects);
    }

    public void OnReadBarrierRequest(NodeId from, ReadBarrierRequest m, Instant now, Effects effects)
    {
        if (!_reads.TryAdd(from, m.Number)) effects.Send(from, Role.Client, new ReadBarrierRejected(m.Number, Rejection.Overloaded));
        else StartReadRound(now, effects);
    }

    public void OnAccepted(NodeId from, Accepted m, Instant now, Effects effects)
    {
        if (!_rules.VoteCounts(Ballot, m.Ballot)) return;
        for (var i = Math.Max(0, (int)(m.First - _chosen.Next)); i < _inFlight.Count && i < m.First - _chosen.Next + m.Count; i++)
        {
            var slot = _inFlight[i];
            var voter = slot.Configuration.SetOf(from);
            slot.Votes |= voter;
            slot.Messages += voter.Count;
        }

        var audience = _audience;
        AdvanceWatermark();
        if (_chosen == _announced) return;
        if (audience != _audience) TellFormerMembers(audience, effects);
        Flush(now, effects);
        if (_chosen != _announced)
        {
            _announced = _chosen;
            effects.SendTo(_audience, Role.Learner, new ChosenUpTo(Ballot, _chosen));
        }

        StartReadRound(now, effects);
    }

    public void OnConfirmed(NodeId from, Confirmed m, Instant now, Effects effects)
    {
        if (!_rules.ConfirmationCounts(Ballot, m.Ballot)) return;
        _followers.Heard(from, m.Chosen, m.Number);
        var quorumNumber = _reads.Confirm(from, m.Number, _governing, effects);
        _clock.Heard(quorumNumber);
        if (quorumNumber > _quorumNumberSeen)
        {
            (_quorumNumberSeen, _heartbeatsWithoutQuorum) = (quorumNumber, 0);
            Flush(now, effects);
        }

        StartReadRound(now, effects);
    }

    public void Tick(Instant now, Effects effects)
    {
        if (now.Elapsed - _heartbeatAt >= _options.HeartbeatInterval)
        {
            Heartbeat(now, effects);
            Resend(now, effects);
            PromoteCandidates(now, effects);
        }

        Flush(now, effects);
    }

    /// <summary>Takes another configuration into the log; see <see cref="SafetyRules.MayReconfigure"/>.</summary>
    /// <returns>Why not; null when it was proposed.</returns>
    public Rejection? TryReconfigure(Configuration next, Instant now, Effects effects)
    {
        // To leave the voters a leader first hands over to one that stays.
        if (_configurations.Newest.IsVoter(_self) && !next.IsVoter(_self)) return Rejection.NotLeader;
        if (!_rules.MayReconfigure(next.Version == Newest.Version + 1, _configurations.NewestFrom <= _chosen.Next, _chosen >= OwnFirst)) return Rejection.NotNext;
        if (next.Voters.Any(v => !Newest.IsVoter(v) && !HasCaughtUp(v))) return Rejection.NotCaughtUp;
        if (next.Voters.Count(v => v == _self || _followers.IsAlive(v)) < next.QuorumSize) return Rejection.TooFewAlive;
        if (!MayPropose(now)) return Rejection.Overloaded;
        Propose(new Value(Ballot.Round, LogTime(now), now.WallClock, [], next), now, effects);
        Flush(now, effects);
        return null;
    }

    private void PromoteCandidates(Instant now, Effects effects)
    {
        foreach (var member in Newest.Members)
        {
            if (member.Kind != MemberKind.Candidate || !HasCaughtUp(member.Id)) continue;
            TryReconfigure(Newest.With(member.Id, MemberKind.Voter), now, effects);
            return;
        }
    }

    private bool HasCaughtUp(NodeId node) => _rules.HasCaughtUp(_chosen - _followers.Chosen(node), _followers.IsAlive(node));

    /// <summary>Tells waiting readers to ask elsewhere. Commands in queue or in flight are of unknown fate; whoever sent them repeats them.</summary>
    public void Abandon(Effects effects) => _reads.RejectAll(effects);

    public void CheckInvariants()
    {
        ThrowUnless(_inFlight.Count <= Math.Max(_options.PipelineWindow, _adopted.Length + 1), "more slots in flight than the window");
        ThrowUnless(_queue.Count <= _options.QueueCommands, "the queue is over its bound");
        ThrowUnless(_announced <= _chosen, "announced more than is chosen");
        ThrowUnless(_inFlight.Count <= Math.Max(Newest.Alpha, _adopted.Length), "a slot is in flight whose voters are not known");
    }

    private void AdvanceWatermark()
    {
        var done = 0;
        while (done < _inFlight.Count && _rules.WatermarkPasses(HasQuorum(_inFlight[done]), done + 1 < _inFlight.Count && HasQuorum(_inFlight[done + 1])))
        {
            _inFlightBytes -= _inFlight[done].Value.Size;
            done++;
        }

        _inFlight.RemoveRange(0, done);
        _chosen += done;
        if (done > 0 && _configurations.ForgetBefore(_chosen.Next)) Regovern();
    }

    private bool HasQuorum(InFlight slot) => _rules.IsQuorum(_rules.CountVoters(slot.Votes, slot.Messages), slot.Configuration);

    /// <summary>Who has left hears of the slot that says so; from then on nothing is sent there.</summary>
    private void TellFormerMembers(ImmutableArray<NodeId> before, Effects effects)
    {
        foreach (var node in before)
        {
            if (!_audience.Contains(node)) effects.Send(node, Role.Learner, new ChosenUpTo(Ballot, _chosen));
        }
    }

    /// <summary>Whoever proposed the newest configuration: in an idle cluster nothing else would bring it about.</summary>
    private void FillUntilNewestGoverns() => _fillThrough = _configurations.NewestFrom + -1;

    private void Regovern()
    {
        _governing = _configurations.From(_chosen.Next);
        _audience = _governing.Nodes();
    }

    private Slot NextSlot => _chosen + _inFlight.Count + 1;

    private bool MayPropose(Instant now) => HasRoom && _rules.MayStamp(_clock.StandsStill(now.Elapsed));

    private bool HasRoom =>
        _inFlight.Count < _options.PipelineWindow && _inFlightBytes < _options.PipelineBytes && _rules.KnowsVoters(NextSlot, _chosen, Newest.Alpha);

    /// <summary>
    /// Proposes what waits, as far as the window allows. While a few slots are in flight, commands gather: a batch is what arrived during the last write.
    /// </summary>
    private void Flush(Instant now, Effects effects)
    {
        while (MayPropose(now) && (NextSlot <= _fillThrough || (SomethingWaits && MayGoOn)))
        {
            var commands = ImmutableArray.CreateBuilder<ReadOnlyMemory<byte>>();
            var bytes = 0;
            while (_queue.TryPeek(out var command) && (bytes == 0 || bytes + command.Length <= _options.MaxBatchBytes))
            {
                commands.Add(_queue.Dequeue());
                bytes += command.Length;
            }

            _queueBytes -= bytes;
            _tickWanted = false;
            Propose(new Value(Ballot.Round, LogTime(now), now.WallClock, commands.ToImmutable()), now, effects);
        }
    }

    private bool SomethingWaits => _queue.Count > 0 || _tickWanted;

    /// <summary>The first slot of this ballot's own making waits for nothing but the window.</summary>
    private bool MayGoOn => _inFlight.Count < _options.EagerSlots || _queueBytes >= _options.BatchBytes || NextSlot == OwnFirst;

    private void Propose(Value value, Instant now, Effects effects)
    {
        var slot = NextSlot;
        _announced = _chosen;
        Track(value, now);
        effects.SendTo(_audience, Role.Acceptor, new Accept(Ballot, slot, [value], _chosen));
    }

    private void Track(Value value, Instant now)
    {
        var slot = NextSlot;
        _inFlight.Add(new InFlight(value, _configurations.At(slot)) { SentAt = now.Elapsed });
        _inFlightBytes += value.Size;
        if (value.Next is not { } next || !_configurations.Add(slot, next, _rules)) return;
        FillUntilNewestGoverns();
        Regovern();
    }

    private void Heartbeat(Instant now, Effects effects)
    {
        _heartbeatAt = now.Elapsed;
        _heartbeatsWithoutQuorum++;
        var number = _reads.NextNumber();
        _followers.Asked(number);
        effects.SendTo(_audience, Role.Acceptor, NewConfirm(number, now));
    }

    private Confirm NewConfirm(long number, Instant now) => new(Ballot, number, _chosen, _clock.Tell(number, now.Elapsed));

    private void StartReadRound(Instant now, Effects effects)
    {
        if (!_rules.ReadsOpen(_chosen, OwnFirst) || !_reads.TryBegin(_chosen, out var number)) return;
        effects.SendTo(_governing.Voters(), Role.Acceptor, NewConfirm(number, now));
        _reads.CompleteConfirmed(_governing, effects);
    }

    /// <summary>Messages get lost: what a voter has not answered for two heartbeats is sent to it again.</summary>
    private void Resend(Instant now, Effects effects)
    {
        var due = 0;
        while (due < _inFlight.Count && now.Elapsed - _inFlight[due].SentAt >= _options.HeartbeatInterval * 2) due++;
        if (due == 0) return;
        foreach (var voter in _governing.Voters())
        {
            var lacking = _inFlight.FindIndex(0, due, s => s.Configuration.IsVoter(voter) && !s.Votes.Contains(s.Configuration.SetOf(voter)));
            if (lacking < 0) continue;
            SendInPieces([voter], _chosen + lacking + 1, [.. _inFlight[lacking..due].Select(s => s.Value)], effects);
        }

        foreach (var slot in _inFlight.Take(due)) slot.SentAt = now.Elapsed;
    }

    private void SendInPieces(ImmutableArray<NodeId> to, Slot first, ImmutableArray<Value> values, Effects effects)
    {
        for (var begin = 0; begin < values.Length;)
        {
            var end = begin;
            for (var bytes = 0; end < values.Length && (end == begin || bytes + values[end].Size <= _options.MessageBytes); end++) bytes += values[end].Size;
            effects.SendTo(to, Role.Acceptor, new Accept(Ballot, first + begin, values[begin..end], _chosen));
            begin = end;
        }
    }

    private sealed class InFlight(Value value, Configuration configuration)
    {
        public Value Value { get; } = value;

        /// <summary>Who votes on it.</summary>
        public Configuration Configuration { get; } = configuration;

        public VoterSet Votes { get; set; }

        public int Messages { get; set; }

        public TimeSpan SentAt { get; set; }
    }
}

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
    private readonly Configuration _configuration;
    private readonly PaxosOptions _options;
    private readonly SafetyRules _rules;
    private readonly ImmutableArray<Value> _adopted;
    private readonly ReadRounds _reads;

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

    public Leadership(
        NodeId self, Ballot ballot, Configuration configuration, PaxosOptions options, SafetyRules rules, Preparation preparation, Instant now)
    {
        (_self, Ballot, _configuration, _options, _rules) = (self, ballot, configuration, options, rules);
        _clock = new LeaderClock(rules, rules.TakeoverLogTime(preparation.HighestLogTime), now.Elapsed, options.ElectionTimeout);
        _chosen = _announced = preparation.Held;
        _adopted = [.. preparation.Adopted(ballot, now.WallClock)];
        OwnFirst = _chosen + _adopted.Length + 1;
        _reads = new ReadRounds(configuration, options, rules, ballot);
    }

    public Ballot Ballot { get; }

    /// <summary>All slots ≤ it are chosen.</summary>
    public Slot Chosen => _chosen;

    /// <summary>Slot of the no-op that opens reads: the first of this ballot's own making.</summary>
    public Slot OwnFirst { get; }

    /// <summary>No quorum answered for an election time-out's worth of heartbeats. Counted in heartbeats sent, so a suspended process is not misled.</summary>
    public bool LostQuorum => _heartbeatsWithoutQuorum > (int)(_options.ElectionTimeout / _options.HeartbeatInterval) + 1;

    public TimeSpan LogTime(Instant now) => _clock.Read(now.Elapsed);

    public void Start(Instant now, Effects effects)
    {
        ImmutableArray<Value> values = [.. _adopted, new Value(Ballot.Round, LogTime(now), now.WallClock, [])];
        SendInPieces(_configuration.Members, _chosen.Next, values, effects);
        foreach (var value in values) Track(value, now);
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
        var voter = _configuration.SetOf(from);
        if (voter.Count == 0) return;
        for (var i = Math.Max(0, (int)(m.First - _chosen.Next)); i < _inFlight.Count && i < m.First - _chosen.Next + m.Count; i++)
        {
            var slot = _inFlight[i];
            slot.Votes |= voter;
            slot.Messages++;
        }

        AdvanceWatermark();
        if (_chosen == _announced) return;
        Flush(now, effects);
        if (_chosen != _announced)
        {
            _announced = _chosen;
            effects.SendTo(_configuration.Members, Role.Learner, new ChosenUpTo(Ballot, _chosen));
        }

        StartReadRound(now, effects);
    }

    public void OnConfirmed(NodeId from, Confirmed m, Instant now, Effects effects)
    {
        if (!_rules.ConfirmationCounts(Ballot, m.Ballot)) return;
        var quorumNumber = _reads.Confirm(from, m.Number, effects);
        _clock.Heard(quorumNumber);
        if (quorumNumber > _quorumNumberSeen) (_quorumNumberSeen, _heartbeatsWithoutQuorum) = (quorumNumber, 0);
        StartReadRound(now, effects);
    }

    public void Tick(Instant now, Effects effects)
    {
        if (now.Elapsed - _heartbeatAt >= _options.HeartbeatInterval)
        {
            Heartbeat(now, effects);
            Resend(now, effects);
        }

        Flush(now, effects);
    }

    /// <summary>Tells waiting readers to ask elsewhere. Commands in queue or in flight are of unknown fate; whoever sent them repeats them.</summary>
    public void Abandon(Effects effects) => _reads.RejectAll(effects);

    public void CheckInvariants()
    {
        ThrowUnless(_inFlight.Count <= Math.Max(_options.PipelineWindow, _adopted.Length + 1), "more slots in flight than the window");
        ThrowUnless(_queue.Count <= _options.QueueCommands, "the queue is over its bound");
        ThrowUnless(_announced <= _chosen, "announced more than is chosen");
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
    }

    private bool HasQuorum(InFlight slot) => _rules.IsQuorum(_rules.CountVoters(slot.Votes, slot.Messages), _configuration);

    /// <summary>
    /// Proposes what waits, as far as the window allows. While a few slots are in flight, commands gather: a batch is what arrived during the last write.
    /// </summary>
    private void Flush(Instant now, Effects effects)
    {
        while ((_queue.Count > 0 || _tickWanted) && _inFlight.Count < _options.PipelineWindow && _inFlightBytes < _options.PipelineBytes
            && (_inFlight.Count < _options.EagerSlots || _queueBytes >= _options.BatchBytes))
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
            var value = new Value(Ballot.Round, LogTime(now), now.WallClock, commands.ToImmutable());
            var slot = _chosen + _inFlight.Count + 1;
            _announced = _chosen;
            effects.SendTo(_configuration.Members, Role.Acceptor, new Accept(Ballot, slot, [value], _chosen));
            Track(value, now);
        }
    }

    private void Track(Value value, Instant now)
    {
        _inFlight.Add(new InFlight(value) { SentAt = now.Elapsed });
        _inFlightBytes += value.Size;
    }

    private void Heartbeat(Instant now, Effects effects)
    {
        _heartbeatAt = now.Elapsed;
        _heartbeatsWithoutQuorum++;
        effects.SendTo(_configuration.Members, Role.Acceptor, NewConfirm(_reads.NextNumber(), now));
    }

    private Confirm NewConfirm(long number, Instant now) => new(Ballot, number, _chosen, _clock.Tell(number, now.Elapsed));

    private void StartReadRound(Instant now, Effects effects)
    {
        if (!_rules.ReadsOpen(_chosen, OwnFirst) || !_reads.TryBegin(_chosen, out var number)) return;
        effects.SendTo(_configuration.Voters, Role.Acceptor, NewConfirm(number, now));
        _reads.CompleteConfirmed(effects);
    }

    /// <summary>Messages get lost: what a voter has not answered for two heartbeats is sent to it again.</summary>
    private void Resend(Instant now, Effects effects)
    {
        var due = 0;
        while (due < _inFlight.Count && now.Elapsed - _inFlight[due].SentAt >= _options.HeartbeatInterval * 2) due++;
        if (due == 0) return;
        foreach (var voter in _configuration.Voters)
        {
            var bit = _configuration.SetOf(voter);
            var lacking = _inFlight.FindIndex(0, due, s => !s.Votes.Contains(bit));
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

    private sealed class InFlight(Value value)
    {
        public Value Value { get; } = value;

        public VoterSet Votes { get; set; }

        public int Messages { get; set; }

        public TimeSpan SentAt { get; set; }
    }
}

using System.Collections.Immutable;
using static PaxosStore.Consensus.InvariantViolationException;

namespace PaxosStore.Consensus;

/// <summary>What a proposer is doing.</summary>
public enum ProposerPhase
{
    /// <summary>Follows a leader, or waits for its time-out.</summary>
    Idle,

    /// <summary>Asks whether a quorum would listen, before it raises a ballot.</summary>
    Probing,

    /// <summary>Phase 1 under a new ballot.</summary>
    Preparing,

    /// <summary>Phase 2: the distinguished proposer.</summary>
    Leading,
}

/// <summary>The time a driver gives to a step.</summary>
/// <param name="Elapsed">Monotonic time of this node; only differences matter.</param>
/// <param name="WallClock">Unix milliseconds; stamped on values, decides nothing.</param>
public readonly record struct Instant(TimeSpan Elapsed, long WallClock);

/// <summary>
/// The role that drives: election, phase 1 with adoption, then one <see cref="Leadership"/> at a time for phase 2 and read barriers.
/// </summary>
public sealed class Proposer
{
    private readonly NodeId _self;
    private readonly PaxosOptions _options;
    private readonly SafetyRules _rules;
    private readonly SplitMix _random;
    private readonly long _promisedAtStart;
    private readonly Effects _effects = new();

    private ProposerPhase _phase;

    // What governs the slots after those the learner beside us has handed on: whom to ask who leads. Phase 1 finds out what governs by itself.
    private ImmutableArray<Governing> _governing;

    // Invariant: strictly increases from one attempt to the next; its node is this one.
    private Ballot _ballot;
    private long _highestRound;

    private Ballot _leaderBallot;
    private bool _leaderAlive;
    private TimeSpan? _leaderSeenAt;
    private TimeSpan? _deadline;
    private TimeSpan _resendAt;
    private int _failedAttempts;

    private long _probe;
    private readonly HashSet<NodeId> _probeGrants = [];
    private Preparation _preparation;

    // Invariant: not null exactly while Leading; bound to _ballot.
    private Leadership? _leadership;

    /// <summary>A proposer that leads nothing.</summary>
    /// <param name="self">This node.</param>
    /// <param name="governing">What governs the slots after those handed on.</param>
    /// <param name="options">Timing and bounds.</param>
    /// <param name="promised">What this node's acceptor had promised when its journal was replayed: every ballot used so far is ≤ it.</param>
    /// <param name="seed">Seed for time-outs.</param>
    public Proposer(NodeId self, ImmutableArray<Governing> governing, PaxosOptions options, Ballot promised, ulong seed)
        : this(self, governing, options, promised, seed, SafetyRules.Paxos)
    {
    }

    internal Proposer(NodeId self, ImmutableArray<Governing> governing, PaxosOptions options, Ballot promised, ulong seed, SafetyRules rules)
    {
        (_self, _governing, _options, _rules) = (self, governing, options, rules);
        _random = new SplitMix(seed);
        _promisedAtStart = promised.Round;
        _preparation = new Preparation(self, governing, rules);
    }

    /// <summary>What it is doing.</summary>
    public ProposerPhase Phase => _phase;

    /// <summary>Its newest ballot.</summary>
    public Ballot Ballot => _ballot;

    /// <summary>The node it believes to lead, null when none gives signs of life.</summary>
    public NodeId? Leader => _phase == ProposerPhase.Leading ? _self : _leaderAlive ? _leaderBallot.Node : null;

    /// <summary>While leading: log time that a value proposed now would carry.</summary>
    public TimeSpan? LogTime(Instant now) => _leadership?.LogTime(now);

    /// <summary>While leading: all slots ≤ it are chosen.</summary>
    public Slot? Chosen => _leadership?.Chosen;

    /// <summary>One input, all its effects.</summary>
    /// <exception cref="InvariantViolationException">The node must stop.</exception>
    public Effects Step(NodeId from, Message message, Instant now)
    {
        _effects.Clear();
        switch (message)
        {
            case LeaderSeen m: OnLeaderSeen(m.Ballot, now); break;
            case Probe m: OnProbe(from, m, now); break;
            case ProbeAnswer m: OnProbeAnswer(from, m, now); break;
            case Promise m: OnPromise(from, m, now); break;
            case PrepareRejected m: OnRejected(m.Ballot, m.Promised, now); break;
            case AcceptRejected m: OnRejected(m.Ballot, m.Promised, now); break;
            case ConfirmRejected m: OnRejected(m.Ballot, m.Promised, now); break;
            case Accepted m: _leadership?.OnAccepted(from, m, now, _effects); break;
            case Confirmed m: _leadership?.OnConfirmed(from, m, now, _effects); break;
            case Propose m: OnPropose(from, m, now); break;
            case ReadBarrierRequest m: OnReadBarrierRequest(from, m, now); break;
            case Reconfigure m: OnReconfigure(from, m, now); break;
            case Configured m: _governing = m.Governing; break;
            case HandOver m: HandOver(m.To, now); break;
            case TakeOver m: OnTakeOver(m.Ballot, now); break;
        }

        CheckInvariants();
        return _effects;
    }

    /// <summary>Time passes.</summary>
    public Effects Tick(Instant now)
    {
        _effects.Clear();
        if (_leadership is { } leadership)
        {
            leadership.Tick(now, _effects);
            if (leadership.LostQuorum) StepDown(now);
        }
        else if (_rules.MayLead(_governing.VotesEverywhere(_self)))
        {
            TickElection(now.Elapsed);
        }

        CheckInvariants();
        return _effects;
    }

    // Election.

    private void TickElection(TimeSpan now)
    {
        _deadline ??= _governing.Voters() is [_] ? now : now + RandomTimeout();
        if (_leaderAlive && _leaderSeenAt is { } seen && now - seen >= _options.ElectionTimeout) _leaderAlive = false;
        if (now >= _deadline)
        {
            if (_phase == ProposerPhase.Preparing) _failedAttempts++;
            StartProbe(now);
        }
        else if (_phase == ProposerPhase.Preparing && now >= _resendAt)
        {
            SendPrepare(now);
        }
    }

    private TimeSpan RandomTimeout() => _options.ElectionTimeout * (1 + _random.NextUnit());

    /// <summary>After failed attempts rivals wait a random while, longer each time, so that one of them gets through.</summary>
    private TimeSpan BackOff() => _options.HeartbeatInterval * (0.5 + (_random.NextUnit() * (1 << Math.Min(_failedAttempts, 4))));

    private void StartProbe(TimeSpan now)
    {
        _phase = ProposerPhase.Probing;
        _leaderAlive = false;
        _probe++;
        _probeGrants.Clear();
        _deadline = now + (_options.ElectionTimeout / 2) + BackOff();
        foreach (var voter in _governing.Voters()) _effects.Send(voter, Role.Proposer, new Probe(_probe));
    }

    private void OnProbe(NodeId from, Probe m, Instant now)
    {
        var followsLeader = _phase == ProposerPhase.Leading
            || (from != _self && _leaderSeenAt is { } seen && now.Elapsed - seen < _options.ElectionTimeout);
        _effects.Send(from, Role.Proposer, new ProbeAnswer(m.Number, !followsLeader, _highestRound));
    }

    private void OnProbeAnswer(NodeId from, ProbeAnswer m, Instant now)
    {
        _highestRound = Math.Max(_highestRound, m.Round);
        if (_phase != ProposerPhase.Probing || m.Number != _probe || !m.Granted) return;
        _probeGrants.Add(from);
        if (_governing.All(g => _rules.IsQuorum(g.Configuration.SetOf(_probeGrants).Count, g.Configuration))) Prepare(now.Elapsed);
    }

    private void Prepare(TimeSpan now)
    {
        _highestRound = _rules.NextRound(_highestRound, _promisedAtStart);
        _ballot = new Ballot(_highestRound, _self);
        _phase = ProposerPhase.Preparing;
        _preparation = new Preparation(_self, _governing, _rules);
        _deadline = now + _options.ElectionTimeout + BackOff();
        SendPrepare(now);
    }

    private void SendPrepare(TimeSpan now)
    {
        _resendAt = now + _options.HeartbeatInterval;
        var everybody = !_rules.OwnPromiseFirst || (_preparation.HasPromised(_self) && _preparation.KnowsVoters);
        foreach (var voter in _preparation.Voters.Add(_self).Distinct())
        {
            if (voter == _self ? !_preparation.HasPromised(_self) : everybody && !_preparation.HasPromised(voter))
            {
                // The acceptor beside us is asked first and tells what it holds; the others need not report that.
                var held = voter == _self && _rules.OwnPromiseFirst ? Slot.End : _preparation.Held;
                _effects.Send(voter, Role.Acceptor, new Prepare(_ballot, held));
            }
        }
    }

    private void OnPromise(NodeId from, Promise m, Instant now)
    {
        _highestRound = Math.Max(_highestRound, m.Ballot.Round);
        if (!_rules.PromiseCounts(_ballot, _phase == ProposerPhase.Preparing, m.Ballot)) return;
        var asked = _preparation.HasPromised(_self) ? _preparation.Voters : [];
        _preparation.Add(from, m);
        if (_preparation.HasQuorum) Lead(now);
        else if (_preparation.HasPromised(_self) && !_preparation.Voters.SequenceEqual(asked)) SendPrepare(now.Elapsed);
    }

    private void Lead(Instant now)
    {
        _phase = ProposerPhase.Leading;
        _failedAttempts = 0;
        _deadline = null;
        _leadership = new Leadership(_self, _ballot, _options, _rules, _preparation, now);
        _leadership.Start(now, _effects);
    }

    private void OnLeaderSeen(Ballot ballot, Instant now)
    {
        _highestRound = Math.Max(_highestRound, ballot.Round);
        if (ballot < _leaderBallot || (_phase == ProposerPhase.Preparing && ballot < _ballot)) return;
        if (ballot > _ballot && _phase == ProposerPhase.Leading) StepDown(now);
        _leaderBallot = ballot;
        if (_phase == ProposerPhase.Leading || ballot == _ballot) return;

        // A rival got through phase 1: give way.
        _phase = ProposerPhase.Idle;
        _failedAttempts = 0;
        (_leaderAlive, _leaderSeenAt) = (true, now.Elapsed);
        _deadline = now.Elapsed + RandomTimeout();
    }

    private void OnRejected(Ballot asked, Ballot promised, Instant now)
    {
        _highestRound = Math.Max(_highestRound, promised.Round);
        if (asked != _ballot || promised <= _ballot) return;
        if (_phase == ProposerPhase.Leading)
        {
            StepDown(now);
        }
        else if (_phase == ProposerPhase.Preparing)
        {
            _failedAttempts++;
            _phase = ProposerPhase.Idle;
            _deadline = now.Elapsed + BackOff();
        }
    }

    /// <summary>Asks a voter to lead. This node goes on leading until it hears of the newer ballot, so nothing stands still meanwhile.</summary>
    private void HandOver(NodeId? to, Instant now)
    {
        if (_leadership is { } leadership && (to ?? leadership.BestSuccessor()) is { } successor && successor != _self)
        {
            _effects.Send(successor, Role.Proposer, new TakeOver(_ballot));
        }
    }

    /// <summary>The leader itself wants to be replaced: no need to ask whether others still follow it.</summary>
    private void OnTakeOver(Ballot ballot, Instant now)
    {
        _highestRound = Math.Max(_highestRound, ballot.Round);
        if (_phase is ProposerPhase.Leading or ProposerPhase.Preparing || ballot < _leaderBallot || !_rules.MayLead(_governing.VotesEverywhere(_self))) return;
        Prepare(now.Elapsed);
    }

    private void StepDown(Instant now)
    {
        _leadership!.Abandon(_effects);
        _leadership = null;
        _phase = ProposerPhase.Idle;
        _leaderAlive = false;
        _deadline = now.Elapsed + RandomTimeout();
    }

    // Clients.

    private void OnPropose(NodeId from, Propose m, Instant now)
    {
        if (_leadership is not { } leadership) _effects.Send(from, Role.Client, new ProposeRejected(m.Batch, Rejection.NotLeader));
        else leadership.OnPropose(from, m, now, _effects);
    }

    private void OnReadBarrierRequest(NodeId from, ReadBarrierRequest m, Instant now)
    {
        if (_leadership is not { } leadership) _effects.Send(from, Role.Client, new ReadBarrierRejected(m.Number, Rejection.NotLeader));
        else leadership.OnReadBarrierRequest(from, m, now, _effects);
    }

    private void OnReconfigure(NodeId from, Reconfigure m, Instant now)
    {
        var refusal = _leadership is { } leadership ? leadership.TryReconfigure(m.Next, now, _effects) : Rejection.NotLeader;
        if (refusal is not { } reason) return;
        if (reason == Rejection.NotLeader) HandOver(null, now);
        _effects.Send(from, Role.Client, new ReconfigureRejected(m.Number, reason));
    }

    private void CheckInvariants()
    {
        ThrowUnless(_phase == ProposerPhase.Leading == _leadership is not null, "leading and having a leadership are one");
        ThrowUnless(_leadership is null || _leadership.Ballot == _ballot, "a leadership is bound to the newest ballot");
        ThrowUnless(_ballot == Ballot.None || _ballot.Node == _self, "a node uses its own ballots only");
        _leadership?.CheckInvariants();
    }
}

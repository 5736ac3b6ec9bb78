using System.Collections.Immutable;
using static PaxosStore.Consensus.InvariantViolationException;

namespace PaxosStore.Consensus;

/// <summary>
/// Finds out what was chosen and hands it on in order. The leader's word covers votes of its own ballot, which came through the acceptor
/// beside us; whatever is missing is fetched from another node.
/// </summary>
public sealed class Learner
{
    private readonly NodeId _self;
    private readonly PaxosOptions _options;
    private readonly SafetyRules _rules;
    private readonly long _memberSince;
    private readonly Effects _effects = new();
    private readonly SnapshotFetch _snapshot;

    // By all values handed on. _governing is what governs the slots after _delivered.
    private ConfigurationHistory _configurations;
    private ImmutableArray<Governing> _governing;

    // Votes given here in slots not yet delivered. Invariant: only slots in (_delivered, _delivered + LearnerWindow].
    private readonly Dictionary<long, (Ballot Ballot, Value Value)> _votes = [];
    private readonly ImmutableArray<(Slot, Value)>.Builder _missing = ImmutableArray.CreateBuilder<(Slot, Value)>();

    // Invariant: never decreases; _delivered ≤ _known unless nothing was claimed yet.
    private Slot _delivered;
    private Slot _known;
    private (Ballot Ballot, Slot Chosen) _claim;
    private NodeId? _leader;

    private TimeSpan _behindSince;
    private TimeSpan _fetchUntil;
    private bool _fetching;
    private int _nextPeer;
    private bool _rereading;

    // The newest configuration leaves this node out: it stays until a quorum of that one needs it no longer.
    private bool _leaving;
    private readonly HashSet<NodeId> _dismissedBy = [];
    private TimeSpan _askedToLeave;
    private TimeSpan _askedAround;

    /// <summary>A learner that hands on what comes after <paramref name="start"/>.</summary>
    /// <param name="self">This node.</param>
    /// <param name="start">What stands in for the log before.</param>
    /// <param name="options">Timing and bounds.</param>
    /// <param name="memberSince">
    /// Version of the configuration that the node was told when it joined: it is a member there, so an older one (in a snapshot made before, or known to a peer that
    /// is behind) does not mean that it has been removed.
    /// </param>
    public Learner(NodeId self, LogBase start, PaxosOptions options, long memberSince = 0) : this(self, start, options, memberSince, SafetyRules.Paxos)
    {
    }

    internal Learner(NodeId self, LogBase start, PaxosOptions options, long memberSince, SafetyRules rules)
    {
        (_self, _options, _memberSince, _rules) = (self, options, memberSince, rules);
        _snapshot = new SnapshotFetch(options);
        _configurations = new ConfigurationHistory(start.Configurations);
        (_delivered, LogTime) = (start.Through, start.LogTime);
        Regovern();
    }

    /// <summary>What governs the slots after <see cref="Delivered"/>, as far as the log up to it decides.</summary>
    public ImmutableArray<Governing> Governing => _governing;

    /// <summary>Highest log time handed on.</summary>
    public TimeSpan LogTime { get; private set; }

    /// <summary>What stands in for the log up to <see cref="Delivered"/>, together with the state there.</summary>
    public LogBase Base => new(_delivered, LogTime, _governing);

    /// <summary>Highest slot handed on.</summary>
    public Slot Delivered => _delivered;

    /// <summary>Highest slot known to be chosen with all before it.</summary>
    public Slot Known => Slot.Max(_known, _delivered);

    /// <summary>One input, all its effects.</summary>
    /// <exception cref="InvariantViolationException">The node must stop.</exception>
    public Effects Step(NodeId from, Message message, TimeSpan now)
    {
        Begin();
        switch (message)
        {
            case LocallyAccepted m:
                var before = _delivered;
                Remember(m);
                Claim(m.Ballot, m.Chosen);
                if (_rereading && _delivered > before && _known > _delivered) Reread();
                break;
            case ChosenUpTo m:
                _leader = m.Ballot.Node;
                Claim(m.Ballot, m.Chosen);
                break;
            case Entries m:
                OnEntries(from, m, now);
                break;
            case Truncated m when m.Chosen > _delivered:
                _known = Slot.Max(_known, m.Chosen);
                if (m.Base > _delivered) _snapshot.Begin(from, _delivered, now, _effects);
                break;
            case SnapshotGone m:
                _snapshot.OnGone(from, m.Slot);
                break;
            case NotMember m when _leaving && m.Version >= _configurations.Newest.Version:
                OnDismissed(from);
                break;
        }

        End(now);
        return _effects;
    }

    /// <summary>
    /// Whether a message is one by which a learner catches up: asked for or received, it makes the acceptor beside it write what it lacks. What got lost of them is
    /// asked for again.
    /// </summary>
    public static bool AddsToBacklog(Message message) => message is Consensus.Fetch or Entries;

    /// <summary>Time passes: fetch what stays missing.</summary>
    public Effects Tick(TimeSpan now)
    {
        Begin();
        if (_snapshot.Tick(now, _effects)) _nextPeer++;
        if (_leaving) AskToLeave(now);
        if (now - _askedAround >= _options.ElectionTimeout * 4) AskAround(now);
        if (_fetching && now >= _fetchUntil)
        {
            // A peer that does not help is not asked twice in a row.
            _fetching = false;
            _nextPeer++;
            _rereading = true;
            Reread();
        }

        End(now);
        return _effects;
    }

    /// <summary>A piece of a snapshot has come; true when it is the one awaited: the driver stores it, then says <see cref="Stored"/>.</summary>
    public bool Awaits(NodeId from, SnapshotPiece piece) => piece.Base.Through > _delivered && _snapshot.Awaits(from, piece);

    /// <summary>The driver has begun to store the awaited piece.</summary>
    public void Storing() => _snapshot.Storing();

    /// <summary>The awaited piece is stored: ask for the next, as soon as <see cref="Tick"/> finds it due.</summary>
    public Effects Stored(SnapshotPiece piece, TimeSpan now)
    {
        Begin();
        _snapshot.Stored(piece, now, _effects);
        End(now);
        return _effects;
    }

    /// <summary>
    /// A snapshot that is whole and on this node's disk takes the place of the log up to its base; the state machine holds its state.
    /// </summary>
    public Effects Install(LogBase snapshot, TimeSpan now)
    {
        Begin();
        _snapshot.Installed();
        if (snapshot.Through > _delivered)
        {
            _delivered = snapshot.Through;
            if (snapshot.LogTime > LogTime) LogTime = snapshot.LogTime;
            foreach (var slot in _votes.Keys.Where(s => s <= _delivered.Number).ToArray()) _votes.Remove(slot);
            _configurations = new ConfigurationHistory(snapshot.Configurations);
            _fetching = false;
            Regovern();
            _effects.Send(_self, Role.Acceptor, new Installed(snapshot));
            DeliverVotes(_claim.Ballot, _claim.Chosen);
        }

        End(now);
        return _effects;
    }

    /// <summary>The snapshot being fetched turned out to be of no use: look again for what is missing.</summary>
    public void Abandon() => _snapshot.End();

    private void Regovern()
    {
        _governing = _configurations.From(_delivered.Next);
        _effects.Send(_self, Role.Proposer, new Configured(_governing));
        var leaving = _configurations.Newest.Version >= _memberSince && !_governing.Nodes().Contains(_self);
        if (leaving) _dismissedBy.Clear();
        if (leaving && _rules.MayLeave(dismissedByQuorum: false)) _effects.Stop = StopReason.Removed;
        _leaving = leaving;
    }

    /// <summary>
    /// What was chosen while this node had a vote can be proven without it only once a quorum of those that go on have on their disks that it is chosen. Before that
    /// they need its promises: a cluster of two that becomes one would stand still for ever.
    /// </summary>
    private void AskToLeave(TimeSpan now)
    {
        if (now - _askedToLeave < _options.HeartbeatInterval * 2) return;
        _askedToLeave = now;
        _effects.SendTo(_configurations.Newest.Voters, Role.Acceptor, new Fetch(_delivered.Next));
    }

    /// <summary>Nothing new for long: perhaps nobody thinks of this node any more.</summary>
    private void AskAround(TimeSpan now)
    {
        _askedAround = now;
        if (_fetching || _snapshot.Progress is not null) return;
        _nextPeer++;
        AskNextPeer();
    }

    private void OnDismissed(NodeId from)
    {
        _dismissedBy.Add(from);
        var newest = _configurations.Newest;
        if (_rules.MayLeave(newest.SetOf(_dismissedBy).Count >= newest.QuorumSize)) _effects.Stop = StopReason.Removed;
    }

    private void Begin()
    {
        _effects.Clear();
        _missing.Clear();
    }

    private void End(TimeSpan now)
    {
        if (_effects.Deliver.Count > 0)
        {
            _behindSince = _askedAround = now;
            _effects.Send(_self, Role.Acceptor, new Learned(_delivered, _missing.ToImmutable()));
        }

        if (_known <= _delivered)
        {
            _behindSince = now;
            _rereading = false;
            return;
        }

        var patience = _known - _delivered > _options.LearnerWindow ? TimeSpan.Zero : _options.HeartbeatInterval / 2;
        if (!_fetching && _snapshot.Progress is null && now - _behindSince >= patience) Fetch(now);
        ThrowUnless(_votes.Count <= _options.LearnerWindow, "a learner holds more slots than its window");
    }

    private void Remember(LocallyAccepted m)
    {
        var slot = m.First;
        foreach (var value in m.Values)
        {
            var ahead = slot - _delivered;
            if (ahead > 0 && ahead <= _options.LearnerWindow && (!_votes.TryGetValue(slot.Number, out var held) || m.Ballot >= held.Ballot))
            {
                _votes[slot.Number] = (m.Ballot, value);
            }

            slot = slot.Next;
        }
    }

    private void Claim(Ballot ballot, Slot chosen)
    {
        _known = Slot.Max(_known, chosen);
        if (chosen > _delivered && (ballot > _claim.Ballot || (ballot == _claim.Ballot && chosen > _claim.Chosen))) _claim = (ballot, chosen);
        DeliverVotes(ballot, chosen);
        DeliverVotes(_claim.Ballot, _claim.Chosen);
    }

    private void DeliverVotes(Ballot claim, Slot chosen)
    {
        while (_delivered < chosen && _votes.TryGetValue(_delivered.Number + 1, out var vote) && _rules.LocalVoteIsChosen(vote.Ballot, claim))
        {
            Deliver(_delivered.Next, vote.Value);
        }
    }

    private void OnEntries(NodeId from, Entries m, TimeSpan now)
    {
        _known = Slot.Max(_known, m.Chosen);
        var before = _delivered;
        var slot = m.First;
        foreach (var value in m.Values)
        {
            if (_rules.IsNext(slot, _delivered))
            {
                _missing.Add((slot, value));
                Deliver(slot, value);
            }

            slot = slot.Next;
        }

        DeliverVotes(_claim.Ballot, _claim.Chosen);
        // Without progress the running fetch times out, so that peers which lack the slot too are not asked in a tight circle.
        if (_delivered == before) return;
        _fetching = false;

        // Who helped is asked again, even if it took so long that another one was asked meanwhile.
        _nextPeer = Math.Max(0, Peers().IndexOf(from));
        if (_known > _delivered) Fetch(now);
    }

    private void Deliver(Slot slot, Value value)
    {
        _delivered = Slot.Max(_delivered, slot);
        _votes.Remove(slot.Number);
        if (value.LogTime > LogTime) LogTime = value.LogTime;
        var isNext = value.Next is { } next && _configurations.Add(slot, next, _rules);
        _effects.Deliver.Add(new ChosenValue(slot, value, isNext ? value.Next : null));
        if (_configurations.ForgetBefore(_delivered.Next) || isNext) Regovern();
    }

    /// <summary>Perhaps the votes are all on this node but fell outside the window when they were given.</summary>
    private void Reread() => _effects.Send(_self, Role.Acceptor, new Fetch(_delivered.Next));

    private void Fetch(TimeSpan now)
    {
        (_fetching, _fetchUntil) = (true, now + _options.HeartbeatInterval * 2);
        AskNextPeer();
    }

    private void AskNextPeer()
    {
        var peers = Peers();
        var peer = peers[_nextPeer % peers.Length];
        if (peer == _self && peers.Length > 1) peer = peers[++_nextPeer % peers.Length];
        _effects.Send(peer, Role.Acceptor, new Fetch(_delivered.Next));
    }

    /// <summary>Members, and who leads: it has what is missing, and all that this node knows may have left while it was away.</summary>
    private ImmutableArray<NodeId> Peers()
    {
        var peers = _governing.Nodes();
        return _leader is { } leader && !peers.Contains(leader) ? peers.Add(leader) : peers;
    }
}

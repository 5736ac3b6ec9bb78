using System.Collections.Immutable;

namespace PaxosStore.Consensus;

/// <summary>
/// Phase 1 of one ballot: gathers promises, and from a quorum of them tells what must be proposed again. That is everything above what this node's own
/// acceptor holds as chosen, also slots that another acceptor knows to be chosen: it may be gone by the time this node would fetch them from it.
/// </summary>
internal sealed class Preparation(NodeId self, ImmutableArray<Governing> governing, SafetyRules rules)
{
    private readonly HashSet<NodeId> _promised = [];
    private readonly Dictionary<NodeId, SortedDictionary<long, long>> _covered = [];
    private readonly SortedDictionary<long, AcceptedEntry> _votes = [];
    private int _messages;

    // What governs the suffix: by the values up to Held, and with those that the promises report after it.
    private ImmutableArray<Governing> _fromHeld = governing;
    private ImmutableArray<Governing> _governing = governing;
    private bool _reportsNext;

    /// <summary>
    /// Who joined, or began with the snapshot of a node that had, knows from which slot on the configurations govern that it was told of, but not who votes before.
    /// </summary>
    public bool KnowsVoters => _governing[0].From <= Held.Next;

    /// <summary>A quorum of every configuration that governs a slot of the suffix promised, and this node, which votes in all of them, is one of it.</summary>
    public bool HasQuorum => KnowsVoters
        && rules.LeadsOnPromises(HasPromised(self))
        && rules.MayLead(_governing.VotesEverywhere(self))
        && rules.ToPrepare(_governing).All(g => rules.IsQuorum(rules.CountVoters(g.Configuration.SetOf(_promised), _messages), g.Configuration));

    /// <summary>Whose promises count.</summary>
    public ImmutableArray<NodeId> Voters => _governing.Voters();

    /// <summary>What governs the suffix by the values up to <see cref="Held"/> alone.</summary>
    public ImmutableArray<Governing> GoverningFromHeld => _fromHeld;

    /// <summary>This node's own acceptor holds all slots ≤ it as chosen; fixed once that acceptor has promised.</summary>
    public Slot Held { get; private set; }

    /// <summary>Highest log time among chosen and reported values.</summary>
    public TimeSpan HighestLogTime { get; private set; }

    public bool HasPromised(NodeId voter) => _promised.Contains(voter);

    public void Add(NodeId from, Promise m)
    {
        if (from == self && !HasPromised(self) && m.Chosen >= Held) (Held, _fromHeld) = (m.Chosen, m.Governing);
        if (!_covered.TryGetValue(from, out var covered)) _covered[from] = covered = [];
        covered[m.First.Number] = Math.Max(m.Last.Number, covered.GetValueOrDefault(m.First.Number));
        Raise(m.LogTime);
        foreach (var vote in m.Entries)
        {
            if (!_votes.TryGetValue(vote.Slot.Number, out var best) || rules.Supersedes(vote.Ballot, best.Ballot)) _votes[vote.Slot.Number] = vote;
            _reportsNext |= vote.Value.Next is not null;
            Raise(vote.Value.LogTime);
        }

        FindGoverning();
        if (!rules.PromiseComplete(CoversAllAfter(Held, covered))) return;
        _promised.Add(from);
        _messages++;
    }

    /// <summary>
    /// Adopted values decide who votes further on: a slot more than α after one of them was proposed only when that one was chosen, so here it is reported, and
    /// what it says is certain for every slot that any acceptor has voted in.
    /// </summary>
    private void FindGoverning()
    {
        _governing = _fromHeld;
        if (!_reportsNext) return;
        var history = new ConfigurationHistory(_fromHeld);
        foreach (var (slot, vote) in _votes)
        {
            if (slot > Held.Number && vote.Value.Next is { } next) history.Add(new Slot(slot), next, rules);
        }

        _governing = history.From(Held.Next);
    }

    private static bool CoversAllAfter(Slot held, SortedDictionary<long, long> covered)
    {
        var reached = held.Number;
        foreach (var (first, last) in covered)
        {
            if (first > reached + 1) return false;
            if (last == Slot.End.Number) return true;
            reached = Math.Max(reached, last);
        }

        return false;
    }

    /// <summary>
    /// The values to propose again from the slot after <see cref="Held"/> on: per slot the reported value of the highest ballot, a no-op where
    /// nobody of the quorum voted (so nothing can have been chosen there).
    /// </summary>
    public IEnumerable<Value> Adopted(Ballot ballot, long wallClock)
    {
        if (!rules.AdoptsReportedValues) yield break;
        var next = Held.Next;
        foreach (var (slot, vote) in _votes)
        {
            if (slot < next.Number) continue;
            for (; next.Number < slot; next = next.Next) yield return new Value(ballot.Round, HighestLogTime, wallClock, []);
            yield return vote.Value;
            next = next.Next;
        }
    }

    private void Raise(TimeSpan logTime)
    {
        if (logTime > HighestLogTime) HighestLogTime = logTime;
    }
}

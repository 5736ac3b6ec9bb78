namespace PaxosStore.Consensus;

/// <summary>
/// Phase 1 of one ballot: gathers promises, and from a quorum of them tells what must be proposed again. That is everything above what this node's own
/// acceptor holds as chosen, also slots that another acceptor knows to be chosen: it may be gone by the time this node would fetch them from it.
/// </summary>
internal sealed class Preparation(NodeId self, Configuration configuration, SafetyRules rules)
{
    private readonly Dictionary<NodeId, SortedDictionary<long, long>> _covered = [];
    private readonly SortedDictionary<long, AcceptedEntry> _votes = [];
    private VoterSet _promised;
    private int _messages;

    /// <summary>A quorum promised; final once true.</summary>
    public bool HasQuorum => rules.IsQuorum(rules.CountVoters(_promised, _messages), configuration);

    /// <summary>This node's own acceptor holds all slots ≤ it as chosen; fixed once that acceptor has promised.</summary>
    public Slot Held { get; private set; }

    /// <summary>Highest log time among chosen and reported values.</summary>
    public TimeSpan HighestLogTime { get; private set; }

    public bool HasPromised(NodeId voter) => _promised.Contains(configuration.SetOf(voter)) && configuration.IsVoter(voter);

    public void Add(NodeId from, Promise m)
    {
        if (!configuration.IsVoter(from)) return;
        if (from == self && !HasPromised(self)) Held = Slot.Max(Held, m.Chosen);
        if (!_covered.TryGetValue(from, out var covered)) _covered[from] = covered = [];
        covered[m.First.Number] = Math.Max(m.Last.Number, covered.GetValueOrDefault(m.First.Number));
        Raise(m.LogTime);
        foreach (var vote in m.Entries)
        {
            if (!_votes.TryGetValue(vote.Slot.Number, out var best) || rules.Supersedes(vote.Ballot, best.Ballot)) _votes[vote.Slot.Number] = vote;
            Raise(vote.Value.LogTime);
        }

        if (!rules.PromiseComplete(CoversAllAfter(Held, covered))) return;
        _promised |= configuration.SetOf(from);
        _messages++;
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

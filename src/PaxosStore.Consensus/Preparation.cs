namespace PaxosStore.Consensus;

/// <summary>Phase 1 of one ballot: gathers promises, and from a quorum of them tells where the log stands and what must be proposed again.</summary>
internal sealed class Preparation(Configuration configuration, SafetyRules rules)
{
    private readonly Dictionary<NodeId, HashSet<int>> _parts = [];
    private readonly SortedDictionary<long, AcceptedEntry> _votes = [];
    private VoterSet _promised;
    private int _messages;

    /// <summary>A quorum promised; final once true.</summary>
    public bool HasQuorum => rules.IsQuorum(rules.CountVoters(_promised, _messages), configuration);

    /// <summary>Highest slot that is chosen, with all before it, according to the acceptors that promised.</summary>
    public Slot Chosen { get; private set; }

    /// <summary>Highest log time among chosen and reported values.</summary>
    public TimeSpan HighestLogTime { get; private set; }

    public bool HasPromised(NodeId voter) => _promised.Contains(configuration.SetOf(voter)) && configuration.IsVoter(voter);

    public void Add(NodeId from, Promise m)
    {
        if (!configuration.IsVoter(from)) return;
        if (!_parts.TryGetValue(from, out var parts)) _parts[from] = parts = [];
        parts.Add(m.Part);
        Chosen = Slot.Max(Chosen, m.Chosen);
        Raise(m.ChosenLogTime);
        foreach (var vote in m.Entries)
        {
            if (!_votes.TryGetValue(vote.Slot.Number, out var best) || rules.Supersedes(vote.Ballot, best.Ballot)) _votes[vote.Slot.Number] = vote;
            Raise(vote.Value.LogTime);
        }

        if (!rules.PromiseComplete(parts.Count, m.Parts)) return;
        _promised |= configuration.SetOf(from);
        _messages++;
    }

    /// <summary>
    /// The values to propose again from the slot after <see cref="Chosen"/> on: per slot the reported value of the highest ballot, a no-op where
    /// nobody of the quorum voted (so nothing can have been chosen there).
    /// </summary>
    public IEnumerable<Value> Adopted(Ballot ballot, long wallClock)
    {
        if (!rules.AdoptsReportedValues) yield break;
        var next = Chosen.Next;
        var logTime = TimeSpan.Zero;
        foreach (var (slot, vote) in _votes)
        {
            if (slot < next.Number) continue;
            for (; next.Number < slot; next = next.Next) yield return new Value(ballot.Round, logTime, wallClock, []);
            logTime = vote.Value.LogTime;
            yield return vote.Value;
            next = next.Next;
        }
    }

    private void Raise(TimeSpan logTime)
    {
        if (logTime > HighestLogTime) HighestLogTime = logTime;
    }
}

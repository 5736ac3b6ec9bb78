namespace PaxosStore.Consensus;

/// <summary>
/// Read barriers of one leadership: reads that wait share a confirmation round; a round is done once a quorum of acceptors answered
/// a confirmation of this ballot numbered at or after it. Numbers are never re-used, so a late answer can't vouch for a younger round.
/// </summary>
internal sealed class ReadRounds(Configuration configuration, PaxosOptions options, SafetyRules rules, Ballot ballot)
{
    // Highest confirmation number each voter answered, in the order of the configuration's voters.
    private readonly long[] _confirmed = new long[configuration.Voters.Length];
    private readonly Queue<Round> _rounds = new();
    private List<(NodeId From, long Number)> _waiting = [];
    private int _count;
    private long _number;

    public Ballot Ballot => ballot;

    public long NextNumber() => ++_number;

    /// <summary>Takes a read; false when too many wait already.</summary>
    public bool TryAdd(NodeId from, long number)
    {
        if (_count >= options.QueueReads) return false;
        _waiting.Add((from, number));
        _count++;
        return true;
    }

    /// <summary>Starts a round for the reads that wait, unless enough rounds are on their way already.</summary>
    public bool TryBegin(Slot chosen, out long number)
    {
        number = 0;
        if (_waiting.Count == 0 || _rounds.Count >= options.ReadRounds) return false;
        number = NextNumber();
        _rounds.Enqueue(new Round(number, chosen, _waiting));
        _waiting = [];
        return true;
    }

    /// <summary>Notes an answer; returns the highest number that a quorum has answered.</summary>
    public long Confirm(NodeId from, long number, Effects effects)
    {
        var index = configuration.IndexOf(from);
        if (index >= 0) _confirmed[index] = Math.Max(_confirmed[index], number);
        CompleteConfirmed(effects);
        return QuorumNumber();
    }

    public void CompleteConfirmed(Effects effects)
    {
        var quorumNumber = QuorumNumber();
        while (_rounds.TryPeek(out var round) && rules.RoundConfirmed(quorumNumber, round.Number))
        {
            _rounds.Dequeue();
            _count -= round.Reads.Count;
            foreach (var (from, number) in round.Reads) effects.Send(from, Role.Client, new ReadBarrier(number, round.Chosen));
        }
    }

    public void RejectAll(Effects effects)
    {
        foreach (var (from, number) in _rounds.SelectMany(r => r.Reads).Concat(_waiting))
        {
            effects.Send(from, Role.Client, new ReadBarrierRejected(number, Rejection.NotLeader));
        }
    }

    private long QuorumNumber()
    {
        Span<long> sorted = stackalloc long[_confirmed.Length];
        _confirmed.CopyTo(sorted);
        sorted.Sort();
        return sorted[^configuration.QuorumSize];
    }

    private readonly record struct Round(long Number, Slot Chosen, List<(NodeId From, long Number)> Reads);
}

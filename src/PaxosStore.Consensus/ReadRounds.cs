using System.Collections.Immutable;

namespace PaxosStore.Consensus;

/// <summary>
/// Read barriers of one leadership: reads that wait share a confirmation round; a round is done once a quorum of acceptors answered
/// a confirmation of this ballot numbered at or after it. Numbers are never re-used, so a late answer can't vouch for a younger round.
/// </summary>
internal sealed class ReadRounds(PaxosOptions options, SafetyRules rules, Ballot ballot)
{
    // Highest confirmation number each node answered.
    private readonly Dictionary<NodeId, long> _confirmed = [];
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
    public long Confirm(NodeId from, long number, ImmutableArray<Governing> governing, Effects effects)
    {
        _confirmed[from] = Math.Max(_confirmed.GetValueOrDefault(from), number);
        CompleteConfirmed(governing, effects);
        return QuorumNumber(governing);
    }

    public void CompleteConfirmed(ImmutableArray<Governing> governing, Effects effects)
    {
        var quorumNumber = QuorumNumber(governing);
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

    /// <summary>A rival must have won a quorum of whatever governs the first slot that is not chosen yet; a quorum of all that is known to govern meets it.</summary>
    private long QuorumNumber(ImmutableArray<Governing> governing)
    {
        var least = long.MaxValue;
        Span<long> numbers = stackalloc long[64];
        foreach (var (_, configuration) in governing)
        {
            var sorted = numbers[..configuration.Voters.Length];
            for (var i = 0; i < sorted.Length; i++) sorted[i] = _confirmed.GetValueOrDefault(configuration.Voters[i]);
            sorted.Sort();
            least = Math.Min(least, sorted[^configuration.QuorumSize]);
        }

        return least;
    }

    private readonly record struct Round(long Number, Slot Chosen, List<(NodeId From, long Number)> Reads);
}

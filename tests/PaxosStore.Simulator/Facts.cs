using System.Runtime.CompilerServices;
using System.Text;
using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>A proposal for one slot under one ballot, and who has it on disk.</summary>
internal sealed class Proposal(Ballot ballot, Value value, long proposedAt)
{
    public Ballot Ballot { get; } = ballot;

    public Value Value { get; } = value;

    /// <summary>When this value was first proposed for the slot, under whatever ballot.</summary>
    public long ProposedAt { get; } = proposedAt;

    /// <summary>Nodes with this vote on disk.</summary>
    public ulong Voters { get; set; }

    /// <summary>Nodes that had it on disk and lost it: the leader of the ballot may still count them, nobody else can.</summary>
    public ulong Lost { get; set; }
}

/// <summary>What the judge knows of one slot.</summary>
internal sealed class SlotFacts
{
    private readonly List<Proposal> _proposals = new(2);

    public IReadOnlyList<Proposal> Proposals => _proposals;

    public Value? Chosen { get; set; }

    public Ballot ChosenUnder { get; set; }

    /// <summary>Highest log time up to here; known once all slots before are chosen.</summary>
    public TimeSpan LogTime { get; set; }

    /// <summary>Hash chain of whoever applied it first.</summary>
    public ulong? Chain { get; set; }

    /// <summary>Digest of the whole state there.</summary>
    public ulong State { get; set; }

    public Proposal? Find(Ballot ballot)
    {
        foreach (var proposal in _proposals)
        {
            if (proposal.Ballot == ballot) return proposal;
        }

        return null;
    }

    public void Propose(Ballot ballot, Value value, long now) => _proposals.Add(new Proposal(ballot, value, Math.Min(now, FirstProposedAt(value))));

    public long FirstProposedAt(Value value)
    {
        foreach (var proposal in _proposals)
        {
            if (proposal.Value.Equals(value)) return proposal.ProposedAt;
        }

        return long.MaxValue;
    }
}

/// <summary>What the judge knows of one node: its disk, and the highest ballots it has spoken for.</summary>
internal sealed class NodeFacts
{
    private readonly List<(Ballot Ballot, Value? Value)> _votes = [];

    public Ballot DurablePromise { get; set; }

    /// <summary>Highest promise that was ever on this node's disks.</summary>
    public Ballot Promised { get; set; }

    /// <summary>Highest ballot of its own that it has spoken for.</summary>
    public Ballot SaidOwn { get; set; }

    /// <summary>Highest ballot of each other node that it has spoken for.</summary>
    public Dictionary<NodeId, Ballot> SaidOthers { get; } = [];

    public Ballot Said
    {
        get
        {
            var highest = SaidOwn;
            foreach (var ballot in SaidOthers.Values)
            {
                if (ballot > highest) highest = ballot;
            }

            return highest;
        }
    }

    /// <summary>Its journal says that it may vote.</summary>
    public bool Admitted { get; set; }

    /// <summary>It has been admitted under an identity whose journal is gone: it may never vote again.</summary>
    public bool Wiped { get; set; }

    /// <summary>Records of its journal were lost since it was admitted.</summary>
    public bool Forgetful { get; set; }

    /// <summary>Highest slot in which it voted before it lost its journal, and so did another node: that one must have told it so before it votes again.</summary>
    public Dictionary<NodeId, Slot> Shared { get; } = [];

    /// <summary>The log on its disk begins after it.</summary>
    public Slot Base { get; set; }

    /// <summary>All slots ≤ it are chosen, its disk says.</summary>
    public Slot DurableChosen { get; set; }

    /// <summary>How far it has said to be; far behind everything as long as it has not said so.</summary>
    public Slot Claimed { get; set; } = new(-1_000);

    /// <summary>Newest snapshot on its disk that is whole.</summary>
    public Slot Snapshot { get; set; }

    /// <summary>A snapshot that was there has been damaged.</summary>
    public bool Hollow { get; set; }

    /// <summary>Incarnations that were ever on its disks.</summary>
    public HashSet<(NodeId Node, ulong Incarnation)> Met { get; } = [];

    public void Hold(Slot slot, Ballot ballot, Value value)
    {
        var index = (int)slot.Number - 1;
        while (_votes.Count <= index) _votes.Add(default);
        _votes[index] = (ballot, value);
    }

    public void LetGo(Slot slot)
    {
        if (slot.Number <= _votes.Count) _votes[(int)slot.Number - 1] = default;
    }

    public (Ballot Ballot, Value Value)? Held(Slot slot) =>
        slot.Number <= _votes.Count && _votes[(int)slot.Number - 1] is { Value: { } value } vote ? (vote.Ballot, value) : null;

    /// <summary>A restart would find that value, as a vote or in a snapshot.</summary>
    public bool Holds(Slot slot, SlotFacts facts) => slot <= Base ? slot <= Snapshot
        : Held(slot) is { } held && held.Ballot >= facts.ChosenUnder && held.Value.Equals(facts.Chosen);

    /// <summary>Its journal is gone, or was put aside.</summary>
    public void Forget()
    {
        _votes.Clear();
        (DurablePromise, SaidOwn, Admitted, Base, DurableChosen) = (Ballot.None, Ballot.None, false, Slot.Zero, Slot.Zero);
    }
}

/// <summary>
/// Log time as the state machine sees it (never going back) against true time: between any two slots it may not pass faster than the fastest clock, counted
/// from the proposal of the first to the choice of the second. Otherwise a key lease renewed in the first could expire early at the second. Tolerated: what a
/// replaced leader may run on unheard (one election time-out), and where acceptors may have forgotten in a crash what they had heard, as much as there was
/// time without anything chosen, hence nothing on disk that tells the time.
/// </summary>
internal sealed class ClockCheck(bool crashes)
{
    private const double FastestClock = 1.1;

    private TimeSpan _logTime;
    private double _bound = double.MaxValue;
    private long _chosenAt;
    private long _quiet;

    private double Tolerance => (1.2 * Plan.ElectionTimeout) + (crashes ? FastestClock * _quiet : 0);

    /// <summary>A slot was chosen.</summary>
    public void Chosen(long now)
    {
        _quiet = Math.Max(_quiet, now - _chosenAt);
        _chosenAt = now;
    }

    public void Applied(ChosenValue delivered, long proposedAt, long now)
    {
        if (delivered.Value.LogTime > _logTime) _logTime = delivered.Value.LogTime;
        var micros = _logTime.Ticks / 10.0;
        if (micros > (FastestClock * now) + 1)
        {
            throw new ViolationException("log time runs ahead", $"{_logTime} at {delivered.Slot}, true time {now} us");
        }

        if (micros - (FastestClock * now) > _bound + Tolerance)
        {
            var early = micros - (FastestClock * now) - _bound;
            throw new ViolationException("log time jumps", $"{_logTime} at {delivered.Slot}: a lease renewed before would expire {early:F0} us early");
        }

        _bound = Math.Min(_bound, micros - (FastestClock * proposedAt));
    }
}

/// <summary>Text of a failed check; not even put together while the check holds.</summary>
[InterpolatedStringHandler]
internal readonly ref struct Detail
{
    private readonly StringBuilder? _text;

    public Detail(int literalLength, int formattedCount, bool holds, out bool wanted)
    {
        wanted = !holds;
        _text = wanted ? new StringBuilder(literalLength + (formattedCount * 8)) : null;
    }

    public void AppendLiteral(string text) => _text!.Append(text);

    public void AppendFormatted<T>(T value) => _text!.Append(value);

    public override string ToString() => _text?.ToString() ?? "";
}

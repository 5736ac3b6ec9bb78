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

    public ulong Voters { get; set; }
}

/// <summary>What the judge knows of one slot.</summary>
internal sealed class SlotFacts
{
    private readonly List<Proposal> _proposals = new(2);

    public Value? Chosen { get; set; }

    public Ballot ChosenUnder { get; set; }

    public ulong? Chain { get; set; }

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

/// <summary>What the judge knows of one node: its disk, and the highest ballot it has spoken for.</summary>
internal sealed class NodeFacts
{
    private readonly List<(Ballot Ballot, Value? Value)> _votes = [];

    public Ballot DurablePromise { get; set; }

    public Ballot Said { get; set; }

    public void Hold(Slot slot, Ballot ballot, Value value)
    {
        var index = (int)slot.Number - 1;
        while (_votes.Count <= index) _votes.Add(default);
        _votes[index] = (ballot, value);
    }

    public (Ballot Ballot, Value Value)? Held(int index) =>
        index < _votes.Count && _votes[index] is { Value: { } value } vote ? (vote.Ballot, value) : null;

    public void ClearVotes() => _votes.Clear();
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

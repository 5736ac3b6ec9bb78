using System.Collections.Immutable;

namespace PaxosStore.Consensus;

/// <summary>
/// Keeps a node from voting under an identity whose journal was lost. A node introduces itself under an incarnation drawn when its journal was made; the others write
/// down the first they hear. It may vote once so many of them know it that any two groups of that size share a node: had it ever voted under another incarnation,
/// one of them would say so. A node that kept its identity but lost records (damage) needs the word of all others: they tell what it must have learned and promised
/// before it votes. One of them knows of whatever was decided with its lost votes, and whoever still holds a promise that it forgot is itself among them.
/// </summary>
internal sealed class Admission(NodeId self, ulong incarnation, bool forgetful, bool joined, ulong life, SafetyRules rules)
{
    // Invariant: an entry never changes.
    private readonly SortedDictionary<NodeId, ulong> _met = [];
    private readonly HashSet<NodeId> _vouched = [];
    private Slot _last;
    private TimeSpan _helloAt = TimeSpan.MinValue;

    public bool Admitted { get; private set; }

    /// <summary>The record of the admission is with the journal.</summary>
    public bool Recorded { get; private set; }

    /// <summary>Highest promise of those that vouched.</summary>
    public Ballot Promised { get; private set; }

    public ImmutableArray<MetRecord> Met => [.. _met.Select(m => new MetRecord(m.Key, m.Value))];

    public void Recover(MetRecord record) => _met.TryAdd(record.Node, record.Incarnation);

    public void Admit() => Admitted = Recorded = true;

    /// <summary>
    /// Takes part only once the disk has it: a leader counts on those that answer it, and if such a one came back as a stranger, nobody could decide what it needs to
    /// be admitted.
    /// </summary>
    public void Record(Effects effects)
    {
        Recorded = true;
        effects.Records.Add(new AdmittedRecord());
        effects.AfterDurable.Add(new Outgoing(self, Role.Acceptor, new AdmissionDurable()));
    }

    /// <summary>Introduces the node until it is admitted.</summary>
    public void Tick(ImmutableArray<NodeId> voters, TimeSpan now, TimeSpan interval, Effects effects)
    {
        if (Admitted || (_helloAt != TimeSpan.MinValue && now - _helloAt < interval)) return;
        _helloAt = now;
        foreach (var voter in voters)
        {
            if (voter != self) effects.Send(voter, Role.Acceptor, new Hello(incarnation, forgetful, life));
        }
    }

    /// <summary>Whether all is known that is needed to vote.</summary>
    public bool MayAdmit(ImmutableArray<Governing> governing, Slot chosen)
    {
        var voters = governing.Voters();
        return !Recorded
            && rules.EnoughVouch(_vouched.Count(voters.Contains), voters.Count(v => v != self), forgetful, !joined && governing[^1].Configuration.Version == 0)
            && (!forgetful || rules.NothingForgotten(chosen, _last));
    }

    /// <summary>This node became the only voter of a cluster that had others, and does not remember the votes that it took.</summary>
    public bool HasLostItsVotes(ImmutableArray<Governing> governing) =>
        !Recorded && !forgetful && governing[^1].Configuration.Version > 0 && governing.Voters() is [var only] && only == self;

    /// <summary>An earlier life of this node, which it does not remember, led under that ballot or tried to.</summary>
    public bool HasUsed(Ballot ballot) => ballot.Node == self && !rules.IsUnused(ballot, Promised);

    /// <summary>Another node introduces itself; the answer may leave once the record is durable.</summary>
    /// <param name="isToVote">A change that was accepted here, but is not known to be chosen, makes it a voter.</param>
    public void OnHello(NodeId from, Hello m, ImmutableArray<Governing> governing, bool isToVote, Ballot promised, Slot last, Effects effects)
    {
        // Who can't vote yet may have lost what it knew of others: only for a cluster that is being made does its word count.
        if (!Admitted && (forgetful || m.Forgetful)) return;
        if (!_met.TryGetValue(from, out var known))
        {
            var isNewcomer = governing.Nodes().Contains(from) && !governing.IsVoter(from);
            if (isToVote || !rules.MayVouch(isNewcomer, governing[^1].Configuration.Version == 0, forgetful)) return;
            _met[from] = known = m.Incarnation;
            effects.Records.Add(new MetRecord(from, known));
        }

        effects.AfterDurable.Add(new Outgoing(from, Role.Acceptor, new Welcome(known, promised, last, m.Life)));
    }

    public void OnWelcome(NodeId from, Welcome m, Effects effects)
    {
        if (Admitted || !rules.IsAnswer(life, m.Life)) return;
        if (!rules.IsSame(m.Incarnation, incarnation))
        {
            effects.Stop = StopReason.JournalLost;
            return;
        }

        _vouched.Add(from);
        if (m.Promised > Promised) Promised = m.Promised;
        _last = Slot.Max(_last, m.Last);
    }
}

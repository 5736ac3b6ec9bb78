using System.Collections.Immutable;

namespace PaxosStore.Consensus;

/// <summary>
/// Keeps a node from voting under an identity whose journal was lost. A node introduces itself under an incarnation drawn when its journal was made; the others write
/// down the first they hear. It may vote once so many of them know it that any two groups of that size share a node: had it ever voted under another incarnation,
/// one of them would say so. A node that kept its identity but lost records (damage) goes the same way: those that vouch for it also tell what it must have learned and
/// promised before it votes, for of whatever was decided with its lost votes one of them knows.
/// </summary>
internal sealed class Admission(NodeId self, ulong incarnation, bool forgetful, SafetyRules rules)
{
    // Invariant: an entry never changes.
    private readonly SortedDictionary<NodeId, ulong> _met = [];
    private readonly HashSet<NodeId> _vouched = [];
    private Slot _last;
    private TimeSpan _helloAt = TimeSpan.MinValue;

    public bool Admitted { get; private set; }

    /// <summary>Highest promise of those that vouched.</summary>
    public Ballot Promised { get; private set; }

    public ImmutableArray<MetRecord> Met => [.. _met.Select(m => new MetRecord(m.Key, m.Value))];

    public void Recover(MetRecord record) => _met.TryAdd(record.Node, record.Incarnation);

    public void Admit() => Admitted = true;

    /// <summary>Introduces the node until it is admitted.</summary>
    public void Tick(ImmutableArray<NodeId> voters, TimeSpan now, TimeSpan interval, Effects effects)
    {
        if (Admitted || (_helloAt != TimeSpan.MinValue && now - _helloAt < interval)) return;
        _helloAt = now;
        foreach (var voter in voters)
        {
            if (voter != self) effects.Send(voter, Role.Acceptor, new Hello(incarnation, forgetful));
        }
    }

    /// <summary>Whether all is known that is needed to vote.</summary>
    public bool MayAdmit(ImmutableArray<NodeId> voters, Slot chosen) =>
        !Admitted
        && rules.EnoughVouch(_vouched.Count(voters.Contains), voters.Count(v => v != self))
        && rules.NothingForgotten(chosen, _last);

    /// <summary>Another node introduces itself; the answer may leave once the record is durable.</summary>
    public void OnHello(NodeId from, Hello m, Ballot promised, Slot last, Effects effects)
    {
        // Who can't vote yet may have lost what it knew of others: only for a cluster that is being made does its word count.
        if (!Admitted && (forgetful || m.Forgetful)) return;
        if (!_met.TryGetValue(from, out var known))
        {
            _met[from] = known = m.Incarnation;
            effects.Records.Add(new MetRecord(from, known));
        }

        effects.AfterDurable.Add(new Outgoing(from, Role.Acceptor, new Welcome(known, promised, last)));
    }

    public void OnWelcome(NodeId from, Welcome m, Effects effects)
    {
        if (Admitted) return;
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

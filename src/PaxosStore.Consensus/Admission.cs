using System.Collections.Immutable;

namespace PaxosStore.Consensus;

/// <summary>
/// Keeps a node from voting under an identity whose journal was lost. A node introduces itself under an incarnation drawn when its journal was made; the others write
/// down the first they hear. A founder may vote once so many other founders know it that any two groups of that size share a node that kept its journal: had it ever
/// voted under another incarnation, one of them would say so. A node that was added may vote once a majority of the voters of the newest configuration that it
/// knows say, each while it knows none newer and has accepted none, that this node never had a vote: had it got one later, a quorum of those voters would have
/// accepted the change after this configuration before its earlier life could vote, and one of that quorum is among any majority.
/// A node that kept its identity but lost records (damage) needs the word of all others: they tell what it must have learned and promised before it votes. One of
/// them knows of whatever was decided with its lost votes, also of the next configuration, and whoever still holds a promise that it forgot is itself among them.
/// It asks twice: a leader that counts a lost vote answers, the first time, after it has proposed that value; whoever votes for the value later than that says so the
/// second time, or votes too late, for that leader's own acceptor holds the value (and said so), or has refused it.
/// </summary>
internal sealed class Admission(NodeId self, ulong incarnation, bool forgetful, bool joined, ImmutableArray<NodeId> founders, ulong life, SafetyRules rules)
{
    // Invariant: an entry never changes.
    private readonly SortedDictionary<NodeId, MetRecord> _met = [];

    // Who answered, and for which configuration it vouched.
    private readonly Dictionary<NodeId, long> _welcomes = [];

    // Those that answered while it asked for the first time.
    private readonly HashSet<NodeId> _answered = [];
    private ulong _round;
    private Slot _last;
    private TimeSpan _helloAt = TimeSpan.MinValue;

    public bool Admitted { get; private set; }

    /// <summary>The record of the admission is with the journal.</summary>
    public bool Recorded { get; private set; }

    /// <summary>Highest promise of those that vouched.</summary>
    public Ballot Promised { get; private set; }

    public ImmutableArray<MetRecord> Met => [.. _met.Values];

    public void Recover(MetRecord record) => _met.TryAdd(record.Node, record);

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
            if (voter != self) effects.Send(voter, Role.Acceptor, new Hello(incarnation, forgetful, Life));
        }
    }

    /// <summary>Of the question that is being asked.</summary>
    private ulong Life => unchecked(life + (_round << 32));

    /// <summary>Who forgot, and has heard everybody, asks again.</summary>
    public void AskAgain(ImmutableArray<Governing> governing)
    {
        var voters = governing.Voters();
        if (!forgetful || Recorded || Enough(_answered, voters, founds: false) || !Enough(_welcomes.Keys, voters, founds: false)) return;
        _answered.UnionWith(_welcomes.Keys);
        _welcomes.Clear();
        _round++;
        _helloAt = TimeSpan.MinValue;
    }

    /// <summary>Whether all is known that is needed to vote.</summary>
    public bool MayAdmit(ImmutableArray<Governing> governing, Slot chosen)
    {
        if (Recorded) return false;
        var newest = governing[^1].Configuration;
        if (forgetful)
        {
            var voters = governing.Voters();
            return Enough(_answered, voters, founds: false) && Enough(_welcomes.Keys, voters, founds: false) && rules.NothingForgotten(chosen, _last);
        }

        if (founders.Contains(self) && Enough(VouchedFor(given => given == 0), founders, founds: !joined)) return !HasLostItsVotes(governing);
        return !governing.IsVoter(self) && Enough(VouchedFor(given => rules.StandsFor(newest.Version, given)), newest.Voters, founds: false);
    }

    /// <summary>
    /// A cluster that has changed since it was founded knows this node as a voter, and it was not there then; or as the only one. It would have been admitted before,
    /// and does not remember.
    /// </summary>
    public bool HasLostItsVotes(ImmutableArray<Governing> governing) =>
        !Recorded && !forgetful && governing[^1].Configuration is { Version: > 0 } newest && newest.IsVoter(self)
        && (!founders.Contains(self) || governing.Voters() is [_]);

    private bool Enough(IEnumerable<NodeId> heard, ImmutableArray<NodeId> voters, bool founds) =>
        rules.EnoughVouch(heard.Count(h => voters.Contains(h)), voters.Count(v => v != self), forgetful, founds);

    private IEnumerable<NodeId> VouchedFor(Func<long, bool> counts) => _welcomes.Where(w => counts(w.Value)).Select(w => w.Key);

    /// <summary>An earlier life of this node, which it does not remember, led under that ballot or tried to.</summary>
    public bool HasUsed(Ballot ballot) => ballot.Node == self && !rules.IsUnused(ballot, Promised);

    /// <summary>Another node introduces itself; the answer may leave once the record is durable.</summary>
    /// <param name="changeAccepted">A change was accepted here that is not known to be chosen.</param>
    public void OnHello(NodeId from, Hello m, ImmutableArray<Governing> governing, bool changeAccepted, Ballot promised, Slot last, Effects effects)
    {
        // Who can't vote yet may have lost what it knew of others: only for a cluster that is being made does its word count.
        if (!Admitted && (forgetful || m.Forgetful)) return;
        var newest = governing[^1].Configuration.Version;
        var isMember = governing.Nodes().Contains(from);
        var isNewcomer = Admitted && isMember && !governing.IsVoter(from) && !rules.MayHaveGotVote(changeAccepted);
        var vouches = rules.MayVouch(isNewcomer, newest == 0 && governing.IsVoter(from), forgetful);
        if (!_met.TryGetValue(from, out var known))
        {
            // A member that forgot asks everybody for what it forgot; whether they have met before does not matter.
            if (!vouches && !(isMember && m.Forgetful)) return;
            _met[from] = known = new MetRecord(from, m.Incarnation, vouches ? newest : Welcome.OfNone);
            effects.Records.Add(known);
        }

        effects.AfterDurable.Add(new Outgoing(from, Role.Acceptor, new Welcome(known.Incarnation, promised, last, vouches ? newest : known.Configuration, m.Life)));
    }

    public void OnWelcome(NodeId from, Welcome m, Effects effects)
    {
        if (Admitted || !rules.IsAnswer(Life, m.Life)) return;
        if (!rules.IsSame(m.Incarnation, incarnation))
        {
            effects.Stop = StopReason.JournalLost;
            return;
        }

        _welcomes[from] = m.Configuration;
        if (m.Promised > Promised) Promised = m.Promised;
        _last = Slot.Max(_last, m.Last);
    }
}

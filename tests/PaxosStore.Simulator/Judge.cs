using System.Numerics;
using System.Runtime.CompilerServices;
using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>A global invariant does not hold.</summary>
internal sealed class ViolationException(string invariant, string detail) : Exception($"{invariant}: {detail}")
{
    /// <summary>Which one, in a word or two.</summary>
    public string Invariant { get; } = invariant;
}

/// <summary>
/// Sees all nodes and their disks at once and knows what is chosen from the disks alone: a quorum of the voters that the log itself names for the slot, holding votes
/// of one ballot. Everything that nodes send, write down and apply is held against that. Checks are incremental, so they run at every event.
/// </summary>
internal sealed partial class Judge
{
    private readonly List<SlotFacts> _slots = [];
    private readonly NodeFacts[] _nodes;
    private readonly Func<Ballot, bool> _leads;

    public Judge(Plan plan, Configuration first, Func<Ballot, bool> leads)
    {
        _leads = leads;
        _nodes = [.. Enumerable.Range(0, plan.Nodes).Select(_ => new NodeFacts())];
        _clock = new ClockCheck(plan.HasCrashes);
        _governing.Add(new Governing(Slot.Zero.Next, first));
    }

    /// <summary>Slots chosen so far.</summary>
    public int Chosen { get; private set; }

    /// <summary>Highest slot whose effect some client has seen.</summary>
    public long Witnessed { get; private set; }

    /// <summary>Highest slot applied anywhere.</summary>
    public long AppliedAnywhere { get; private set; }

    /// <summary>Whether a client asked for a command, to tell invented ones.</summary>
    public Func<ReadOnlyMemory<byte>, bool> Asked { get; set; } = _ => false;

    /// <summary>What is on a node's disk.</summary>
    public NodeFacts this[int node] => _nodes[node];

    // What nodes write down.

    public void Durable(int node, JournalRecord record, long now)
    {
        var facts = _nodes[node];
        switch (record)
        {
            case PromiseRecord r:
                Check(r.Ballot >= facts.DurablePromise, "promise goes back on disk", $"n{node + 1} {r.Ballot} after {facts.DurablePromise}");
                Promised(facts, r.Ballot);
                break;
            case AcceptRecord r:
                Check(r.Ballot >= facts.DurablePromise, "vote below the promise on disk", $"n{node + 1} {r.Ballot} at {r.Slot} under {facts.DurablePromise}");
                Promised(facts, r.Ballot);
                facts.Hold(r.Slot, r.Ballot, r.Value);
                CountVote(node, r, now);
                break;
            case LearnRecord r:
                Check(Facts(r.Slot).Chosen is { } chosen && chosen.Equals(r.Value), "learned what is not chosen", $"n{node + 1} at {r.Slot}");
                facts.Hold(r.Slot, new Ballot(long.MaxValue, default), r.Value);
                break;
            case ChosenRecord r:
                facts.DurableChosen = Slot.Max(facts.DurableChosen, r.Chosen);
                break;
            case BaseRecord r:
                Check(r.Promised >= facts.DurablePromise, "promise goes back on disk", $"n{node + 1} {r.Promised} after {facts.DurablePromise}");
                Promised(facts, r.Promised);
                foreach (var met in r.Met) facts.Met.Add((met.Node, met.Incarnation));
                (facts.Base, facts.DurableChosen) = (Slot.Max(facts.Base, r.Base.Through), Slot.Max(facts.DurableChosen, r.Chosen));
                CheckBase(node, r.Base);
                CheckContiguous(node);
                break;
            case MetRecord r:
                facts.Met.Add((r.Node, r.Incarnation));
                break;
            case AdmittedRecord:
                var returns = !facts.Admitted && facts.Forgetful;
                (facts.Admitted, facts.Forgetful) = (true, false);
                if (returns) CheckDisks();
                break;
        }
    }

    private static void Promised(NodeFacts facts, Ballot ballot)
    {
        facts.DurablePromise = ballot;
        if (ballot > facts.Promised) facts.Promised = ballot;
    }

    private void CountVote(int node, AcceptRecord r, long now)
    {
        var slot = Facts(r.Slot);
        var proposal = slot.Find(r.Ballot);
        Check(proposal is not null && proposal.Value.Equals(r.Value), "vote for what was not proposed", $"n{node + 1} at {r.Slot} under {r.Ballot}");
        proposal!.Voters |= 1UL << node;
        proposal.Lost &= ~(1UL << node);
        var votes = proposal.Voters | (proposal.Lost != 0 && _leads(r.Ballot) ? proposal.Lost : 0);
        var configuration = At(r.Slot);
        if (BitOperations.PopCount(votes & Mask(configuration)) < configuration.QuorumSize) return;
        if (slot.Chosen is null)
        {
            slot.Chosen = proposal.Value;
            slot.ChosenUnder = r.Ballot;
            _clock.Chosen(now);
            Chosen++;
            MoveWatermark();
        }

        Check(slot.Chosen.Equals(proposal.Value), "agreement", $"{r.Slot} chosen under {slot.ChosenUnder} and differently under {r.Ballot}");
    }

    /// <summary>A record was handed to the journal: it may not contradict what the node said before.</summary>
    public void Handed(int node, JournalRecord record)
    {
        if (record is not AcceptRecord r) return;
        Check(r.Ballot >= _nodes[node].Said, "vote below what was promised to others", $"n{node + 1} {r.Ballot} at {r.Slot} after {_nodes[node].Said}");
    }

    /// <summary>A record was deleted, a base standing in for it.</summary>
    public void Deleted(int node, JournalRecord record)
    {
        var facts = _nodes[node];
        var slot = record switch { AcceptRecord r => r.Slot, LearnRecord r => r.Slot, _ => Slot.Zero };
        if (slot > facts.Base) facts.LetGo(slot);
    }

    /// <summary>
    /// After a crash: no quorum of those that may vote can be formed of nodes which know nothing of a chosen value. For whoever leads next asks a quorum of every
    /// configuration that governs a slot it does not hold; who has cut a slot from its log gives no promise to one that lacks it.
    /// </summary>
    public void CheckDisks()
    {
        for (var slot = new Slot(1); slot.Number <= _slots.Count; slot = slot.Next)
        {
            var facts = Facts(slot);
            if (facts.Chosen is null) continue;
            var ignorant = Nodes(n => n.Admitted && slot > n.Base && !n.Holds(slot, facts));
            var isSafe = From(slot).Any(g => BitOperations.PopCount(ignorant & Mask(g.Configuration)) < g.Configuration.QuorumSize);
            Check(isSafe, "chosen value lost", $"{slot} is on the disks of {Names(Nodes(n => n.Holds(slot, facts)))} only");
        }

        for (var node = 0; node < _nodes.Length; node++) CheckContiguous(node);
    }

    /// <summary>Whether everything chosen stays safe, and on some disk, when a node loses its journal (or only its snapshots).</summary>
    public bool CouldLose(int node, bool journal, ulong gone)
    {
        for (var slot = new Slot(1); slot.Number <= _slots.Count; slot = slot.Next)
        {
            var facts = Facts(slot);
            if (facts.Chosen is null) continue;
            var loses = 1UL << node;
            if ((Nodes(n => n.Holds(slot, facts)) & ~gone & ~loses & Mask(Newest)) == 0) return false;
            var ignorant = Nodes(n => n.Admitted && slot > n.Base && !n.Holds(slot, facts)) & ~loses;
            if (journal && !From(slot).Any(g => BitOperations.PopCount(ignorant & Mask(g.Configuration)) < g.Configuration.QuorumSize)) return false;
        }

        return true;
    }

    /// <summary>Whether a restart of some of these nodes would find every chosen value.</summary>
    public bool HoldAll(ulong nodes)
    {
        for (var slot = new Slot(1); slot.Number <= _slots.Count; slot = slot.Next)
        {
            var facts = Facts(slot);
            if (facts.Chosen is not null && (Nodes(n => n.Holds(slot, facts)) & nodes) == 0) return false;
        }

        return true;
    }

    /// <summary>A node's journal is gone or damaged: what is left of it follows as <see cref="Durable"/>.</summary>
    public void Lost(int node, bool wiped)
    {
        var facts = _nodes[node];
        var bit = 1UL << node;
        RememberShared(node);
        foreach (var proposal in _slots.SelectMany(s => s.Proposals).Where(p => (p.Voters & bit) != 0))
        {
            proposal.Voters &= ~bit;
            proposal.Lost |= bit;
        }

        foreach (var ballot in _preparedBy.Keys.Where(b => b.Node.Value == (ulong)node + 1 && !_tenures.ContainsKey(b)).ToArray()) _preparedBy.Remove(ballot);
        facts.Wiped |= wiped && facts.Admitted && HadVote(new NodeId((ulong)node + 1));
        facts.Forgetful = !wiped && (facts.Forgetful || facts.Admitted);
        facts.Forget();
        if (wiped) (facts.Snapshot, facts.Hollow) = (Slot.Zero, false);
    }

    private void RememberShared(int node)
    {
        for (var slot = new Slot(1); slot.Number <= _slots.Count; slot = slot.Next)
        {
            if (_nodes[node].Held(slot) is null) continue;
            for (var other = 0; other < _nodes.Length; other++)
            {
                if (other != node && _nodes[other].Held(slot) is not null) _nodes[node].Shared[new NodeId((ulong)other + 1)] = slot;
            }
        }
    }

    private ulong Nodes(Func<NodeFacts, bool> condition)
    {
        ulong nodes = 0;
        for (var i = 0; i < _nodes.Length; i++) nodes |= condition(_nodes[i]) ? 1UL << i : 0;
        return nodes;
    }

    private static string Names(ulong nodes) => string.Join(' ', Enumerable.Range(0, 64).Where(i => (nodes & (1UL << i)) != 0).Select(i => $"n{i + 1}"));

    private SlotFacts Facts(Slot slot)
    {
        var index = (int)slot.Number - 1;
        while (_slots.Count <= index) _slots.Add(new SlotFacts());
        return _slots[index];
    }

    private static void Check(bool holds, string invariant, string detail)
    {
        if (!holds) throw new ViolationException(invariant, detail);
    }

    // Interpolated details cost nothing while the check holds.
    private static void Check(bool holds, string invariant, [InterpolatedStringHandlerArgument(nameof(holds))] Detail detail)
    {
        if (!holds) throw new ViolationException(invariant, detail.ToString());
    }
}

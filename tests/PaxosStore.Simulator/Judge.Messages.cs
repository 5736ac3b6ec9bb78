using System.Numerics;
using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>What nodes send, against what is on their disks.</summary>
internal sealed partial class Judge
{
    private readonly Dictionary<Ballot, long> _tenures = [];
    private readonly Dictionary<Ballot, int> _preparedBy = [];
    private Slot _announced;

    /// <summary>A message leaves a node (or a role for another of the same node).</summary>
    /// <param name="node">Sender.</param>
    /// <param name="incarnation">How often the sender has started.</param>
    /// <param name="tenure">Number of the leadership the sender is in.</param>
    /// <param name="abroad">The receiver is another node.</param>
    /// <param name="message">What.</param>
    /// <param name="now">True time.</param>
    public void Sent(int node, int incarnation, long tenure, bool abroad, Message message, long now)
    {
        switch (message)
        {
            case Prepare m when abroad:
                if (!_preparedBy.TryGetValue(m.Ballot, out var before)) _preparedBy[m.Ballot] = incarnation;
                else Check(before == incarnation, "ballot used twice", $"n{node + 1} prepares {m.Ballot} again after a restart");
                break;
            case Promise m:
                Says(node, m.Ballot);
                var onDisk = _nodes[node].DurablePromise;
                Check(onDisk >= m.Ballot, "said before durable", $"n{node + 1} promises {m.Ballot}, on disk {onDisk}");
                break;
            case Accept m:
                Announced(node, m.Chosen);
                Proposed(node, tenure, m, now);
                break;
            case Confirmed m:
                _nodes[node].Claimed = Slot.Max(_nodes[node].Claimed, m.Chosen);
                break;
            case ChosenUpTo m:
                Announced(node, m.Chosen);
                break;
            case Accepted m:
                Says(node, m.Ballot);
                Voted(node, m);
                break;
        }
    }

    private void Announced(int node, Slot chosen)
    {
        for (; _announced < chosen; _announced = _announced.Next)
        {
            var isChosen = Facts(_announced.Next).Chosen is not null;
            Check(isChosen, "announced what is not chosen", $"n{node + 1} says all up to {chosen}, but {_announced.Next} is not");
        }
    }

    /// <summary>A node speaks for a ballot, as an acceptor.</summary>
    private void Says(int node, Ballot ballot)
    {
        var facts = _nodes[node];
        Check(!facts.Wiped, "wiped node votes", $"n{node + 1} speaks for {ballot} although its journal was lost");
        Check(facts.Admitted, "votes before it is admitted", $"n{node + 1} speaks for {ballot}");
        Check(ballot >= facts.Said, "promise taken back", $"n{node + 1} says {ballot} after {facts.Said}");
        if (ballot.Node.Value == (ulong)node + 1) facts.SaidOwn = ballot;
        else facts.SaidOthers[ballot.Node] = ballot;
    }

    private void Proposed(int node, long tenure, Accept m, long now)
    {
        Check(m.Ballot.Node.Value == (ulong)node + 1, "two leaders", $"n{node + 1} proposes under {m.Ballot}");
        if (!_tenures.TryGetValue(m.Ballot, out var first))
        {
            _tenures[m.Ballot] = tenure;
            foreach (var (from, configuration) in From(m.First))
            {
                // What was chosen under a newer ballot this one need not have heard of.
                var isKnown = configuration.Version == 0 || Facts(from + -_alpha).ChosenUnder < m.Ballot;
                Check(!isKnown || configuration.IsVoter(m.Ballot.Node), "leads where it does not vote", $"n{node + 1} under {m.Ballot} in {configuration}, which governs from {from}");
                var promised = BitOperations.PopCount(Nodes(n => n.Promised >= m.Ballot) & Mask(configuration));
                Check(promised >= configuration.QuorumSize, "leads without a quorum",
                    $"n{node + 1} under {m.Ballot}, promised on {promised} disks of {configuration}, which governs from {from}");
            }
        }
        else Check(first == tenure, "led twice under one ballot", $"n{node + 1} under {m.Ballot}");
        var slot = m.First;
        foreach (var value in m.Values)
        {
            var facts = Facts(slot);
            if (facts.Find(m.Ballot) is { } proposal)
            {
                Check(proposal.Value.Equals(value), "two values under one ballot", $"{slot} under {m.Ballot}");
            }
            else
            {
                Check(slot - _watermark <= _alpha, "voters not known", $"{slot} is proposed while all up to {_watermark} is chosen");
                Valid(slot, value, m);
                if (value.Round == m.Ballot.Round) _ownFirst.TryAdd(m.Ballot, slot);
                facts.Propose(m.Ballot, value, now);
            }

            slot = slot.Next;
        }
    }

    /// <summary>Only what clients and operators asked for, and no-ops, may be proposed.</summary>
    private void Valid(Slot slot, Value value, Accept m)
    {
        foreach (var command in value.Commands)
        {
            Check(Asked(command), "validity", "a command nobody asked for");
        }

        if (value.Next is { } next) ValidChange(slot, value, next, m);
    }

    private void Voted(int node, Accepted m)
    {
        var facts = _nodes[node];
        for (var slot = m.First; slot < m.First + m.Count; slot = slot.Next)
        {
            if (slot <= facts.Base) continue;
            var voted = Facts(slot).Find(m.Ballot) is { } proposal && (proposal.Voters & (1UL << node)) != 0;
            var kept = voted || (Facts(slot).Chosen is { } chosen && facts.Held(slot) is { } held && chosen.Equals(held.Value));
            Check(kept, "said before durable", $"n{node + 1} accepted {slot} under {m.Ballot}, which is not on its disk");
        }
    }
}

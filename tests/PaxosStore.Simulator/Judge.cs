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
/// Sees all nodes and their disks at once and knows what is chosen from the disks alone: a quorum of voters holding votes of one ballot. Everything
/// that nodes send, write down and apply is held against that. Checks are incremental, so they run at every event.
/// </summary>
internal sealed class Judge(Plan plan)
{
    private readonly List<SlotFacts> _slots = [];
    private readonly NodeFacts[] _nodes = [.. Enumerable.Range(0, plan.Nodes).Select(_ => new NodeFacts())];
    private readonly Dictionary<Ballot, long> _tenures = [];
    private readonly Dictionary<Ballot, int> _preparedBy = [];
    private readonly Dictionary<(int Client, int Request), long> _effects = [];
    private readonly ClockCheck _clock = new(plan.HasCrashes);
    private readonly int _quorum = (plan.Voters / 2) + 1;
    private Slot _announced;
    private readonly ulong _voters = (1UL << plan.Voters) - 1;

    /// <summary>Slots chosen so far.</summary>
    public int Chosen { get; private set; }

    /// <summary>Highest slot whose effect some client has seen.</summary>
    public long Witnessed { get; private set; }

    /// <summary>Highest slot applied anywhere.</summary>
    public long AppliedAnywhere { get; private set; }

    /// <summary>Latest request number each client gave out, to tell invented commands.</summary>
    public int[] Issued { get; } = new int[plan.Clients + 1];

    // What nodes write down.

    public void Durable(int node, JournalRecord record, long now)
    {
        var facts = _nodes[node];
        switch (record)
        {
            case PromiseRecord r:
                Check(r.Ballot >= facts.DurablePromise, "promise goes back on disk", $"n{node + 1} {r.Ballot} after {facts.DurablePromise}");
                facts.DurablePromise = r.Ballot;
                break;
            case AcceptRecord r:
                Check(r.Ballot >= facts.DurablePromise, "vote below the promise on disk", $"n{node + 1} {r.Ballot} at {r.Slot} under {facts.DurablePromise}");
                facts.DurablePromise = r.Ballot;
                facts.Hold(r.Slot, r.Ballot, r.Value);
                CountVote(node, r, now);
                break;
            case LearnRecord r:
                Check(Facts(r.Slot).Chosen is { } chosen && chosen.Equals(r.Value), "learned what is not chosen", $"n{node + 1} at {r.Slot}");
                facts.Hold(r.Slot, new Ballot(long.MaxValue, default), r.Value);
                break;
        }
    }

    private void CountVote(int node, AcceptRecord r, long now)
    {
        var slot = Facts(r.Slot);
        var proposal = slot.Find(r.Ballot);
        Check(proposal is not null && proposal.Value.Equals(r.Value), "vote for what was not proposed", $"n{node + 1} at {r.Slot} under {r.Ballot}");
        proposal!.Voters |= 1UL << node;
        if (BitOperations.PopCount(proposal.Voters & _voters) < _quorum) return;
        if (slot.Chosen is null)
        {
            slot.Chosen = proposal.Value;
            slot.ChosenUnder = r.Ballot;
            _clock.Chosen(now);
            Chosen++;
        }

        Check(slot.Chosen.Equals(proposal.Value), "agreement", $"{r.Slot} chosen under {slot.ChosenUnder} and differently under {r.Ballot}");
    }

    /// <summary>A record was handed to the journal: it may not contradict what the node said before.</summary>
    public void Handed(int node, JournalRecord record)
    {
        if (record is not AcceptRecord r) return;
        Check(r.Ballot >= _nodes[node].Said, "vote below what was promised to others", $"n{node + 1} {r.Ballot} at {r.Slot} after {_nodes[node].Said}");
    }

    /// <summary>After a crash: whatever is chosen must still stand on a quorum of disks.</summary>
    public void RecheckDisks()
    {
        for (var i = 0; i < _slots.Count; i++)
        {
            if (_slots[i].Chosen is not { } value) continue;
            var holders = 0;
            for (var n = 0; n < plan.Voters; n++)
            {
                if (_nodes[n].Held(i) is { } held && held.Ballot >= _slots[i].ChosenUnder && held.Value.Equals(value)) holders++;
            }

            Check(holders >= _quorum, "chosen value lost", $"#{i + 1} is on {holders} disks only");
        }
    }

    /// <summary>For the mutant whose journal vanishes: its disk is empty now.</summary>
    public void Wiped(int node)
    {
        _nodes[node].DurablePromise = Ballot.None;
        _nodes[node].ClearVotes();
    }

    // What nodes send.

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

    private void Says(int node, Ballot ballot)
    {
        Check(ballot >= _nodes[node].Said, "promise taken back", $"n{node + 1} says {ballot} after {_nodes[node].Said}");
        _nodes[node].Said = ballot;
    }

    private void Proposed(int node, long tenure, Accept m, long now)
    {
        Check(m.Ballot.Node.Value == (ulong)node + 1, "two leaders", $"n{node + 1} proposes under {m.Ballot}");
        if (!_tenures.TryGetValue(m.Ballot, out var first))
        {
            _tenures[m.Ballot] = tenure;
            var promised = 0;
            for (var i = 0; i < plan.Voters; i++) promised += _nodes[i].DurablePromise >= m.Ballot ? 1 : 0;
            Check(promised >= _quorum, "leads without a quorum", $"n{node + 1} under {m.Ballot}, promised on {promised} disks");
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
                Valid(value);
                facts.Propose(m.Ballot, value, now);
            }

            slot = slot.Next;
        }
    }

    /// <summary>Only what clients asked for, and no-ops, may be proposed.</summary>
    private void Valid(Value value)
    {
        foreach (var command in value.Commands)
        {
            var c = Command.Decode(command.Span);
            var asked = c.Client < Issued.Length && c.Request <= Issued[c.Client] && c.Word == Command.WordOf(c.Client, c.Request);
            Check(asked, "validity", "a command nobody asked for");
        }
    }

    private void Voted(int node, Accepted m)
    {
        for (var i = 0; i < m.Count; i++)
        {
            var slot = m.First + i;
            var facts = Facts(slot);
            var voted = facts.Find(m.Ballot) is { } proposal && (proposal.Voters & (1UL << node)) != 0;
            var kept = voted || (facts.Chosen is { } chosen && _nodes[node].Held((int)slot.Number - 1) is { } held && chosen.Equals(held.Value));
            Check(kept, "said before durable", $"n{node + 1} accepted {slot} under {m.Ballot}, which is not on its disk");
        }
    }

    // What nodes apply.

    /// <summary>A node applies a slot. <paramref name="chain"/> covers everything it applied since its start.</summary>
    public void Applied(int node, ChosenValue delivered, ulong chain, long now)
    {
        var facts = Facts(delivered.Slot);
        Check(facts.Chosen is not null, "applied what is not chosen", $"n{node + 1} at {delivered.Slot}");
        Check(facts.Chosen!.Equals(delivered.Value), "applied another value than the chosen", $"n{node + 1} at {delivered.Slot}");
        if (facts.Chain is { } other)
        {
            Check(other == chain, "applied logs differ", $"n{node + 1} at {delivered.Slot}");
            return;
        }

        facts.Chain = chain;
        AppliedAnywhere = Math.Max(AppliedAnywhere, delivered.Slot.Number);
        _clock.Applied(delivered, facts.FirstProposedAt(delivered.Value), now);
    }

    /// <summary>A request took effect in a node's state machine.</summary>
    public void Effect(int client, int request, long slot)
    {
        if (_effects.TryAdd((client, request), slot)) return;
        Check(_effects[(client, request)] == slot, "applied twice", $"request {client}/{request} at #{_effects[(client, request)]} and #{slot}");
    }

    /// <summary>A client got its answer: a write that took effect, or a read served at <paramref name="slot"/>.</summary>
    public void Answered(int client, bool read, long floor, long slot)
    {
        Check(slot >= floor, read ? "stale read" : "write before its past", $"client {client} saw #{slot}, but #{floor} was known before it asked");
        Witnessed = Math.Max(Witnessed, slot);
    }

    /// <summary>A client was told that its write is done, although it may not be.</summary>
    public void ClaimedDone(int client, int request) =>
        Check(_effects.ContainsKey((client, request)), "acknowledged before chosen", $"request {client}/{request}");

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

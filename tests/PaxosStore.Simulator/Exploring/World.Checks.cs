using PaxosStore.Consensus;

namespace PaxosStore.Simulator.Exploring;

/// <summary>What must hold. What is chosen is known from the disks alone: a quorum of them holding votes of one ballot for one value.</summary>
internal sealed partial class World
{
    private readonly Dictionary<ulong, (Ballot Ballot, int Value)[]> _chosen = [];
    private readonly List<int> _found = [];

    private int Quorum => (_bounds.Nodes / 2) + 1;

    private DiskState DiskOf(ReadOnlySpan<int> state, int node) => _disks[state[(node * PerNode) + Disk]];

    /// <summary>What is chosen in slots 1 …, and under which ballot first; 0 = nothing yet. Durable votes are never undone, so neither is this.</summary>
    private (Ballot Ballot, int Value)[] Chosen(ReadOnlySpan<int> state)
    {
        ulong key = 0;
        for (var node = 0; node < _bounds.Nodes; node++) key = (key << 21) | (uint)state[(node * PerNode) + Disk];
        if (_chosen.TryGetValue(key, out var chosen)) return chosen;
        chosen = new (Ballot, int)[_bounds.Slots];
        var votes = new List<(Slot Slot, Ballot Ballot, int Value)>();
        for (var node = 0; node < _bounds.Nodes; node++) votes.AddRange(DiskOf(state, node).Votes);
        foreach (var quorum in votes.GroupBy(v => v).Where(g => g.Count() >= Quorum).Select(g => g.Key).OrderBy(v => v.Ballot))
        {
            ref var slot = ref chosen[quorum.Slot.Number - 1];
            if (slot.Value == 0) slot = (quorum.Ballot, quorum.Value);
            else if (slot.Value != quorum.Value) throw new ViolationException("agreement", $"{quorum.Slot} chosen under {slot.Ballot} and differently under {quorum.Ballot}");
        }

        return _chosen[key] = chosen;
    }

    /// <summary>One value per slot; and no quorum of acceptors, as they are now, can promise without one of them reporting it.</summary>
    private void CheckChosen(ReadOnlySpan<int> state)
    {
        var chosen = Chosen(state);
        for (var slot = 0; slot < chosen.Length; slot++)
        {
            if (chosen[slot].Value == 0) continue;
            var ignorant = 0;
            for (var node = 0; node < _bounds.Nodes; node++)
            {
                var held = _roles[state[(node * PerNode) + (int)Role.Acceptor]].Votes[slot];
                if (held.Value != chosen[slot].Value || held.Ballot < chosen[slot].Ballot) ignorant++;
            }

            if (ignorant >= Quorum) throw new ViolationException("chosen value lost", $"#{slot + 1} is held by {_bounds.Nodes - ignorant} acceptors");
        }
    }

    /// <summary>Ballots are used once; who leads has the promises of a quorum on disk, and leads once under a ballot.</summary>
    private void CheckProposer(ReadOnlySpan<int> state, RoleState before, Outcome outcome)
    {
        var (node, next) = (before.Node, outcome.Next);
        if (next.Ballot != before.Ballot && IsOnNetwork(state, l => l.From == node && l.Message is Prepare p && p.Ballot == next.Ballot))
        {
            throw new ViolationException("ballot used twice", $"n{node + 1} prepares {next.Ballot} again after a restart");
        }

        if (next.Phase != ProposerPhase.Leading || (before.Phase == ProposerPhase.Leading && before.Ballot == next.Ballot)) return;
        if (IsOnNetwork(state, l => l.From == node && l.Message is Accept a && a.Ballot == next.Ballot))
        {
            throw new ViolationException("led twice under one ballot", $"n{node + 1} under {next.Ballot}");
        }

        var promised = 0;
        for (var other = 0; other < _bounds.Nodes; other++) promised += DiskOf(state, other).Promised >= next.Ballot ? 1 : 0;
        if (promised < Quorum) throw new ViolationException("leads without a quorum", $"n{node + 1} under {next.Ballot}, promised on {promised} disks");
    }

    private bool IsOnNetwork(ReadOnlySpan<int> state, Func<Letter, bool> condition)
    {
        _found.Clear();
        _networks.List(state[Network], _found);
        return _found.Exists(l => condition(_letters[l]));
    }

    /// <summary>No vote below what the node has said.</summary>
    private void CheckHanded(ReadOnlySpan<int> state, int node, JournalRecord record)
    {
        var said = _ballots[state[(node * PerNode) + Said]];
        if (record is AcceptRecord r && r.Ballot < said)
        {
            throw new ViolationException("vote below what was promised to others", $"n{node + 1} {r.Ballot} at {r.Slot} after {said}");
        }
    }

    private void CheckSent(Span<int> state, Letter letter)
    {
        switch (letter.Message)
        {
            case Promise m:
                CheckSaid(state, letter, m.Ballot);
                break;
            case Accepted m:
                CheckSaid(state, letter, m.Ballot);
                CheckVoted(state, letter.From, m);
                break;
            case Accept m:
                CheckAnnounced(state, letter, m.Chosen);
                CheckProposed(state, letter, m);
                break;
            case ChosenUpTo m:
                CheckAnnounced(state, letter, m.Chosen);
                break;
        }
    }

    /// <summary>What an acceptor says is on its disk, and takes back nothing.</summary>
    private void CheckSaid(Span<int> state, Letter letter, Ballot ballot)
    {
        ref var said = ref state[(letter.From * PerNode) + Said];
        if (ballot < _ballots[said]) throw new ViolationException("promise taken back", $"n{letter.From + 1} says {ballot} after {_ballots[said]}");
        var onDisk = DiskOf(state, letter.From).Promised;
        if (onDisk < ballot) throw new ViolationException("said before durable", $"{letter}, on disk {onDisk}");
        said = _ballots.IndexOf(ballot);
        if (said >= 0) return;
        said = _ballots.Count;
        _ballots.Add(ballot);
    }

    private void CheckVoted(ReadOnlySpan<int> state, int node, Accepted m)
    {
        var disk = DiskOf(state, node);
        var chosen = Chosen(state);
        for (var slot = m.First; slot < m.First + m.Count; slot = slot.Next)
        {
            var index = (int)slot.Number - 1;
            var kept = disk.Votes.Any(v => v.Slot == slot && v.Ballot == m.Ballot) || (chosen[index].Value != 0 && disk.Held[index].Value == chosen[index].Value);
            if (!kept) throw new ViolationException("said before durable", $"n{node + 1} accepted {slot} under {m.Ballot}, which is not on its disk");
        }
    }

    /// <summary>One value per slot and ballot.</summary>
    private void CheckProposed(ReadOnlySpan<int> state, Letter letter, Accept m)
    {
        if (!IsOnNetwork(state, l => l.Message is Accept other && other.Ballot == m.Ballot && Differ(m, other))) return;
        throw new ViolationException("two values under one ballot", letter.ToString());
    }

    private static bool Differ(Accept a, Accept b)
    {
        for (var i = 0; i < a.Values.Length; i++)
        {
            var j = a.First + i - b.First;
            if (j >= 0 && j < b.Values.Length && !a.Values[i].Equals(b.Values[(int)j])) return true;
        }

        return false;
    }

    private void CheckAnnounced(ReadOnlySpan<int> state, Letter letter, Slot through)
    {
        if (through == Slot.Zero) return;
        var chosen = Chosen(state);
        for (var slot = 0; slot < through.Number; slot++)
        {
            if (chosen[slot].Value == 0) throw new ViolationException("announced what is not chosen", $"{letter}, but #{slot + 1} is not");
        }
    }

    /// <summary>Handed to the state machine is what is chosen, in order.</summary>
    private void CheckDelivered(ReadOnlySpan<int> state, RoleState before, Outcome outcome, Slot slot, int value)
    {
        var place = before.Delivered + 1 + Array.FindIndex(outcome.Delivered, d => d == (slot, value));
        if (slot != place) throw new ViolationException("applied out of order", $"n{before.Node + 1} at {slot} instead of {place}");
        var chosen = Chosen(state)[slot.Number - 1].Value;
        if (chosen == 0) throw new ViolationException("applied what is not chosen", $"n{before.Node + 1} at {slot}");
        if (chosen != value) throw new ViolationException("applied another value than the chosen", $"n{before.Node + 1} at {slot}");
    }
}

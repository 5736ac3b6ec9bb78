using System.Numerics;
using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>The end of a run: no more faults, a quorum of whatever may come to govern is whole again, everybody else stays broken for good; what must go right then.</summary>
internal sealed partial class Simulation
{
    private bool _healed;
    private ulong _core;

    public bool InCore(int node) => (_core & (1UL << node)) != 0;

    private bool IsDeadForGood(int node) => _nodes[node].Retired || (_healed && (_nodes[node].Gone != StopReason.None || (!InCore(node) && _plan.Rest == Frozen.Dead)));

    /// <summary>Where the client that is demanded to succeed lives: a node of the core that is a member.</summary>
    public int ProbeHome()
    {
        var homes = _nodes.Where(n => InCore(n.Index) && n.Up && _judge.Newest.Find(n.Id) is not null).ToArray();
        return homes.FirstOrDefault(n => _judge.Newest.IsVoter(n.Id))?.Index ?? homes.FirstOrDefault()?.Index ?? BitOperations.TrailingZeroCount(_core);
    }

    private void HealCore()
    {
        _trace.Note(_now, -1, "faults end");
        _core = _plan.Extras.CoreIsFound ? FindCore() : (ulong)_plan.Core;
        _healed = true;
        _network.Calm();
        _operator?.Stop();
        foreach (var node in _nodes.Where(n => n.Identity is not null))
        {
            (node.DiesAfter, node.NextWriteFails) = (-1, false);
            if (InCore(node.Index)) Repair(node);
            else Freeze(node);
        }

        foreach (var node in _nodes.Where(n => n.Identity is null && InCore(n.Index))) Join(node);
    }

    // Who must make progress.

    /// <summary>
    /// Voters enough for whatever governs or may come to govern, and all that may be promoted. They hold every chosen value, and each knows another. All that
    /// still can run, when the draw finds no such set.
    /// </summary>
    private ulong FindCore()
    {
        var r = new SplitMix(Plan.Mix(_plan.Seed, 9));
        var usable = Mask(n => n.Identity is not null && n.Gone == StopReason.None && (!n.Wiped || _judge[n.Index].Admitted));
        var sound = usable & Mask(n => _judge[n.Index] is { Admitted: true, Hollow: false });
        for (var attempt = 0; attempt < 30; attempt++)
        {
            var core = DrawCore(r, sound, usable);
            if (core != 0 && _judge.HoldAll(core) && CanLead(core) && KnowOneAnother(core)) return core;
        }

        return usable;
    }

    private ulong DrawCore(SplitMix r, ulong sound, ulong usable)
    {
        ulong core = 0;
        var everybody = r.Below(3) == 0;
        var held = _nodes.Where(n => (sound & Bit(n.Id)) != 0 && _judge.Newest.IsVoter(n.Id)).Select(KnownOn).DefaultIfEmpty(Slot.Zero).Max();
        foreach (var configuration in _judge.From(held.Next).Select(g => g.Configuration).Concat(_judge.Pending).SelectMany(c => WithPromotions(c, sound)))
        {
            var voters = configuration.Voters.Where(v => (sound & Bit(v)) != 0).OrderBy(_ => r.Next()).ToArray();
            if (voters.Length < configuration.QuorumSize) return 0;
            foreach (var voter in everybody ? voters : voters[..configuration.QuorumSize]) core |= Bit(voter);
            foreach (var member in configuration.Members.Where(m => m.Kind == MemberKind.Candidate)) core |= Bit(member.Id);
        }

        return core & (usable | Mask(n => n.Identity is null));
    }

    /// <summary>A candidate that has just lost its journal may still be promoted on the word of its earlier life, and then cannot vote: the others must be enough.</summary>
    private IEnumerable<Configuration> WithPromotions(Configuration configuration, ulong sound)
    {
        yield return configuration;
        foreach (var member in configuration.Members.Where(m => m.Kind == MemberKind.Candidate && (sound & Bit(m.Id)) == 0 && Node(m.Id).Identity is { Forgetful: true }))
            yield return configuration = configuration.With(member.Id, MemberKind.Voter);
    }

    /// <summary>Somebody knows enough of the log to be asked by nobody but the core for promises.</summary>
    private bool CanLead(ulong core) => _nodes.Any(n => (core & Bit(n.Id)) != 0 && _judge.Newest.IsVoter(n.Id) && n.Identity is not null
        && VotesEverywhere(n) && _judge.From(KnownOn(n).Next).All(g => BitOperations.PopCount(core & Judge.Mask(g.Configuration)) >= g.Configuration.QuorumSize));

    private bool VotesEverywhere(SimNode node) => _judge.From(KnownOn(node).Next).All(g => g.Configuration.IsVoter(node.Id));

    private Slot KnownOn(SimNode node) => Slot.Max(_judge[node.Index].DurableChosen, node.Up ? node.Acceptor.Chosen : Slot.Zero);

    private bool KnowOneAnother(ulong core) => BitOperations.PopCount(core) == 1 || _nodes.All(n => (core & Bit(n.Id)) == 0 || n.Identity is null
        || n.Learner.Governing.Nodes().Any(other => other != n.Id && (core & Bit(other)) != 0 && _judge.Newest.Find(other) is not null));

    private ulong Mask(Func<SimNode, bool> condition) => _nodes.Where(condition).Aggregate(0UL, (mask, n) => mask | Bit(n.Id));

    private static ulong Bit(NodeId node) => 1UL << ((int)node.Value - 1);

    private void Repair(SimNode node)
    {
        if (!node.Up && node.Gone == StopReason.None) Start(node);
        if (node.Paused) Resume(node, node.Incarnation);
    }

    private void Freeze(SimNode node)
    {
        switch (_plan.Rest)
        {
            case Frozen.Dead when node.Up:
                Crash(node, 0);
                break;
            case Frozen.Mute:
                _network.Cut(_network.Links(new Fault(0, FaultKind.Mute, node.Index, -1, 0, 0), node.Index), 1);
                break;
            case Frozen.Deaf:
                _network.Cut(_network.Links(new Fault(0, FaultKind.Deafen, node.Index, -1, 0, 0), node.Index), 1);
                break;
            case Frozen.Slow:
                _network.Slow(node.Index, Plan.ElectionTimeout / 3);
                break;
        }
    }

    // What must go right.

    /// <summary>
    /// A new write and a read after it must go through in the core within 20 election time-outs (thrice as many where a slow node may lead: each of its answers
    /// takes most of one, and clients whose patience grows miss some), the newest configuration must come to govern, whoever waits for a vote must get it, and
    /// all of the core apply the same log. All these times are for a cluster that stands still: while nodes apply what they lacked there is more of it.
    /// </summary>
    private void DemandProgress()
    {
        if (_defects.SafetyOnly) return;
        var began = _now;
        _workload.BeginProbe(ProbeHome());
        RunWhileMoving((_plan.Rest == Frozen.Slow ? 60 : 20) * Plan.ElectionTimeout, () => _workload.ProbeDone);
        if (!_workload.ProbeDone && QuorumIsLost())
        {
            Counters.QuorumsLost++;
            return;
        }

        if (!_workload.ProbeDone) throw new ViolationException("no progress", $"no write and read through {_now - began} us after the faults ended");
        if (_operator is not null) DemandMembers();
        var goal = _judge.AppliedAnywhere;
        RunWhileMoving(40 * Plan.ElectionTimeout, () => CoreApplied(goal));
        if (!CoreApplied(goal)) throw new ViolationException("core not level", $"not all of the core applied #{goal}");
        _workload.Settle();
    }

    /// <summary>Entries may come one by one over a slow network: up to five stretches, as long as the nodes have applied more in each.</summary>
    private void RunWhileMoving(long stretch, Func<bool> isDone)
    {
        long before, after = Applied();
        for (var i = 0; i < 5; i++)
        {
            RunUntil(_now + stretch, isDone);
            (before, after) = (after, Applied());
            if (isDone() || after == before) return;
        }
    }

    private long Applied() => _nodes.Where(n => n.Up).Sum(n => n.State.Applied);

    /// <summary>
    /// Voters lost their journals in the moment in which they were given their votes, and those left are no quorum: more than a cluster can survive. The faults that are
    /// planned leave a quorum whole, but do not know of votes to come. Or a change replaced nearly all voters at once, as the product's do not, and who votes before and
    /// after it has lost its journal.
    /// </summary>
    private bool QuorumIsLost()
    {
        if (!_nodes.Any(n => (InCore(n.Index) || n.Gone == StopReason.Removed) && n.Gone != StopReason.JournalLost && !HasForgotten(n) && VotesEverywhere(n))) return true;
        var held = _nodes.Where(n => InCore(n.Index) && _judge.Newest.IsVoter(n.Id)).Select(KnownOn).DefaultIfEmpty(Slot.Zero).Max();
        return _judge.From(held.Next).Any(g => g.Configuration.Voters.Count(v => Node(v).Gone != StopReason.JournalLost && !HasForgotten(Node(v))) < g.Configuration.QuorumSize);
    }

    private bool HasForgotten(SimNode node) => node.Identity is { Forgetful: true } && _judge[node.Index] is not { Admitted: true, Hollow: false };

    private void DemandMembers()
    {
        RunWhileMoving(100 * Plan.ElectionTimeout, () => _judge.NewestFrom <= _judge.Watermark.Next && NoCandidates());
        if (_judge.NewestFrom > _judge.Watermark.Next) throw new ViolationException("change never governs", $"{_judge.Newest} governs from {_judge.NewestFrom}");
        if (!NoCandidates()) throw new ViolationException("candidate not promoted", $"{_judge.Newest}");
        RunWhileMoving(60 * Plan.ElectionTimeout, () => StrayNode() is null);
        if (StrayNode() is { } stray) throw new ViolationException("removed node goes on", $"n{stray.Index + 1} in {stray.Learner.Governing[^1].Configuration}");
    }

    /// <summary>A forgetful one needs the word of all others, which may be no more.</summary>
    private bool NoCandidates() => _judge.Newest.Members.All(m => m.Kind != MemberKind.Candidate || !InCore(Node(m.Id).Index) || Node(m.Id).Identity is { Forgetful: true });

    /// <summary>A node that is heard and hears, is no member any more and could know it.</summary>
    private SimNode? StrayNode() => _nodes.FirstOrDefault(n => n.Up && (InCore(n.Index) || _plan.Rest == Frozen.Slow) && IsStray(n));

    private bool IsStray(SimNode node)
    {
        var governing = node.Learner.Governing;
        return _judge.Newest.Find(node.Id) is null && _judge.Newest.Version >= node.Identity!.Since
            && (governing[^1].Configuration.Equals(_judge.Newest) || (governing.IsVoter(node.Id) && governing.Voters().Any(v => InCore(Node(v).Index) && _judge.Newest.Find(v) is not null)));
    }

    public bool CoreApplied(long goal)
    {
        foreach (var node in _nodes)
        {
            if (InCore(node.Index) && _judge.Newest.Find(node.Id) is not null && (!node.Up || node.State.Applied < goal)) return false;
        }

        return true;
    }
}

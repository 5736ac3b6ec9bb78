using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>What goes wrong, and what must go right afterwards.</summary>
internal sealed partial class Simulation
{
    private bool _healed;

    private void Strike(Fault fault)
    {
        if (_healed) return;
        var target = fault.Node >= 0 ? fault.Node : LeaderIndex();
        if (target < 0) return;
        var node = _nodes[target];
        _trace.Note(_now, target, $"fault {fault.Kind}");
        switch (fault.Kind)
        {
            case FaultKind.Crash when node.Up:
                (node.DiesAfter, node.DownFor) = (fault.Arg, fault.For);
                if (fault.Arg == 0) Crash(node, fault.For);
                break;
            case FaultKind.PowerLoss:
                foreach (var n in _nodes.Where(n => n.Up)) Crash(n, 1 + (fault.For / 2) + _faults.Below(1 + (int)fault.For));
                break;
            case FaultKind.Pause when node.Up:
                Counters.Pauses++;
                node.Paused = true;
                After(fault.For, new Event(EventKind.Resume, target, 0, 0, node.Incarnation, 0, null));
                break;
            case FaultKind.Isolate or FaultKind.Mute or FaultKind.Deafen or FaultKind.CutLink or FaultKind.Split:
                Counters.Partitions++;
                var links = _network.Links(fault, target);
                _network.Cut(links, 1);
                After(fault.For, new Event(EventKind.Heal, target, 0, 0, 0, (long)links, null));
                break;
            case FaultKind.DiskStall:
                Counters.DiskFaults++;
                node.DiskSlowUntil = _now + fault.For;
                break;
            case FaultKind.DiskError:
                Counters.DiskFaults++;
                node.NextWriteFails = true;
                break;
            case FaultKind.Drift:
                Counters.ClockFaults++;
                node.SetRate(fault.Arg / 1000.0, _now);
                break;
            case FaultKind.WallJump:
                Counters.ClockFaults++;
                node.WallOffset += fault.Arg;
                break;
        }
    }

    /// <summary>The node that leads under the highest ballot, −1 when none does.</summary>
    private int LeaderIndex()
    {
        var best = -1;
        foreach (var node in _nodes)
        {
            if (!node.Up || node.Proposer.Phase != ProposerPhase.Leading) continue;
            if (best < 0 || node.Proposer.Ballot > _nodes[best].Proposer.Ballot) best = node.Index;
        }

        return best;
    }

    private void Resume(SimNode node, int incarnation)
    {
        if (!node.Up || !node.Paused || node.Incarnation != incarnation) return;
        node.Paused = false;
        _trace.Note(_now, node.Index, $"goes on, {node.Held.Count} messages wait");
        while (node.Up && !node.Paused && node.Incarnation == incarnation && node.Held.TryDequeue(out var e))
        {
            if (e.Kind == EventKind.WriteDone) WriteDone(node, e);
            else HandleOn(node, e);
        }

        _clients.OnResumed(node);
    }

    private bool InCore(int node) => (_plan.Core & (1 << node)) != 0;

    private bool IsDeadForGood(int node) => _healed && !InCore(node) && _plan.Rest == Frozen.Dead;

    /// <summary>No more faults: the core is whole again, everybody else stays broken for good.</summary>
    private void HealCore()
    {
        _trace.Note(_now, -1, "faults end");
        _healed = true;
        _network.Calm();
        foreach (var node in _nodes)
        {
            (node.DiesAfter, node.NextWriteFails) = (-1, false);
            if (InCore(node.Index)) Repair(node);
            else Freeze(node);
        }
    }

    private void Repair(SimNode node)
    {
        if (!node.Up) Start(node);
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

    /// <summary>A new write and a read after it must go through in the core within 20 election time-outs, and all of the core apply the same log.</summary>
    private void DemandProgress()
    {
        if (_defects.SafetyOnly) return;
        var began = _now;
        var home = System.Numerics.BitOperations.TrailingZeroCount(_plan.Core);
        _clients.BeginProbe(home);
        RunUntil(began + (20 * Plan.ElectionTimeout), () => _clients.ProbeDone);
        if (!_clients.ProbeDone) throw new ViolationException("no progress", $"no write and read through {_now - began} us after the faults ended");
        var goal = _judge.AppliedAnywhere;
        RunUntil(_now + (10 * Plan.ElectionTimeout), () => CoreApplied(goal));
        if (!CoreApplied(goal)) throw new ViolationException("core not level", $"not all of the core applied #{goal}");
    }

    private bool CoreApplied(long goal)
    {
        foreach (var node in _nodes)
        {
            if (InCore(node.Index) && (!node.Up || node.State.Applied < goal)) return false;
        }

        return true;
    }
}

using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>What goes wrong, and what must go right afterwards.</summary>
internal sealed partial class Simulation
{
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
            case FaultKind.Isolate or FaultKind.Mute or FaultKind.Deafen or FaultKind.CutLink or FaultKind.Split or FaultKind.Corner:
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
            case FaultKind.JournalDamage or FaultKind.SnapshotDamage or FaultKind.Wipe:
                StrikeStorage(node, fault);
                break;
        }
    }

    /// <summary>For a while nothing that a node says is heard.</summary>
    public void Mute(SimNode node, long time)
    {
        _trace.Note(_now, node.Index, "is muted");
        Counters.Partitions++;
        var links = _network.Links(new Fault(0, FaultKind.Mute, node.Index, -1, 0, 0), node.Index);
        _network.Cut(links, 1);
        After(time, new Event(EventKind.Heal, node.Index, 0, 0, 0, (long)links, null));
    }

    /// <summary>The node that leads under the highest ballot, −1 when none does.</summary>
    public int LeaderIndex()
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

        _workload.OnResumed(node);
    }
}

using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>How nodes come to be, start, join and stop for good.</summary>
internal sealed partial class Simulation
{
    private readonly HashSet<int> _expected = [];
    private ulong _incarnations;

    /// <summary>A member from the beginning: with an empty journal, or as if it had been admitted long ago.</summary>
    private void Found(SimNode node)
    {
        node.Identity = new Identity(++_incarnations, false, LogBase.Initial(_first), 0, false);
        if (!_plan.Extras.Fresh)
        {
            node.Disk.Replace([.. Acquaintances(node), new AdmittedRecord()]);
            foreach (var record in node.Disk.Found) _judge.Durable(node.Index, record, _now);
        }

        Start(node);
    }

    /// <summary>Those for whose admission this node's word was needed; incarnations of the first nodes are known beforehand.</summary>
    private IEnumerable<MetRecord> Acquaintances(SimNode node)
    {
        for (var i = 0; i < _plan.FirstNodes; i++)
        {
            var others = _first.Voters.Where(v => (int)v.Value != i + 1).ToArray();
            var vouch = Enumerable.Range(i, (others.Length / 2) + 1).Select(k => others.Length == 0 ? default : others[k % others.Length]);
            if (vouch.Contains(node.Id)) yield return new MetRecord(new NodeId((ulong)i + 1), (ulong)i + 1);
        }
    }

    private void NoteAdmission(SimNode node)
    {
        node.AdmissionNoted = true;
        if (node.Identity!.Forgetful) Counters.Readmitted++;
        _trace.Note(_now, node.Index, $"is admitted as {node.Identity.Incarnation}");
        _judge.Admitted(node.Index, node.Identity.Incarnation, node.Identity.Forgetful, node.Acceptor.Configurations, node.Acceptor.Chosen);
    }

    private void Start(SimNode node)
    {
        Starting starting;
        try
        {
            starting = node.Start(_now);
        }
        catch (InvariantViolationException x)
        {
            throw new ViolationException("core invariant", $"n{node.Index + 1} {x.Message}");
        }

        node.Gone = StopReason.None;
        _trace.Note(_now, node.Index, $"starts, promised {node.Acceptor.Promised}, chosen {node.Acceptor.Chosen}, base {node.Acceptor.Base}, applied #{node.State.Applied}");
        _workload.OnStarted(node);
        if (starting.Records.Count > 0 && !HandOver(node, starting.Records)) return;
        foreach (var message in starting.Log) SendLocally(node, Role.Acceptor, Role.Learner, message);
        After(_local.Below((int)TickInterval), new Event(EventKind.Tick, node.Index, 0, Role.Proposer, node.Incarnation, 0, null));
    }

    private void StopForGood(SimNode node, StopReason reason)
    {
        _trace.Note(_now, node.Index, $"stops for good: {reason}");
        if (reason == StopReason.Removed) Counters.Removed++;
        else Counters.JournalsLost++;
        _judge.Stopped(node.Index, reason, node.Identity!.Since, node.Wiped);
        Die(node);
        node.Gone = reason;

        // Whoever watches over processes may start it again: it must stop again.
        if (!_healed && _storage.Below(3) == 0) After(_storage.Below(2 * (int)Plan.ElectionTimeout), new Event(EventKind.Restart, node.Index, 0, 0, node.Incarnation, 0, null));
    }

    // Joining.

    /// <summary>A configuration names nodes that have never run: somebody starts them, sooner or later.</summary>
    private void ExpectJoiners(Configuration configuration)
    {
        foreach (var id in configuration.Nodes)
        {
            if (Node(id).Identity is null && _expected.Add(Node(id).Index)) After(_storage.Below((int)Plan.ElectionTimeout), new Event(EventKind.Join, Node(id).Index, 0, 0, 0, 0, null));
        }
    }

    /// <summary>A member that knows of the new one tells it what governs; as long as none does, it asks again.</summary>
    private void Join(SimNode node)
    {
        if (node.Identity is not null || _judge.Pending.Append(_judge.Newest).All(c => c.Find(node.Id) is null)) return;
        if (AskToJoin(node) is { } told)
        {
            Counters.Joined++;
            node.Identity = new Identity(++_incarnations, false, told, told.Configurations[^1].Configuration.Version, true);
            Start(node);
        }
        else After(Plan.ElectionTimeout / 2, new Event(EventKind.Join, node.Index, 0, 0, 0, 0, null));
    }

    private LogBase? AskToJoin(SimNode node)
    {
        var peers = _nodes.Where(n => n.Up && !n.Paused && n != node && n.Learner.Governing[^1].Configuration.Find(node.Id) is not null).ToArray();
        return peers.Length == 0 ? null : new LogBase(Slot.Zero, TimeSpan.Zero, peers[_storage.Below(peers.Length)].Learner.Governing);
    }
}

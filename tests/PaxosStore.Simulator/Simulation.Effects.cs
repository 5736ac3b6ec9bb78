using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>The driver: what the roles ask for, carried out one effect at a time, so that a node can die between any two.</summary>
internal sealed partial class Simulation
{
    private void CarryOut(SimNode node, Role role, Effects effects)
    {
        if (role == Role.Proposer)
        {
            NoteLeadership(node);
            _workload.OnProposer(node);
        }

        if (effects.Records.Count > 0 && !HandOver(node, effects.Records)) return;
        foreach (var message in effects.Now)
        {
            if (role == Role.Learner && IsTooMuch(node, role, message.To, message.Message)) continue;
            if (node.DiesOverChange >= 0 && message.Message is Accept { Values: [{ Next: not null }, ..] }) DieSoon(node);
            Send(node, role, message);
            if (DiesHere(node)) return;
        }

        foreach (var message in effects.AfterDurable)
        {
            if (node.AfterDurable.Count == 0 && node.Disk.Durable == node.Disk.Handed) Send(node, role, message);
            else node.AfterDurable.Enqueue((node.Disk.Handed, role, message));
            if (DiesHere(node)) return;
        }

        foreach (var chosen in effects.Deliver)
        {
            Apply(node, chosen);
            if (DiesHere(node)) return;
        }

        if (effects.Stop != StopReason.None) StopForGood(node, effects.Stop);
        else if (effects.Deliver.Count > 0) TakeSnapshotIfDue(node);
    }

    /// <summary>Records go to the journal; false when the node died over it.</summary>
    private bool HandOver(SimNode node, IReadOnlyList<JournalRecord> records)
    {
        foreach (var record in records)
        {
            _judge.Handed(node.Index, record);
            if (record is AdmittedRecord && !node.AdmissionNoted) NoteAdmission(node);
            node.Disk.Add(_defects.BaseWithoutPromise && record is BaseRecord b ? b with { Promised = Ballot.None } : record);
            if (DiesHere(node)) return false;
        }

        BeginWrite(node);
        return true;
    }

    private void NoteLeadership(SimNode node)
    {
        var leading = node.Proposer.Phase == ProposerPhase.Leading;
        if (leading && !node.WasLeading)
        {
            node.Tenure = ++_tenures;
            Counters.Leaderships++;
            _trace.Note(_now, node.Index, $"leads under {node.Proposer.Ballot}");
        }

        node.WasLeading = leading;
    }

    private void Apply(SimNode node, ChosenValue chosen)
    {
        node.State.Apply(chosen, _judge);
        node.SinceSnapshot++;
        _judge.Applied(node.Index, chosen, node.State, node.Told, _now);
        _trace.Applied(_now, node.Index, chosen, node.State.Chain);
        _workload.OnApplied(node, chosen);
        if (chosen.Next is { } next) ExpectJoiners(next);
    }

    // Journal.

    /// <summary>The disk is behind, and the message would leave it further behind; see <see cref="PaxosOptions.BacklogBytes"/>.</summary>
    private bool IsTooMuch(SimNode node, Role role, NodeId peer, Message message)
    {
        return node.Backlog >= _plan.Options.BacklogBytes && role switch
        {
            Role.Acceptor => node.Acceptor.DropsWhileBehind(peer, message),
            Role.Learner => peer != node.Id && Learner.AddsToBacklog(message),
            _ => false,
        };
    }

    private void BeginWrite(SimNode node)
    {
        if (!node.Disk.TryBegin(out var write)) return;
        var latency = 20 + (long)(-Math.Log(1 - _disk.NextUnit()) * _plan.DiskMean);
        latency = (long)(latency * _plan.Extras.DiskFactors[node.Index]);
        if (_now < node.DiskSlowUntil && !_healed) latency += node.DiskSlowUntil - _now;
        After(latency, new Event(EventKind.WriteDone, node.Index, 0, Role.Acceptor, node.Incarnation, write, null));
    }

    private void WriteDone(SimNode node, Event e)
    {
        if (e.Arg >= 0 && e.Arg == node.Disk.Write && node.Disk.InFlight != 0)
        {
            if (node.NextWriteFails)
            {
                node.NextWriteFails = false;
                if (!_defects.WriteErrorIgnored)
                {
                    Crash(node, Plan.ElectionTimeout);
                    return;
                }

                while (node.Disk.InFlight > node.Disk.Durable) node.Disk.DropInFlight();
            }

            MadeDurable(node, node.Disk.Complete());
            CutJournal(node);
        }

        if (node.Paused)
        {
            // The disk finishes its work beside a process that stands still; the process hears of it later.
            node.Held.Enqueue(e with { Arg = -1 });
            return;
        }

        while (node.AfterDurable.TryPeek(out var next) && next.Needed <= node.Disk.Durable)
        {
            node.AfterDurable.Dequeue();
            Send(node, next.From, next.Message);
            if (DiesHere(node)) return;
        }

        BeginWrite(node);
    }

    private void MadeDurable(SimNode node, int first)
    {
        for (var i = first; i < node.Disk.Durable; i++)
        {
            var record = node.Disk[i];
            _judge.Durable(node.Index, record, _now);
            _trace.Durable(_now, node.Index, record);
        }
    }

    // Messages.

    private void Send(SimNode node, Role from, Outgoing outgoing)
    {
        var to = (int)outgoing.To.Value - 1;
        _judge.Sent(node.Index, node.Incarnation, node.Tenure, to != node.Index, outgoing.Message, _now);
        if (to == node.Index) SendLocally(node, from, outgoing.Role, outgoing.Message);
        else SendAbroad(node.Index, to, outgoing.Role, outgoing.Message);
    }

    /// <summary>To another role of the same node: fast, in order, lost only with the process.</summary>
    public void SendLocally(SimNode node, Role from, Role to, Message message)
    {
        ref var last = ref node.LocalArrival[((int)from * 4) + (int)to];
        last = Math.Max(last, _now + _local.Below(60));
        At(last, new Event(EventKind.Deliver, node.Index, node.Index, to, node.Incarnation, 0, message));
    }

    private void SendAbroad(int from, int to, Role role, Message message)
    {
        Span<long> delays = stackalloc long[2];
        var copies = _network.Route(from, to, delays);

        // What brings messages from node to node never doubles one; the protocol asks for less than that, the client side does not.
        if (_plan.Steps is not null && message is Propose) copies = Math.Min(copies, 1);
        for (var i = 0; i < copies; i++) After(delays[i], new Event(EventKind.Deliver, to, from, role, 0, 0, message));
    }

    /// <summary>From the client side of a node to the leader's proposer.</summary>
    public void SendFromClient(SimNode node, NodeId leader, Message message) => Send(node, Role.Client, new Outgoing(leader, Role.Proposer, message));

    /// <summary>The proposer of a node is told something by the node itself, at once.</summary>
    public void ProposeHere(SimNode node, Message message) => CarryOut(node, Role.Proposer, node.Proposer.Step(node.Id, message, node.Instant(_now)));

    /// <summary>From the client side of a node to that of another.</summary>
    public void SendToClients(SimNode node, NodeId to, Message message) => Send(node, Role.Client, new Outgoing(to, Role.Client, message));

    // The end of a process.

    private static void DieSoon(SimNode node)
    {
        (node.DiesAfter, node.DownFor, node.DiesOverChange) = (node.DiesOverChange, Plan.ElectionTimeout, -1);
    }

    private bool DiesHere(SimNode node)
    {
        if (node.DiesAfter < 0) return false;
        if (node.DiesAfter-- > 0) return false;
        Crash(node, node.DownFor);
        return true;
    }

    private void Crash(SimNode node, long downFor)
    {
        Counters.Crashes++;
        Die(node);
        After(downFor, new Event(EventKind.Restart, node.Index, 0, 0, node.Incarnation, 0, null));
    }

    private void Die(SimNode node)
    {
        var undurable = node.Disk.Handed - node.Disk.Durable;
        var kept = undurable == 0 || _faults.Below(2) == 0 ? 0 : _faults.Below(undurable + 1);
        Counters.RecordsLost += undurable - kept;
        _trace.Note(_now, node.Index, $"dies, {kept} of {undurable} records that were not durable survive");
        node.Stop();
        _workload.OnStopped(node);
        MadeDurable(node, node.Disk.Crash(kept));
        if (_defects.TornWriteSkipped && kept > 1) node.Disk.Drop(node.Disk.Durable - kept);
        if (_defects.JournalLostAtRestart)
        {
            _judge.Lost(node.Index, wiped: false);
            node.Disk.Replace([new AdmittedRecord()]);
            _judge.Durable(node.Index, new AdmittedRecord(), _now);
        }

        _judge.CheckDisks();
    }
}

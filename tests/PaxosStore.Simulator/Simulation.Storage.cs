using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>The driver's work with snapshots, and disks that go bad.</summary>
internal sealed partial class Simulation
{
    private void TakeSnapshotIfDue(SimNode node)
    {
        if (_plan.Extras.SnapshotEvery == 0 || node.Writing is not null || !node.State.WantsSnapshot(node.SinceSnapshot)) return;
        var covers = node.Learner.Base;
        if (_defects.SnapshotAheadOfState) covers = covers with { Through = covers.Through.Next };
        (node.Writing, node.SinceSnapshot) = ((covers, node.State.Save()), 0);
        After(Storing(node, 4), new Event(EventKind.SnapshotDone, node.Index, 0, 0, node.Incarnation, 0, null));
        if (_defects.CutBeforeDurable) SendLocally(node, Role.Learner, Role.Acceptor, new Truncate(covers));
    }

    private long Storing(SimNode node, int times) => 20 + (long)(-Math.Log(1 - _storage.NextUnit()) * _plan.DiskMean * times * _plan.Extras.DiskFactors[node.Index]);

    private void SnapshotDone(SimNode node)
    {
        var (covers, data) = node.Writing!.Value;
        node.Writing = null;
        var snapshot = Simulator.Snapshot.Make(covers, data());
        Counters.Snapshots++;
        Keep(node, snapshot);
        if (DiesHere(node)) return;
        if (node.Snapshots.Older is { } older) SendLocally(node, Role.Learner, Role.Acceptor, new Truncate(older.Base));

        // What is not chosen may not be cut, whoever asks.
        var acceptor = node.Acceptor;
        if (acceptor.Last <= acceptor.Chosen || _storage.Below(4) > 0) return;
        CarryOut(node, Role.Acceptor, acceptor.Step(node.Id, new Truncate(new LogBase(acceptor.Last, acceptor.LogTime, acceptor.Configurations)), node.Elapsed(_now)));
    }

    /// <summary>A snapshot is durable.</summary>
    private void Keep(SimNode node, Snapshot snapshot)
    {
        node.Snapshots.Add(snapshot);
        NoteSnapshots(node);
        _trace.Note(_now, node.Index, $"has a snapshot of {snapshot.Slot} on disk");
        _judge.Snapshot(node.Index, snapshot, node.State.Read(snapshot.Data));
    }

    private void NoteSnapshots(SimNode node)
    {
        var facts = _judge[node.Index];
        facts.Snapshot = node.Snapshots.All.FirstOrDefault(s => s.Intact)?.Slot ?? Slot.Zero;
        if (facts.Snapshot >= facts.Base) facts.Hollow = false;
    }

    private void CutJournal(SimNode node)
    {
        if (_plan.Extras.SnapshotEvery == 0 || _storage.Below(2) == 0) return;
        var deleted = new List<JournalRecord>();
        node.Disk.Cut(1 + _storage.Below(8), _defects.CutsVotes, deleted);
        if (deleted.Count > 0) Counters.Cuts++;
        foreach (var record in deleted) _judge.Deleted(node.Index, record);
    }

    // Snapshots on their way.

    /// <summary>True when the message is the driver's own affair.</summary>
    private bool MovesSnapshots(SimNode node, NodeId from, Message message)
    {
        switch (message)
        {
            case SnapshotRequest m:
                Send(node, Role.Learner, new Outgoing(from, Role.Learner, Piece(node, m)));
                return true;
            case SnapshotPiece m:
                if (!node.Learner.Awaits(from, m)) return true;
                node.Learner.Storing();
                After(Storing(node, 1), new Event(EventKind.PieceStored, node.Index, 0, 0, node.Incarnation, 0, m));
                return true;
            default:
                return false;
        }
    }

    private Message Piece(SimNode node, SnapshotRequest m)
    {
        var snapshot = m.Slot == Slot.Zero ? node.Snapshots.Newest : node.Snapshots.All.FirstOrDefault(s => s.Slot == m.Slot);
        var size = _plan.Extras.PieceBytes;
        var count = snapshot is null ? 0 : (snapshot.Data.Length + size - 1) / size;
        if (snapshot is null || snapshot.Slot <= m.Above || m.Index >= count) return new SnapshotGone(m.Slot);
        var data = snapshot.Data.AsMemory(m.Index * size, Math.Min(size, snapshot.Data.Length - (m.Index * size)));
        return new SnapshotPiece(snapshot.Base, count, m.Index, BitConverter.GetBytes(snapshot.Digest), data);
    }

    private void PieceStored(SimNode node, SnapshotPiece piece)
    {
        if (piece.Index == 0) node.Intake = new Intake(piece);
        if (node.Intake is not { } intake)
        {
            node.Learner.Abandon();
            return;
        }

        intake.Add(piece);
        var incarnation = node.Incarnation;
        CarryOut(node, Role.Learner, node.Learner.Stored(piece, node.Elapsed(_now)));
        if (!node.Up || node.Incarnation != incarnation || (piece.Index + 1 < piece.Count && !_defects.InstallsPart)) return;
        After(Storing(node, 2), new Event(EventKind.IntakeDone, node.Index, 0, 0, node.Incarnation, 0, null));
    }

    private void IntakeDone(SimNode node)
    {
        if (node.Intake is not { } intake) return;
        var whole = intake.Whole;
        node.Intake = null;
        if (_defects.InstallsPart) whole = Simulator.Snapshot.Make(whole.Base, whole.Data);
        if (!whole.Intact)
        {
            node.Learner.Abandon();
            return;
        }

        Keep(node, whole);
        if (DiesHere(node)) return;
        if (whole.Slot > node.Learner.Delivered)
        {
            Counters.Installed++;
            (node.SinceSnapshot, node.Told) = (0, whole.Base.Configurations[^1].Configuration.Version);
            node.State.Install(whole.Data);
            _trace.Note(_now, node.Index, $"installs the snapshot of {whole.Slot}");
            _judge.Snapshot(node.Index, whole, node.State);
            _workload.OnInstalled(node);
        }

        if (DiesHere(node)) return;
        CarryOut(node, Role.Learner, node.Learner.Install(whole.Base, node.Elapsed(_now)));
    }

    // Bad disks. There are never more of them than the cluster must survive.

    /// <summary>Whether the cluster must survive that a node loses what is on its disk.</summary>
    private bool CanSpare(SimNode node, bool journal)
    {
        if (node.Identity is null || node.Gone != StopReason.None || node.Wiped) return false;
        var known = _nodes.Where(n => n != node && !IsBroken(n)).Select(n => _judge[n.Index].DurableChosen).DefaultIfEmpty(Slot.Zero).Max();
        foreach (var found in _judge.From(known.Next).Select(g => g.Configuration).Concat(_judge.Pending))
        {
            var configuration = found.Find(node.Id) is { Kind: MemberKind.Candidate } ? found.With(node.Id, MemberKind.Voter) : found;
            var broken = configuration.Voters.Count(v => v == node.Id || IsBroken(Node(v)));
            if (configuration.IsVoter(node.Id) && broken > (configuration.Voters.Length - 1) / 2) return false;
        }

        return _judge.CouldLose(node.Index, journal, Gone);
    }

    private bool IsBroken(SimNode node) =>
        node.Identity is null || node.Gone != StopReason.None || node.Wiped || !_judge[node.Index].Admitted || _judge[node.Index].Hollow;

    private ulong Gone => _nodes.Where(n => n.Identity is null || n.Gone != StopReason.None || n.Wiped).Aggregate(0UL, (mask, n) => mask | (1UL << n.Index));

    private void StrikeStorage(SimNode node, Fault fault)
    {
        if (!CanSpare(node, fault.Kind != FaultKind.SnapshotDamage)) return;

        // Who gives its vote back but stays, and loses its disk, can't be told from a newcomer by those who never met it.
        var mayBeTakenForNew = _judge.Pending.Append(_judge.Newest).Any(c => c.Find(node.Id) is { Kind: not MemberKind.Voter });
        if (fault.Kind == FaultKind.Wipe && mayBeTakenForNew && _judge.HadVote(node.Id)) return;
        if (node.Up) Crash(node, fault.For);
        switch (fault.Kind)
        {
            case FaultKind.JournalDamage: DamageJournal(node, fault.Arg); break;
            case FaultKind.SnapshotDamage: DamageSnapshots(node, fault.Arg % 3 == 0); break;
            case FaultKind.Wipe: Wipe(node, fault.Arg); break;
        }

        _judge.CheckDisks();
    }

    /// <summary>What comes after the damage can't be trusted; sometimes all that is left is who the node is. A new journal begins with what is kept.</summary>
    private void DamageJournal(SimNode node, int arg)
    {
        var found = node.Disk.Found;
        if (found.Length == 0) return;
        Counters.Damaged++;
        var lastBase = Array.FindLastIndex(found, r => r is BaseRecord);
        var at = arg % found.Length;
        var keepsPrefix = arg % 2 == 0 && (lastBase < 0 ? node.Disk.IsWhole : at > lastBase);
        JournalRecord[] kept = keepsPrefix ? [.. found[..at].Where(r => r is not AdmittedRecord)] : [];
        var identity = node.Identity! with { Forgetful = true };
        if (!keepsPrefix)
        {
            var known = lastBase >= 0 && arg % 3 > 0 ? ((BaseRecord)found[lastBase]).Base : identity.Start;
            identity = identity with { Start = new LogBase(Slot.Zero, TimeSpan.Zero, known.Configurations) };
        }

        node.Identity = identity;
        ReplaceJournal(node, kept, wiped: false);
        _trace.Note(_now, node.Index, $"finds its journal damaged, {kept.Length} of {found.Length} records are kept");
    }

    private void DamageSnapshots(SimNode node, bool all)
    {
        foreach (var snapshot in node.Snapshots.All.Take(all ? 2 : 1)) snapshot.Damage();
        if (node.Snapshots.Newest is null) return;
        Counters.Damaged++;
        NoteSnapshots(node);
        if (_judge[node.Index].Snapshot < _judge[node.Index].Base) _judge[node.Index].Hollow = true;
        _trace.Note(_now, node.Index, "finds snapshots damaged");
    }

    /// <summary>New disks under the old id: whoever starts the node gives it the flags it had, or lets it ask the others.</summary>
    private void Wipe(SimNode node, int arg)
    {
        Counters.Wiped++;
        node.Wiped = true;
        node.Snapshots.Clear();
        ReplaceJournal(node, [], wiped: true);
        var (since, asks) = (node.Identity!.Since, node.Identity.Since > 0 || _plan.Voters == 1 || arg % 2 == 0);
        var told = asks ? AskToJoin(node) : null;

        // Nobody starts a single node anew in the hope that it still is the cluster.
        if (asks && told is null && (since > 0 || _plan.Voters == 1)) (node.Gone, node.Retired) = (StopReason.JournalLost, true);
        node.Identity = new Identity(++_incarnations, false, told ?? LogBase.Initial(_first), told?.Configurations[^1].Configuration.Version ?? since, told is not null);
        _trace.Note(_now, node.Index, "has lost its disks");
    }

    private void ReplaceJournal(SimNode node, JournalRecord[] records, bool wiped)
    {
        _judge.Lost(node.Index, wiped);
        node.Disk.Replace(records);
        foreach (var record in records) _judge.Durable(node.Index, record, _now);
    }
}

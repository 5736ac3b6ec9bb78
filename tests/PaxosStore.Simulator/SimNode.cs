using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>Who a node is, as its disk has it beside the journal: made with the journal, and made anew when that is found damaged.</summary>
/// <param name="Incarnation">Drawn when the journal was made.</param>
/// <param name="Forgetful">Records of the journal were lost.</param>
/// <param name="Start">What the log begins with, unless the journal says otherwise.</param>
/// <param name="Since">Version of the configuration that made it a member.</param>
/// <param name="Joined">It began with what a member told it.</param>
internal sealed record Identity(ulong Incarnation, bool Forgetful, LogBase Start, long Since, bool Joined);

/// <summary>What a start asks for: records that must be in the journal before anything else, then messages for the learner.</summary>
internal sealed record Starting(IReadOnlyList<JournalRecord> Records, IReadOnlyList<Message> Log);

/// <summary>One node: its roles, disks, clock and state machine. What the roles ask for is carried out by <see cref="Simulation"/>.</summary>
internal sealed class SimNode
{
    private readonly Plan _plan;
    private readonly Defects _defects;
    private readonly SplitMix _seeds;

    private long _clockAt;
    private double _clock;
    private double _rate;

    public SimNode(int index, Plan plan, Defects defects)
    {
        (Index, _plan, _defects, _rate) = (index, plan, defects, plan.Extras.Rates[index]);
        Id = new NodeId((ulong)index + 1);
        _seeds = new SplitMix(Plan.Mix(plan.Seed, 20 + (ulong)index));
        State = plan.Steps is null ? new StateMachine(plan.Clients + 1, plan.Extras.SnapshotEvery, defects) : new Whole.KvReplica(this, plan, defects);
        Snapshots = new SnapshotStore(defects.OldSnapshotWins);
    }

    public int Index { get; }

    public NodeId Id { get; }

    /// <summary>Null as long as it has never started.</summary>
    public Identity? Identity { get; set; }

    public bool Up { get; private set; }

    public bool Paused { get; set; }

    /// <summary>Why it has stopped for good.</summary>
    public StopReason Gone { get; set; }

    /// <summary>Nobody starts it any more.</summary>
    public bool Retired { get; set; }

    /// <summary>Its journal was lost, once.</summary>
    public bool Wiped { get; set; }

    /// <summary>How often it has started.</summary>
    public int Incarnation { get; private set; }

    /// <summary>When not negative: effects still to be carried out before it dies.</summary>
    public int DiesAfter { get; set; } = -1;

    public long DownFor { get; set; }

    /// <summary>When not negative: it dies so many effects after it has begun to send a change of the members.</summary>
    public int DiesOverChange { get; set; } = -1;

    /// <summary>Its admission has been judged.</summary>
    public bool AdmissionNoted { get; set; }

    public Disk Disk { get; } = new();

    public SnapshotStore Snapshots { get; }

    public Proposer Proposer { get; private set; } = null!;

    public Acceptor Acceptor { get; private set; } = null!;

    public Learner Learner { get; private set; } = null!;

    public INodeState State { get; }

    /// <summary>It may lead only once it has applied so much: what its acceptor holds as chosen it must be able to serve.</summary>
    public long StateNeeded { get; private set; }

    /// <summary>Newest configuration that its learner knows without having seen it in the log.</summary>
    public long Told { get; set; }

    /// <summary>Snapshot being written; null when there is none.</summary>
    public (LogBase Base, Func<byte[]> Data)? Writing { get; set; }

    /// <summary>Snapshot being received.</summary>
    public Intake? Intake { get; set; }

    /// <summary>Slots applied since the last snapshot.</summary>
    public int SinceSnapshot { get; set; }

    /// <summary>Messages that speak for the disk, with the number of records that must be durable first.</summary>
    public Queue<(int Needed, Role From, Outgoing Message)> AfterDurable { get; } = new();

    /// <summary>Bytes of what waits for the disk.</summary>
    public long Backlog => Disk.Waiting + (AfterDurable.Count == 0 ? 0 : AfterDurable.Sum(m => (long)m.Message.WaitingSize));

    /// <summary>What arrived while it stood still.</summary>
    public Queue<Event> Held { get; } = new();

    /// <summary>Number of the leadership it is in, for the judge.</summary>
    public long Tenure { get; set; }

    public bool WasLeading { get; set; }

    /// <summary>Until when its disk is slow.</summary>
    public long DiskSlowUntil { get; set; }

    public bool NextWriteFails { get; set; }

    /// <summary>Wall clock minus true time, ms.</summary>
    public long WallOffset { get; set; }

    /// <summary>Latest arrival handed out per pair of roles: messages within a node stay in order.</summary>
    public long[] LocalArrival { get; } = new long[16];

    /// <summary>New machines from what is on disk.</summary>
    public Starting Start(long now)
    {
        var identity = Identity!;
        Incarnation++;
        (Up, Paused, DiesAfter, WasLeading, NextWriteFails) = (true, false, -1, false, false);
        (Writing, Intake, SinceSnapshot, StateNeeded, AdmissionNoted) = (null, null, 0, 0, false);
        (_clock, _clockAt) = (_seeds.Below(1_000_000_000), now);
        Array.Clear(LocalArrival);
        State.Reset();
        var (found, snapshot) = (Disk.Found, Snapshots.Load(_defects.TakesDamagedSnapshot));
        var start = found.Length == 0 && identity.Forgetful && snapshot is not null ? snapshot.Base : identity.Start;
        Acceptor = new Acceptor(Id, start, _plan.Options, identity.Incarnation, identity.Forgetful && !_defects.HidesLoss, identity.Joined, (ulong)Incarnation, _defects.Rules);
        Acceptor.Recover(found);
        var records = new List<JournalRecord>();
        if (found.Length == 0) records.Add(new BaseRecord(start, Ballot.None, start.Through, []));

        AdmissionNoted = Acceptor.Admitted;

        // The snapshot was whole, but the node died before its journal said so.
        if (snapshot?.Slot > Acceptor.Chosen) records.AddRange(Acceptor.Step(Id, new Installed(snapshot.Base), Elapsed(now)).Records);
        var log = StartLearner(identity, snapshot);
        Proposer = new Proposer(Id, Learner.Governing, _plan.Options, Acceptor.Promised, _seeds.Next(), _defects.Rules);
        return new Starting(records, log);
    }

    private List<Message> StartLearner(Identity identity, Snapshot? snapshot)
    {
        var usable = snapshot is not null && snapshot.Slot >= Acceptor.Base;
        if (usable) State.Load(snapshot!.Data);

        // Where the log begins after what no sound snapshot covers, the state must come from a peer.
        else if (Acceptor.Base > Slot.Zero) StateNeeded = Acceptor.Chosen.Number;
        var start = usable ? snapshot!.Base : Acceptor.Base == Slot.Zero ? identity.Start : new LogBase(Slot.Zero, TimeSpan.Zero, Acceptor.Configurations);
        Learner = NewLearner(start);
        return [.. Acceptor.RecoveredLog(start.Through)];
    }

    private Learner NewLearner(LogBase start)
    {
        Told = start.Configurations[^1].Configuration.Version;
        return new Learner(Id, start, _plan.Options, Identity!.Since, _defects.Rules);
    }

    public void Stop()
    {
        (Up, Paused, DiesAfter) = (false, false, -1);
        (Writing, Intake) = (null, null);
        AfterDurable.Clear();
        Held.Clear();
    }

    public TimeSpan Elapsed(long now) => TimeSpan.FromTicks((long)((_clock + ((now - _clockAt) * _rate)) * 10));

    public Instant Instant(long now) => new(Elapsed(now), (now / 1000) + WallOffset);

    public void SetRate(double rate, long now) => (_clock, _clockAt, _rate) = (_clock + ((now - _clockAt) * _rate), now, rate);
}

using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>One node: its roles, journal, clock and state machine. What the roles ask for is carried out by <see cref="Simulation"/>.</summary>
internal sealed class SimNode
{
    private readonly Plan _plan;
    private readonly Defects _defects;
    private readonly Configuration _configuration;
    private readonly SplitMix _seeds;

    private long _clockAt;
    private double _clock;
    private double _rate = 1;

    public SimNode(int index, Plan plan, Defects defects, Configuration configuration)
    {
        (Index, _plan, _defects, _configuration) = (index, plan, defects, configuration);
        Id = new NodeId((ulong)index + 1);
        _seeds = new SplitMix(Plan.Mix(plan.Seed, 20 + (ulong)index));
        State = new StateMachine(plan.Clients + 1, defects.NoSessionDedup);
    }

    public int Index { get; }

    public NodeId Id { get; }

    public bool Up { get; private set; }

    public bool Paused { get; set; }

    /// <summary>How often it has started.</summary>
    public int Incarnation { get; private set; }

    /// <summary>When not negative: effects still to be carried out before it dies.</summary>
    public int DiesAfter { get; set; } = -1;

    public long DownFor { get; set; }

    public Disk Disk { get; } = new();

    public Proposer Proposer { get; private set; } = null!;

    public Acceptor Acceptor { get; private set; } = null!;

    public Learner Learner { get; private set; } = null!;

    public StateMachine State { get; }

    /// <summary>Messages that speak for the disk, with the number of records that must be durable first.</summary>
    public Queue<(int Needed, Role From, Outgoing Message)> AfterDurable { get; } = new();

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

    /// <summary>New machines from the journal. Returns what the learner must hear.</summary>
    public IEnumerable<Message> Start(long now)
    {
        Incarnation++;
        (Up, Paused, DiesAfter, WasLeading, NextWriteFails) = (true, false, -1, false, false);
        State.Reset();
        Acceptor = new Acceptor(Id, _plan.Options, _defects.Rules);
        for (var i = 0; i < Disk.Durable; i++) Acceptor.Recover(Disk.Records[i]);
        Learner = new Learner(Id, _configuration, _plan.Options, _defects.Rules);
        Proposer = new Proposer(Id, _configuration, _plan.Options, Acceptor.Promised, _seeds.Next(), _defects.Rules);
        (_clock, _clockAt) = (_seeds.Below(1_000_000_000), now);
        Array.Clear(LocalArrival);
        return Acceptor.RecoveredLog();
    }

    public void Stop()
    {
        (Up, Paused, DiesAfter) = (false, false, -1);
        AfterDurable.Clear();
        Held.Clear();
    }

    public TimeSpan Elapsed(long now) => TimeSpan.FromTicks((long)((_clock + ((now - _clockAt) * _rate)) * 10));

    public Instant Instant(long now) => new(Elapsed(now), (now / 1000) + WallOffset);

    public void SetRate(double rate, long now) => (_clock, _clockAt, _rate) = (_clock + ((now - _clockAt) * _rate), now, rate);
}

/// <summary>The replicated state machine: per client the last request and its slot, and a hash chain over everything applied.</summary>
internal sealed class StateMachine(int clients, bool noDedup)
{
    private readonly (int Request, long Slot)[] _sessions = new (int, long)[clients];

    /// <summary>Highest slot applied.</summary>
    public long Applied { get; private set; }

    /// <summary>Covers every slot and value applied since the start.</summary>
    public ulong Chain { get; private set; }

    public void Reset()
    {
        Array.Clear(_sessions);
        (Applied, Chain) = (0, 0);
    }

    public void Begin(ChosenValue chosen)
    {
        if (chosen.Slot.Number != Applied + 1) throw new ViolationException("applied out of order", $"{chosen.Slot} after #{Applied}");
        Applied = chosen.Slot.Number;
        var value = chosen.Value;
        Chain = Hash(Hash(Hash(Chain, (ulong)Applied), (ulong)value.Round), (ulong)value.LogTime.Ticks);
    }

    /// <summary>Applies one command; true when it takes effect, false when it is a repeat.</summary>
    public bool Apply(Command command)
    {
        Chain = Hash(Chain, command.Word);
        ref var session = ref _sessions[command.Client];
        if (session.Request >= command.Request && !noDedup) return false;
        session = (command.Request, Applied);
        return true;
    }

    /// <summary>Slot in which the client's last request took effect.</summary>
    public (int Request, long Slot) Session(int client) => _sessions[client];

    private static ulong Hash(ulong chain, ulong word) => (chain ^ word) * 0x9E3779B97F4A7C15 ^ (chain >> 29);
}

using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>
/// One run of a plan: the protocol core driven in virtual time, on one thread, event by event. Throws <see cref="ViolationException"/> when something
/// that must hold does not.
/// </summary>
internal sealed partial class Simulation
{
    private const long TickInterval = Plan.Heartbeat / 3;

    private readonly Plan _plan;
    private readonly Defects _defects;
    private readonly EventQueue _queue = new();
    private readonly SimNode[] _nodes;
    private readonly IWorkload _workload;
    private readonly Operator? _operator;
    private readonly Network _network;
    private readonly Judge _judge;
    private readonly SplitMix _disk;
    private readonly SplitMix _local;
    private readonly SplitMix _faults;
    private readonly SplitMix _storage;
    private readonly Trace _trace;
    private readonly Configuration _first;

    private long _now;
    private long _tenures;

    public Simulation(Plan plan, Defects defects, Trace trace)
    {
        (_plan, _defects, _trace) = (plan, defects, trace);
        _disk = new SplitMix(Plan.Mix(plan.Seed, 3));
        _local = new SplitMix(Plan.Mix(plan.Seed, 4));
        _faults = new SplitMix(Plan.Mix(plan.Seed, 5));
        _storage = new SplitMix(Plan.Mix(plan.Seed, 8));
        _network = new Network(plan, Counters);
        var kinds = Enumerable.Range(0, plan.FirstNodes).Select(i => i < plan.Voters ? MemberKind.Voter : MemberKind.Observer);
        _first = new Configuration(0, plan.Extras.Alpha, kinds.Select((kind, i) => new Member(new NodeId((ulong)i + 1), kind)));
        _nodes = [.. Enumerable.Range(0, plan.Nodes).Select(i => new SimNode(i, plan, defects))];
        _judge = new Judge(plan, _first, Leads);
        _workload = plan.Steps is null ? new Clients(this, plan, defects, _nodes, _judge) : new Whole.Users(this, plan, defects, _nodes, _judge);
        _judge.Asked = _workload.Asked;
        if (plan.Extras.Churn != Churn.None) _operator = new Operator(this, plan, _nodes, _judge);
    }

    public Counters Counters { get; } = new() { Seeds = 1 };

    public long Now => _now;

    /// <summary>Runs to the end: faults first, then a healed core that must make progress.</summary>
    public void Run()
    {
        foreach (var node in _nodes.Take(_plan.FirstNodes)) Found(node);
        for (var i = 0; i < _plan.Faults.Count; i++) At(_plan.Faults[i].At, new Event(EventKind.Fault, 0, 0, 0, 0, i, null));
        _workload.Begin();
        _operator?.Begin();
        RunUntil(_plan.FaultsEnd);
        HealCore();
        DemandProgress();
        Counters.Chosen = _judge.Chosen;
        (Counters.Changes, Counters.Void) = _judge.Changes;
    }

    public void At(long time, in Event e) => _queue.Add(time, e);

    public void After(long delay, in Event e) => At(_now + delay, e);

    /// <summary>Goes on until something is so, or for a time; whether it is so.</summary>
    public bool RunFor(long time, Func<bool> done)
    {
        if (!done()) RunUntil(_now + time, done);
        return done();
    }

    private void RunUntil(long end, Func<bool>? done = null)
    {
        while (_queue.TryTake(end, out _now, out var e))
        {
            Counters.Events++;
            Handle(e);
            if (done is not null && done()) return;
        }
    }

    private void Handle(in Event e)
    {
        switch (e.Kind)
        {
            case EventKind.Fault:
                Strike(_plan.Faults[(int)e.Arg]);
                return;
            case EventKind.Heal:
                if (!_healed) _network.Cut((ulong)e.Arg, -1);
                return;
            case EventKind.ClientTurn:
                _workload.Turn(e.Node, e.Arg);
                return;
            case EventKind.OperatorTurn:
                _operator!.Turn(e.Arg);
                return;
            case EventKind.Join:
                Join(_nodes[e.Node]);
                return;
            case EventKind.Restart:
                if (!_nodes[e.Node].Up && _nodes[e.Node].Incarnation == e.Incarnation && !IsDeadForGood(e.Node)) Start(_nodes[e.Node]);
                return;
            case EventKind.Resume:
                Resume(_nodes[e.Node], e.Incarnation);
                return;
        }

        var node = _nodes[e.Node];
        if (!node.Up || (e.Incarnation != 0 && e.Incarnation != node.Incarnation)) return;
        if (e.Kind == EventKind.WriteDone) WriteDone(node, e);
        else if (node.Paused) Hold(node, e);
        else HandleOn(node, e);
    }

    private void Hold(SimNode node, in Event e)
    {
        // One tick is enough for all that were missed.
        if (e.Kind == EventKind.Tick) After(TickInterval, e);
        else if (node.Held.Count < 2_000 || e.Kind != EventKind.Deliver || e.Message is Whole.FacadeInput) node.Held.Enqueue(e);
    }

    private void HandleOn(SimNode node, in Event e)
    {
        try
        {
            switch (e.Kind)
            {
                case EventKind.Deliver: Deliver(node, e); break;
                case EventKind.SnapshotDone: SnapshotDone(node); break;
                case EventKind.PieceStored: PieceStored(node, (SnapshotPiece)e.Message!); break;
                case EventKind.IntakeDone: IntakeDone(node); break;
                default: Tick(node, e); break;
            }
        }
        catch (InvariantViolationException x)
        {
            throw new ViolationException("core invariant", $"n{node.Index + 1} {x.Message}");
        }
    }

    private void Deliver(SimNode node, in Event e)
    {
        var message = e.Message!;
        _trace.Delivered(_now, e, message);
        var from = new NodeId((ulong)e.From + 1);
        if (e.Role == Role.Client)
        {
            _workload.OnMessage(node, from, message);
            _operator?.OnMessage(message);
            return;
        }

        if (MovesSnapshots(node, from, message)) return;
        if (IsTooMuch(node, e.Role, from, message))
        {
            Counters.TooMuch++;
            return;
        }

        var effects = e.Role switch
        {
            Role.Proposer => node.Proposer.Step(from, message, node.Instant(_now)),
            Role.Acceptor => node.Acceptor.Step(from, message, node.Elapsed(_now)),
            _ => node.Learner.Step(from, message, node.Elapsed(_now)),
        };
        CarryOut(node, e.Role, effects);
    }

    private void Tick(SimNode node, in Event e)
    {
        if (node.State.Applied >= node.StateNeeded) CarryOut(node, Role.Proposer, node.Proposer.Tick(node.Instant(_now)));
        if (IsStill(node, e)) _workload.OnTick(node);
        if (IsStill(node, e)) CarryOut(node, Role.Acceptor, node.Acceptor.Tick(node.Elapsed(_now)));
        if (IsStill(node, e)) CarryOut(node, Role.Learner, node.Learner.Tick(node.Elapsed(_now)));
        if (node.Up) After(TickInterval + _local.Below((int)TickInterval / 4), e);
    }

    private static bool IsStill(SimNode node, in Event e) => node.Up && node.Incarnation == e.Incarnation;

    /// <summary>Whether a ballot still leads somewhere: then votes told under it may still be counted.</summary>
    private bool Leads(Ballot ballot)
    {
        var node = Node(ballot.Node);
        return node.Up && node.Proposer.Phase == ProposerPhase.Leading && node.Proposer.Ballot == ballot;
    }

    private SimNode Node(NodeId id) => _nodes[(int)id.Value - 1];
}

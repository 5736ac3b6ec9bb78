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
    private readonly PriorityQueue<Event, Due> _queue = new(256);
    private readonly SimNode[] _nodes;
    private readonly Clients _clients;
    private readonly Network _network;
    private readonly Judge _judge;
    private readonly SplitMix _disk;
    private readonly SplitMix _local;
    private readonly SplitMix _faults;
    private readonly Trace _trace;

    private long _now;
    private long _sequence;
    private long _tenures;

    public Simulation(Plan plan, Defects defects, Trace trace)
    {
        (_plan, _defects, _trace) = (plan, defects, trace);
        _disk = new SplitMix(Plan.Mix(plan.Seed, 3));
        _local = new SplitMix(Plan.Mix(plan.Seed, 4));
        _faults = new SplitMix(Plan.Mix(plan.Seed, 5));
        _judge = new Judge(plan);
        _network = new Network(plan, Counters);
        var ids = Enumerable.Range(1, plan.Nodes).Select(i => new NodeId((ulong)i)).ToArray();
        var configuration = new Configuration(ids[..plan.Voters], ids[plan.Voters..]);
        _nodes = [.. Enumerable.Range(0, plan.Nodes).Select(i => new SimNode(i, plan, defects, configuration))];
        _clients = new Clients(this, plan, defects, _nodes, _judge);
    }

    public Counters Counters { get; } = new() { Seeds = 1 };

    public long Now => _now;

    /// <summary>Runs to the end: faults first, then a healed core that must make progress.</summary>
    public void Run()
    {
        foreach (var node in _nodes) Start(node);
        for (var i = 0; i < _plan.Faults.Count; i++) At(_plan.Faults[i].At, new Event(EventKind.Fault, 0, 0, 0, 0, i, null));
        _clients.Begin();
        RunUntil(_plan.FaultsEnd);
        HealCore();
        DemandProgress();
        Counters.Chosen = _judge.Chosen;
    }

    public void At(long time, Event e) => _queue.Enqueue(e, new Due(time, _sequence++));

    public void After(long delay, Event e) => At(_now + delay, e);

    private void RunUntil(long end, Func<bool>? done = null)
    {
        while (_queue.TryPeek(out var e, out var due) && due.Time <= end)
        {
            _queue.Dequeue();
            _now = due.Time;
            Counters.Events++;
            Handle(e);
            if (done is not null && done()) return;
        }

        _now = end;
    }

    private void Handle(Event e)
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
                _clients.Turn(e.Node, e.Arg);
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

    private void Hold(SimNode node, Event e)
    {
        // One tick is enough for all that were missed.
        if (e.Kind == EventKind.Tick) After(TickInterval, e);
        else if (node.Held.Count < 2_000) node.Held.Enqueue(e);
    }

    private void HandleOn(SimNode node, Event e)
    {
        if (e.Kind == EventKind.Deliver) Deliver(node, e);
        else Tick(node, e);
    }

    private void Deliver(SimNode node, Event e)
    {
        var message = e.Message!;
        _trace.Delivered(_now, e, message);
        if (e.Role == Role.Client)
        {
            _clients.OnMessage(node, message);
            return;
        }

        var from = new NodeId((ulong)e.From + 1);
        try
        {
            var effects = e.Role switch
            {
                Role.Proposer => node.Proposer.Step(from, message, node.Instant(_now)),
                Role.Acceptor => node.Acceptor.Step(from, message, node.Elapsed(_now)),
                _ => node.Learner.Step(from, message, node.Elapsed(_now)),
            };
            CarryOut(node, e.Role, effects);
        }
        catch (InvariantViolationException x)
        {
            throw new ViolationException("core invariant", $"n{node.Index + 1} {x.Message}");
        }
    }

    private void Tick(SimNode node, Event e)
    {
        try
        {
            CarryOut(node, Role.Proposer, node.Proposer.Tick(node.Instant(_now)));
            if (node.Up && node.Incarnation == e.Incarnation) CarryOut(node, Role.Learner, node.Learner.Tick(node.Elapsed(_now)));
        }
        catch (InvariantViolationException x)
        {
            throw new ViolationException("core invariant", $"n{node.Index + 1} {x.Message}");
        }

        if (node.Up) After(TickInterval + _local.Below((int)TickInterval / 4), e);
    }

    private void Start(SimNode node)
    {
        try
        {
            foreach (var message in node.Start(_now)) SendLocally(node, Role.Acceptor, Role.Learner, message);
        }
        catch (InvariantViolationException x)
        {
            throw new ViolationException("core invariant", $"n{node.Index + 1} {x.Message}");
        }

        _trace.Note(_now, node.Index, $"starts, promised {node.Acceptor.Promised}, chosen {node.Acceptor.Chosen}");
        After(_local.Below((int)TickInterval), new Event(EventKind.Tick, node.Index, 0, Role.Proposer, node.Incarnation, 0, null));
    }
}

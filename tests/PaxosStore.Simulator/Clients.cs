using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>
/// Clients outside, each with one request at a time, served by the client side of some node, which passes it to whoever leads. What is not answered in
/// time is sent again under the same number, perhaps through another node.
/// </summary>
internal sealed class Clients : IWorkload
{
    private const long Patience = Plan.Heartbeat * 4;

    private readonly Simulation _simulation;
    private readonly Plan _plan;
    private readonly Defects _defects;
    private readonly SimNode[] _nodes;
    private readonly Judge _judge;
    private readonly SplitMix _random;
    private readonly Client[] _clients;
    private readonly int[] _issued;
    private long _numbers;
    private bool _probing;
    private bool _probeWrote;

    public Clients(Simulation simulation, Plan plan, Defects defects, SimNode[] nodes, Judge judge)
    {
        (_simulation, _plan, _defects, _nodes, _judge) = (simulation, plan, defects, nodes, judge);
        _random = new SplitMix(Plan.Mix(plan.Seed, 6));
        _issued = new int[plan.Clients + 1];
        _clients = [.. Enumerable.Range(0, plan.Clients + 1).Select(i => new Client(i))];
    }

    /// <summary>The write and the read demanded at the end are done.</summary>
    public bool ProbeDone { get; private set; }

    private Client Probe => _clients[^1];

    /// <summary>Where members come and go, clients know which nodes run.</summary>
    private int PickHome()
    {
        if (_plan.Extras.Churn == Churn.None) return _random.Below(_plan.Nodes);
        var up = _nodes.Where(n => n.Up).ToArray();
        return up.Length > 0 ? up[_random.Below(up.Length)].Index : _random.Below(_plan.FirstNodes);
    }

    public void Begin()
    {
        foreach (var client in _clients[..^1])
        {
            client.Home = PickHome();
            Schedule(client, _random.Below((int)_plan.ThinkMean));
        }
    }

    public void BeginProbe(int home)
    {
        _probing = true;
        Probe.Home = home;
        StartWrite(Probe);
    }

    public bool Asked(ReadOnlyMemory<byte> command)
    {
        var c = Command.Decode(command.Span);
        return c.Client < _issued.Length && c.Request <= _issued[c.Client] && c.Word == Command.WordOf(c.Client, c.Request);
    }

    /// <summary>A client's turn: begin something, or lose patience with what is under way.</summary>
    public void Turn(int index, long turn)
    {
        var client = _clients[index];
        if (client.Turn != turn) return;
        if (client.Doing != Doing.Nothing)
        {
            Retry(client);
        }
        else if (!_probing)
        {
            if (_random.Below(4) == 0) client.Home = PickHome();
            if (_random.NextUnit() < _plan.ReadShare) StartRead(client);
            else StartWrite(client);
        }
    }

    private void Retry(Client client)
    {
        _simulation.Counters.Retries++;
        var lost = !_nodes[client.Home].Up || _nodes[client.Home].Incarnation != client.HomeIncarnation;
        if (client != Probe && (lost || _random.Below(2) == 0)) client.Home = PickHome();
        if (client == Probe && lost) client.Home = _simulation.ProbeHome();
        Attempt(client);
    }

    private void StartWrite(Client client)
    {
        (client.Doing, client.Floor, client.Attempts) = (Doing.Write, _judge.Witnessed, 0);
        _issued[client.Index] = ++client.Request;
        client.Bytes = Command.Encode(client.Index, client.Request, _plan.CommandBytes);
        Attempt(client);
    }

    private void StartRead(Client client)
    {
        (client.Doing, client.Floor, client.Attempts) = (Doing.Read, _judge.Witnessed, 0);
        Attempt(client);
    }

    private void Attempt(Client client)
    {
        var node = _nodes[client.Home];
        (client.Number, client.Barrier, client.HomeIncarnation) = (++_numbers, -1, node.Incarnation);
        Schedule(client, Patience << Math.Min(client.Attempts++, 3));
        if (!node.Up || node.Paused) return;
        if (node.Proposer.Leader is not { } leader)
        {
            Schedule(client, Plan.Heartbeat);
            return;
        }

        if (client.Doing == Doing.Read)
        {
            _simulation.SendFromClient(node, leader, new ReadBarrierRequest(client.Number));
            return;
        }

        _simulation.SendFromClient(node, leader, new Propose(client.Number, [client.Bytes]));
        if (_defects.AckAtVote) ClaimDone(client);
        // Now and then the command goes out twice, and now and then only log time is to move on.
        if (_random.Below(8) == 0) _simulation.SendFromClient(node, leader, new Propose(++_numbers, [client.Bytes]));
        if (_random.Below(8) == 0) _simulation.SendFromClient(node, leader, new Propose(++_numbers, []));
    }

    private void ClaimDone(Client client) => _judge.ClaimedDone(client.Index, client.Request);

    private void Schedule(Client client, long delay) =>
        _simulation.After(delay, new Event(EventKind.ClientTurn, client.Index, 0, Role.Client, 0, ++client.Turn, null));

    /// <summary>Something for the client side of a node.</summary>
    public void OnMessage(SimNode node, NodeId from, Message message)
    {
        switch (message)
        {
            case ReadBarrier m:
                if (WhoAsked(node, m.Number) is { Doing: Doing.Read } reader)
                {
                    reader.Barrier = m.Slot.Number;
                    FinishRead(reader, node);
                }

                break;
            case ReadBarrierRejected m:
                Refused(WhoAsked(node, m.Number));
                break;
            case ProposeRejected m:
                Refused(WhoAsked(node, m.Batch));
                break;
        }
    }

    private Client? WhoAsked(SimNode node, long number)
    {
        foreach (var client in _clients)
        {
            var asked = client.Number == number || _defects.AnyBarrierWillDo;
            if (asked && client.Home == node.Index && client.HomeIncarnation == node.Incarnation && client.Doing != Doing.Nothing) return client;
        }

        return null;
    }

    private void Refused(Client? client)
    {
        if (client is null) return;
        _simulation.Counters.Refused++;
        Schedule(client, Plan.Heartbeat / 2);
    }

    /// <summary>A node that stood still goes on: what clients asked of it meanwhile reaches it now.</summary>
    public void OnResumed(SimNode node)
    {
        foreach (var client in _clients)
        {
            if (client.Home == node.Index && client.Doing != Doing.Nothing && node.Up && !node.Paused) Attempt(client);
        }
    }

    /// <summary>A node applied a slot: requests it serves may be done.</summary>
    public void OnApplied(SimNode node, ChosenValue chosen)
    {
        foreach (var client in _clients)
        {
            if (client.Home != node.Index || client.HomeIncarnation != node.Incarnation) continue;
            if (client.Doing == Doing.Read && client.Barrier >= 0) FinishRead(client, node);
            else if (client.Doing == Doing.Write && !chosen.Value.IsNoOp) FinishWrite(client, node, chosen);
        }
    }

    /// <summary>A node's state jumped: reads it serves may be done; writes are asked for again.</summary>
    public void OnInstalled(SimNode node)
    {
        foreach (var client in _clients)
        {
            if (client.Home == node.Index && client.HomeIncarnation == node.Incarnation && client.Doing == Doing.Read && client.Barrier >= 0) FinishRead(client, node);
        }
    }

    public void OnStarted(SimNode node)
    {
        // Requests that the process before it served are given up by those who asked.
    }

    public void OnStopped(SimNode node)
    {
        // As above.
    }

    public void OnProposer(SimNode node)
    {
        // Who leads is looked up when something is asked.
    }

    public void OnTick(SimNode node)
    {
        // Clients have clocks of their own.
    }

    public void Settle()
    {
        // The judge has seen all there is.
    }

    private void FinishRead(Client client, SimNode node)
    {
        if (node.State.Applied < client.Barrier && !_defects.ReadBeforeApplied) return;
        _simulation.Counters.Reads++;
        _judge.Answered(client.Index, read: true, client.Floor, node.State.Applied);
        Rest(client);
    }

    private void FinishWrite(Client client, SimNode node, ChosenValue chosen)
    {
        foreach (var bytes in chosen.Value.Commands)
        {
            var command = Command.Decode(bytes.Span);
            if (command.Client != client.Index || command.Request != client.Request) continue;
            _simulation.Counters.Writes++;
            _judge.Answered(client.Index, read: false, client.Floor, ((StateMachine)node.State).Session(client.Index).Slot);
            Rest(client);
            return;
        }
    }

    private void Rest(Client client)
    {
        (client.Doing, client.Barrier) = (Doing.Nothing, -1);
        if (client == Probe)
        {
            if (_probeWrote) ProbeDone = true;
            else StartRead(client);
            _probeWrote = true;
            return;
        }

        Schedule(client, (long)(-Math.Log(1 - _random.NextUnit()) * _plan.ThinkMean));
    }

    private enum Doing
    {
        Nothing,
        Read,
        Write,
    }

    private sealed class Client(int index)
    {
        public int Index { get; } = index;
        public int Home { get; set; }
        public int HomeIncarnation { get; set; }
        public int Request { get; set; }
        public long Number { get; set; }
        public long Barrier { get; set; } = -1;
        public long Floor { get; set; }
        public long Turn { get; set; }
        public int Attempts { get; set; }
        public Doing Doing { get; set; }
        public ReadOnlyMemory<byte> Bytes { get; set; }
    }
}

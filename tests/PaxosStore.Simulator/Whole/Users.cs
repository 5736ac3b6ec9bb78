using PaxosStore.Consensus;
using PaxosStore.Kv;
using PaxosStore.Node.Actors;
using PaxosStore.Node.Wire;

namespace PaxosStore.Simulator.Whole;

/// <summary>
/// Clients of the whole store, and the doors they go through: each does the steps of its plan one after the other, at nodes' own client sides. What is not answered
/// because a node died is unknown, as it is for clients outside; every third client has a session of its own and repeats such requests elsewhere, under their numbers.
/// </summary>
internal sealed class Users : IWorkload
{
    private const long Patience = Plan.Heartbeat * 4;

    // Slots from one comparison of states to the next, and what the ledger takes for that.
    private const int CompareEvery = 8;
    private const int LedgerEvery = 256;

    private readonly Simulation _simulation;
    private readonly Plan _plan;
    private readonly WholeDefect _defect;
    private readonly SimNode[] _nodes;
    private readonly Judge _protocol;
    private readonly HistoryJudge _judge = new();
    private readonly Facade?[] _facades;
    private readonly Client[] _clients;
    private readonly Watchers _watchers;
    private readonly SplitMix _ids;
    private readonly TimeSpan _requestTimeout;
    private long _numbers;
    private bool _probing;
    private bool _probeWrote;

    public Users(Simulation simulation, Plan plan, Defects defects, SimNode[] nodes, Judge protocol)
    {
        (_simulation, _plan, _defect, _nodes, _protocol) = (simulation, plan, defects.Whole, nodes, protocol);
        _ids = new SplitMix(Plan.Mix(plan.Seed, 41));
        _facades = new Facade?[nodes.Length];
        var steps = plan.Steps!.ToLookup(s => s.Client);
        _clients = [.. Enumerable.Range(0, plan.Clients + 1).Select(i => new Client(i, steps[i], i % 3 == 2 && i < plan.Clients ? 0xC0DE00UL + (ulong)i : 0))];
        _watchers = new Watchers(simulation, nodes, _judge, plan.Clients + 1, defects.Whole, new SplitMix(Plan.Mix(plan.Seed, 42)));
        _requestTimeout = TimeSpan.FromMicroseconds(Plan.ElectionTimeout * (plan.Seed % 3 == 0 ? 3 : 10));
    }

    public bool ProbeDone { get; private set; }

    private Client Probe => _clients[^1];

    public bool Asked(ReadOnlyMemory<byte> command) => _judge.WasAsked(command);

    public void Begin()
    {
        foreach (var client in _clients[..^1]) Rest(client);
    }

    public void BeginProbe(int home)
    {
        _probing = true;
        Probe.Steps.Enqueue(new Step(0, Probe.Index, 0, StepKind.Put, home, 0, 0));
        Begin(Probe, Probe.Steps.Peek());
    }

    // Clients' turns.

    public void Turn(int index, long turn)
    {
        if (index >= _clients.Length)
        {
            _watchers.Turn(index, turn);
            return;
        }

        var client = _clients[index];
        if (client.Turn != turn) return;
        if (client.Call is { } call)
        {
            if (client.Session != 0) Repeat(client, call);
        }
        else if (client.Steps.TryPeek(out var step) && (!_probing || client == Probe)) Begin(client, step);
    }

    private void Rest(Client client)
    {
        client.Call = null;
        if (client.Steps.TryPeek(out var next)) Schedule(client, next.Think);
    }

    private void Schedule(Client client, long delay) =>
        _simulation.After(delay, new Event(EventKind.ClientTurn, client.Index, 0, Role.Client, 0, ++client.Turn, null));

    private SimNode? Pick(int home) => Enumerable.Range(0, _nodes.Length).Select(i => _nodes[(home + i) % _nodes.Length]).FirstOrDefault(n => n.Up);

    private void Begin(Client client, Step step)
    {
        if (Pick(client == Probe ? _simulation.ProbeHome() : step.Home) is not { } node)
        {
            Schedule(client, Plan.Heartbeat);
            return;
        }

        var view = _facades[node.Index]!.Replica.Machine.View;
        client.Home = node.Index;
        if (client.Session != 0 && !client.Opened) step = step with { Kind = StepKind.Put };
        else client.Steps.Dequeue();
        if (step.Kind is StepKind.Watch or StepKind.EndWatch)
        {
            if (step.Kind == StepKind.Watch) _watchers.Open(step, node);
            else _watchers.End(step);
            Rest(client);
            return;
        }

        var question = Requests.Question(step, view);
        client.Call = new Call(step, client.Index)
        {
            Caller = client == Probe ? Caller.Node : Requests.CallerOf(client.Index, view),
            Question = question,
            Command = question is not null ? null : client.Session != 0 && !client.Opened ? new OpenClientSessionCommand()
                : Requests.Command(step, view)! with { Caller = client == Probe ? Caller.Node : Requests.CallerOf(client.Index, view) },
            FloorSlot = _judge.KnownSlot,
            FloorRevision = _judge.KnownRevision,
        };
        if (client.Session != 0 && question is null) Number(client, client.Call);
        else _simulation.SendLocally(node, Role.Client, Role.Client, new RequestHere(client.Call));
    }

    // Clients with a session of their own.

    private void Number(Client client, Call call)
    {
        client.Bytes = CommandCodec.Encode(client.Session, ++client.Number, client.Number, call.Command!);
        _judge.Ask(client.Bytes, new Asked(client.Session, client.Number, client.Number, call.Command!, client.Opened ? call : null));
        Attempt(client);
    }

    private void Repeat(Client client, Call call)
    {
        if (call.Question is not null) return;
        _simulation.Counters.Retries++;
        if (client.Number % 2 == 0 || !_nodes[client.Home].Up) client.Home = Pick(client.Home + 1)?.Index ?? client.Home;
        Attempt(client);
    }

    private void Attempt(Client client)
    {
        Schedule(client, Patience);
        if (_facades[client.Home] is not { } facade || facade.Node.Paused || facade.Leader is not { } leader) return;
        _simulation.SendFromClient(facade.Node, leader, new Propose(-++_numbers, [client.Bytes]));
    }

    private void LookForOwn(Facade facade, IReadOnlyList<AppliedCommand> applied)
    {
        foreach (var command in applied)
        {
            var client = Array.Find(_clients, c => c.Session != 0 && c.Session == command.ClientId && c.Number == command.RequestNumber && c.Home == facade.Node.Index);
            if (client?.Call is not { Command: { } asked } call) continue;
            if (asked is OpenClientSessionCommand) client.Opened = true;
            else Acknowledge(call, command.Result);
            Rest(client);
        }
    }

    // Nodes.

    public void OnStarted(SimNode node)
    {
        ulong id = 0;
        var replica = (KvReplica)node.State;
        _facades[node.Index] = new Facade(node, replica, _requestTimeout, () => id = _ids.Next(), (bytes, call) => Ask(id, bytes, call));
    }

    /// <summary>A node's client side sends a command: its client's, or one to open its session.</summary>
    private void Ask(ulong id, ReadOnlyMemory<byte> bytes, Call? call)
    {
        if (_judge.WasAsked(bytes)) return;
        var envelope = CommandCodec.Decode(bytes);
        var command = call?.Command ?? envelope.Command;
        HistoryJudge.Check(envelope.ClientId == id && (call is not null || command is OpenClientSessionCommand), "validity",
            $"a node sends {command} that nobody asked for");
        _judge.Ask(bytes, new Asked(id, envelope.RequestNumber, envelope.AcknowledgedBelow, command, call));
    }

    public void OnStopped(SimNode node)
    {
        _facades[node.Index] = null;
        _watchers.OnStopped(node);
        foreach (var client in _clients)
        {
            // Whoever has a session of its own asks again, elsewhere.
            if (client.Call is not { } call || client.Home != node.Index || (client.Session != 0 && call.Question is null)) continue;
            if (client == Probe) Again(client, call);
            else Rest(client);
        }
    }

    public void OnResumed(SimNode node) => Pump(node);

    public void OnProposer(SimNode node)
    {
        if (_facades[node.Index] is { } facade && facade.IsNews(node.Proposer.Leader))
            _simulation.SendLocally(node, Role.Proposer, Role.Client, new LeaderHere(node.Proposer.Leader));
    }

    public void OnTick(SimNode node)
    {
        if (_facades[node.Index] is not { } facade) return;
        for (var slices = 0; slices < 8 && facade.Replica.Machine.GiveBack(); slices++)
        {
        }

        facade.Tick(node.Elapsed(_simulation.Now));
        Pump(node);
        if (_defect != WholeDefect.IdleStoreForgetsLeases && facade.Pace.IsDue(node.Proposer.LogTime(node.Instant(_simulation.Now)), facade.Replica.Machine.View))
            _simulation.ProposeHere(node, new Propose(0, []));
    }

    public void OnApplied(SimNode node, ChosenValue chosen)
    {
        var replica = (KvReplica)node.State;
        _judge.Applied(node.Index, chosen, replica.Machine.View, replica.LastApplied);
        _simulation.SendLocally(node, Role.Learner, Role.Client, new AppliedHere(replica.Machine.View, replica.LastApplied));
        if (chosen.Slot.Number % CompareEvery == 0 && _facades[node.Index] is { } facade) TellChecksum(facade, chosen.Slot.Number, replica.Machine.View.Checksum);
    }

    /// <summary>Nodes compare their states as they do outside, only far more often; the slots in between do not count here.</summary>
    private void TellChecksum(Facade facade, long slot, UInt128 checksum)
    {
        var due = new Slot(slot / CompareEvery * LedgerEvery);
        facade.Checksums.Own(due, checksum);
        foreach (var other in facade.Node.Learner.Governing.Nodes().Where(n => n != facade.Node.Id))
        {
            _simulation.SendToClients(facade.Node, other, new StateChecksum(due, checksum));
        }

        CompareChecksums(facade);
    }

    private static void CompareChecksums(Facade facade)
    {
        var damaged = facade.Checksums.Judge(facade.Node.Id, facade.Node.Learner.Governing[^1].Configuration);
        HistoryJudge.Check(damaged is null, "sound state taken for damaged", $"n{facade.Node.Index + 1} at {damaged}");
    }

    public void OnInstalled(SimNode node) =>
        _simulation.SendLocally(node, Role.Learner, Role.Client, new InstalledHere(((KvReplica)node.State).Machine.View));

    public void OnMessage(SimNode node, NodeId from, Message message)
    {
        if (_facades[node.Index] is not { } facade) return;
        if (message is StateChecksum other)
        {
            facade.Checksums.Told(from, other.Slot, other.Checksum);
            CompareChecksums(facade);
            return;
        }

        var now = node.Elapsed(_simulation.Now);
        if (message is RequestHere { Call: var call }) Take(facade, call, now);
        else facade.Step(message, now);
        if (message is AppliedHere applied) LookForOwn(facade, applied.Commands);
        Pump(node);
    }

    /// <summary>A request reaches a node's door.</summary>
    private void Take(Facade facade, Call call, TimeSpan now)
    {
        var atOnce = call.Step.Kind == StepKind.StaleGet || (_defect == WholeDefect.ReadWithoutBarrier && call.Question is not null);
        if (atOnce) Show(facade, call, facade.Replica.Machine.View);
        else if (call.Question is not null) facade.Read(call, now);
        else if (_defect == WholeDefect.KeepAliveWithoutLog && call.Command is LeaseKeepAliveCommand kept) KeepAlone(facade, call, kept);
        else facade.Write(call, now);
    }

    private void KeepAlone(Facade facade, Call call, LeaseKeepAliveCommand kept)
    {
        var view = facade.Replica.Machine.View;
        Acknowledge(call, new LeaseKeepAliveResult([.. kept.Ids.Select(id => view.Lease(id)?.GrantedTtlSeconds ?? 0)]) { Revision = view.Revision, Term = view.Term });
        Rest(_clients[call.Client]);
    }

    /// <summary>Sends what a node's client side wants sent, and hands answers to those who wait for them.</summary>
    private void Pump(SimNode node)
    {
        if (_facades[node.Index] is not { } facade || node.Paused) return;
        foreach (var message in facade.Flush(node.Elapsed(_simulation.Now)))
        {
            _simulation.SendFromClient(node, message.To, message.Message);
            if (_facades[node.Index] != facade) return;
        }

        for (var i = 0; i < facade.Calls.Count; i++)
        {
            var call = facade.Calls[i];
            if (!call.IsAnswered) continue;
            facade.Calls.RemoveAt(i--);
            Finish(facade, call);
        }
    }

    // Answers.

    private void Finish(Facade facade, Call call)
    {
        var client = _clients[call.Client];
        if (call.Failure is { } failure)
        {
            _simulation.Counters.Refused++;
            if (call.Command is not null && (failure.Outcome == KvOutcome.DidNotHappen || _defect == WholeDefect.UnknownToldAsDenied)) HistoryJudge.Denied(call);
            if (client == Probe) Again(client, call);
            else if (client.Call == call) Rest(client);
        }
        else if (call.Read is { } read) Show(facade, call, read.Completion.Task.Result);
        else
        {
            Acknowledge(call, call.Write!.Completion.Task.Result);
            if (client == Probe) ProbeAnswered();
            else if (client.Call == call) Rest(client);
        }
    }

    private void Acknowledge(Call call, KvResult result)
    {
        _simulation.Counters.Writes++;
        _judge.Answered(call, ReplyText.Of(result), result.Revision);
    }

    /// <summary>A door answers a read from a state it was given.</summary>
    private void Show(Facade facade, Call call, KvView view)
    {
        _simulation.Counters.Reads++;
        var early = _defect == WholeDefect.ReadJudgedEarly;
        var verdict = early ? KvErrorCode.None : view.Check(call.Caller, call.Question!);
        string said;
        try
        {
            said = verdict != KvErrorCode.None ? ReplyText.Refused(verdict)
                : ReplyText.Of(call.Question is RangeOp range ? view.Range(range) : view.Evaluate((TxnOp)call.Question!));
        }
        catch (KvException x)
        {
            said = ReplyText.Refused(x.Code);
        }

        _judge.ReadAnswered(call, view.AppliedSlot, said, facade.Replica.Machine.View.CompactRevision, fresh: call.Step.Kind != StepKind.StaleGet);
        var client = _clients[call.Client];
        if (client == Probe) ProbeAnswered();
        else if (client.Call == call) Rest(client);
    }

    // The end.

    private void ProbeAnswered()
    {
        (ProbeDone, Probe.Call) = (_probeWrote, null);
        if (_probeWrote) return;
        _probeWrote = true;
        Probe.Steps.Enqueue(new Step(0, Probe.Index, 0, StepKind.Get, 0, 0, 0));
        Schedule(Probe, 0);
    }

    private void Again(Client probe, Call call)
    {
        probe.Steps.Enqueue(call.Step);
        probe.Call = null;
        Schedule(probe, Plan.Heartbeat);
    }

    public void Settle()
    {
        var core = _nodes.Where(n => _simulation.InCore(n.Index) && n.Up).ToArray();
        var began = _simulation.Now;
        var lapsed = _simulation.RunFor(12_000_000, () => !ShortLeases().Any());
        HistoryJudge.Check(lapsed, "lease outlives its time",
            $"{string.Join(", ", ShortLeases().Select(l => l.Id))} still there {_simulation.Now - began} us after the last client was done");
        var goal = _protocol.AppliedAnywhere;
        HistoryJudge.Check(_simulation.RunFor(40 * Plan.ElectionTimeout, () => _simulation.CoreApplied(goal)), "core not level", $"not all of the core applied #{goal}");
        _simulation.RunFor(8 * (long)_requestTimeout.TotalMicroseconds, () => core.All(n => _facades[n.Index] is not { Calls.Count: > 0 }));
        foreach (var node in core)
        {
            HistoryJudge.Check(_facades[node.Index] is not { Calls.Count: > 0 }, "request never answered", $"n{node.Index + 1}: {_facades[node.Index]?.Calls[0]}");
        }

        _watchers.Settle();
    }

    private IEnumerable<ModelLease> ShortLeases() => _judge.Model.Last.Leases.Values.Where(l => l.Ttl < 10);

    private sealed class Client(int index, IEnumerable<Step> steps, ulong session)
    {
        public int Index => index;

        public Queue<Step> Steps { get; } = new(steps);

        /// <summary>Its own client session; 0 when its requests go in those of the nodes.</summary>
        public ulong Session => session;

        public bool Opened { get; set; }

        /// <summary>Last request number in its own session.</summary>
        public long Number { get; set; }

        public ReadOnlyMemory<byte> Bytes { get; set; }

        public Call? Call { get; set; }

        public int Home { get; set; }

        public long Turn { get; set; }
    }
}

/// <summary>A client's request reaches a node.</summary>
internal sealed record RequestHere(Call Call) : FacadeInput;

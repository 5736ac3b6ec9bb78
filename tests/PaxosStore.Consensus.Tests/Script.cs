using System.Globalization;
using System.Text;

namespace PaxosStore.Consensus.Tests;

/// <summary>
/// A small cluster driven by a script, one line a step; every step prints what it caused. Messages wait in the order sent until delivered or dropped.
/// Steps: <c>nodes 3 [option value]…</c>; <c>time +ms</c>; <c>tick n1</c>; <c>deliver [n1&gt;n2] [Type]</c> (the first that fits), <c>deliver all</c>
/// (until nothing that fits waits), <c>deliver all within</c> (within nodes only); <c>drop …</c>, <c>drop all …</c>; <c>propose n1 words…</c>;
/// <c>read n1 from n2</c>; <c>crash n1</c>, <c>start n1</c>; <c>state</c>.
/// </summary>
internal sealed class Script
{
    private readonly StringBuilder _out = new();
    private readonly List<(NodeId From, Outgoing Message)> _waiting = [];
    private readonly SortedDictionary<ulong, Node> _nodes = [];
    private Configuration _configuration = null!;
    private PaxosOptions _options = new();
    private TimeSpan _now;
    private long _number;

    public static string Run(IEnumerable<string> lines)
    {
        var script = new Script();
        foreach (var line in lines)
        {
            script._out.AppendLine(line);
            if (line.Length > 0 && line[0] != '#') script.Do(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        }

        return script._out.ToString();
    }

    private void Do(string[] words)
    {
        switch (words[0])
        {
            case "nodes": Create(words); break;
            case "time": _now += TimeSpan.FromMilliseconds(double.Parse(words[1], CultureInfo.InvariantCulture)); break;
            case "tick": Tick(Of(words[1])); break;
            case "deliver": Deliver(words[1..]); break;
            case "drop": Drop(words[1..]); break;
            case "propose": Into(Of(words[1]), Of(words[1]).Id, Role.Proposer, new Propose(++_number, [.. words[2..].Select(Bytes)])); break;
            case "read": Into(Of(words[3]), Of(words[1]).Id, Role.Proposer, new ReadBarrierRequest(++_number)); break;
            case "crash": Of(words[1]).Crash(); break;
            case "start": Start(Of(words[1])); break;
            case "state": State(); break;
            default: throw new ArgumentException($"unknown step '{words[0]}'");
        }
    }

    private static ReadOnlyMemory<byte> Bytes(string word) => Encoding.UTF8.GetBytes(word);

    private Node Of(string name) => _nodes[ulong.Parse(name[1..], CultureInfo.InvariantCulture)];

    private void Create(string[] words)
    {
        for (var i = 2; i + 1 < words.Length; i += 2)
        {
            var number = int.Parse(words[i + 1], CultureInfo.InvariantCulture);
            _options = words[i] switch
            {
                "queue" => _options with { QueueCommands = number },
                "window" => _options with { PipelineWindow = number },
                "message" => _options with { MessageBytes = number },
                _ => throw new ArgumentException($"unknown option '{words[i]}'"),
            };
        }

        _configuration = new Configuration(Enumerable.Range(1, int.Parse(words[1], CultureInfo.InvariantCulture)).Select(i => new NodeId((ulong)i)));
        foreach (var id in _configuration.Voters) Start(_nodes[id.Value] = new Node(id));
    }

    private void Start(Node node)
    {
        foreach (var message in node.Start(_configuration, _options)) _waiting.Add((node.Id, new Outgoing(node.Id, Role.Learner, message)));
    }

    private void Tick(Node node)
    {
        CarryOut(node, node.Proposer.Tick(new Instant(_now, 0)));
        CarryOut(node, node.Acceptor.Tick(_now));
        CarryOut(node, node.Learner.Tick(_now));
    }

    private void Deliver(string[] filter)
    {
        if (filter is ["all", .. var rest])
        {
            for (var steps = 0; Find(rest) is var i and >= 0; steps++)
            {
                if (steps > 10_000) throw new InvalidOperationException("the script never comes to rest");
                DeliverAt(i);
            }

            return;
        }

        var index = Find(filter);
        if (index < 0) _out.AppendLine("  nothing fits");
        else DeliverAt(index);
    }

    private void Drop(string[] filter)
    {
        var all = filter is ["all", ..];
        for (var i = Find(all ? filter[1..] : filter); i >= 0; i = all ? Find(filter[1..]) : -1)
        {
            _out.AppendLine($"  lost: n{_waiting[i].From} > n{_waiting[i].Message.To} {Text(_waiting[i].Message.Message)}");
            _waiting.RemoveAt(i);
        }
    }

    private int Find(string[] filter) => _waiting.FindIndex(w => filter.All(f => f switch
    {
        "within" => w.From == w.Message.To,
        _ when f.Contains('>') => f == $"n{w.From}>n{w.Message.To}" || f == $"n{w.From}>" || f == $">n{w.Message.To}",
        _ => w.Message.Message.GetType().Name == f,
    }));

    private void DeliverAt(int index)
    {
        var (from, outgoing) = _waiting[index];
        _waiting.RemoveAt(index);
        Into(_nodes[outgoing.To.Value], from, outgoing.Role, outgoing.Message);
    }

    private void Into(Node node, NodeId from, Role role, Message message)
    {
        _out.AppendLine($"  n{from} > n{node.Id}.{role} {Text(message)}{(node.Up ? "" : " (down)")}");
        if (!node.Up || role == Role.Client) return;
        CarryOut(node, role switch
        {
            Role.Proposer => node.Proposer.Step(from, message, new Instant(_now, 0)),
            Role.Acceptor => node.Acceptor.Step(from, message, _now),
            _ => node.Learner.Step(from, message, _now),
        });
    }

    /// <summary>Writes are durable at once here; the simulator has the disks that lie.</summary>
    private void CarryOut(Node node, Effects effects)
    {
        node.Journal.AddRange(effects.Records);
        foreach (var record in effects.Records) _out.AppendLine($"    disk: {Text(record)}");
        foreach (var message in effects.Now.Concat(effects.AfterDurable)) _waiting.Add((node.Id, message));
        foreach (var chosen in effects.Deliver) _out.AppendLine($"    n{node.Id} applies {chosen.Slot} {Text(chosen.Value)}");
    }

    private void State()
    {
        foreach (var node in _nodes.Values)
        {
            var (proposer, acceptor) = (node.Proposer, node.Acceptor);
            _out.AppendLine(node.Up
                ? $"  n{node.Id} {proposer.Phase} {proposer.Ballot} promised {acceptor.Promised} chosen {acceptor.Chosen} applied {node.Learner.Delivered}"
                : $"  n{node.Id} down");
        }

        _out.AppendLine($"  {_waiting.Count} messages wait");
    }

    private static string Text(Value value) => value.IsNoOp
        ? $"NoOp@{value.Round}"
        : $"[{string.Join(' ', value.Commands.Select(c => Encoding.UTF8.GetString(c.Span)))}]@{value.Round}";

    private static string Text(AcceptedEntry e, Slot chosen) => $"{e.Slot} {(e.Slot <= chosen ? "chosen" : e.Ballot)} {Text(e.Value)}";

    private static string Text(JournalRecord record) => record switch
    {
        PromiseRecord r => $"promise {r.Ballot}",
        AcceptRecord r => $"vote {r.Ballot} {r.Slot} {Text(r.Value)}",
        LearnRecord r => $"learn {r.Slot} {Text(r.Value)}",
        ChosenRecord r => $"chosen {r.Chosen}",
        _ => record.ToString(),
    };

    private static string Text(Message message) => message switch
    {
        Prepare m => $"Prepare {m.Ballot}",
        Promise m => $"Promise {m.Ballot} chosen {m.Chosen} [{string.Join(", ", m.Entries.Select(e => Text(e, m.Chosen)))}]",
        PrepareRejected m => $"PrepareRejected {m.Ballot} promised {m.Promised}",
        Accept m => $"Accept {m.Ballot} {m.First} {string.Join(' ', m.Values.Select(Text))} chosen {m.Chosen}",
        Accepted m => $"Accepted {m.Ballot} {m.First}{(m.Count > 1 ? $"..{m.First + (m.Count - 1)}" : "")}",
        AcceptRejected m => $"AcceptRejected {m.Ballot} promised {m.Promised}",
        Confirm m => $"Confirm {m.Ballot} number {m.Number} chosen {m.Chosen}",
        Confirmed m => $"Confirmed {m.Ballot} number {m.Number}",
        ConfirmRejected m => $"ConfirmRejected {m.Ballot} promised {m.Promised}",
        ChosenUpTo m => $"ChosenUpTo {m.Ballot} {m.Chosen}",
        Probe m => $"Probe {m.Number}",
        ProbeAnswer m => $"ProbeAnswer {m.Number} {(m.Granted ? "granted" : "refused")} round {m.Round}",
        Fetch m => $"Fetch from {m.From}",
        Entries m => $"Entries {m.First} {string.Join(' ', m.Values.Select(Text))} chosen {m.Chosen}",
        LocallyAccepted m => $"LocallyAccepted {m.Ballot} {m.First} {string.Join(' ', m.Values.Select(Text))} chosen {m.Chosen}",
        Learned m => $"Learned {m.Through}{(m.Missing.IsEmpty ? "" : $" missing {m.Missing.Length}")}",
        LeaderSeen m => $"LeaderSeen {m.Ballot}",
        Propose m => $"Propose {m.Batch} x{m.Commands.Length}",
        ProposeRejected m => $"ProposeRejected {m.Batch} {m.Reason}",
        ReadBarrierRequest m => $"ReadBarrierRequest {m.Number}",
        ReadBarrier m => $"ReadBarrier {m.Number} {m.Slot}",
        ReadBarrierRejected m => $"ReadBarrierRejected {m.Number} {m.Reason}",
        _ => message.ToString(),
    };

    private sealed class Node(NodeId id)
    {
        public NodeId Id { get; } = id;
        public bool Up { get; private set; }
        public List<JournalRecord> Journal { get; } = [new AdmittedRecord()];
        public Proposer Proposer { get; private set; } = null!;
        public Acceptor Acceptor { get; private set; } = null!;
        public Learner Learner { get; private set; } = null!;

        public IEnumerable<Message> Start(Configuration configuration, PaxosOptions options)
        {
            Up = true;
            var start = LogBase.Initial(configuration);
            Acceptor = new Acceptor(Id, start, options, incarnation: Id.Value);
            Acceptor.Recover(Journal);
            Learner = new Learner(Id, start, options);
            Proposer = new Proposer(Id, Learner.Governing, options, Acceptor.Promised, Id.Value);
            return Acceptor.RecoveredLog(start.Through);
        }

        public void Crash() => Up = false;
    }
}

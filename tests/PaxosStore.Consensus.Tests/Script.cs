using System.Globalization;
using System.Text;

namespace PaxosStore.Consensus.Tests;

/// <summary>
/// A small cluster driven by a script, one line a step; every step prints what it caused. Messages wait in the order sent until delivered or dropped.
/// Steps: <c>nodes 3 [option value]…</c>; <c>time +ms</c>; <c>tick n1</c>; <c>deliver [n1&gt;n2] [Type]</c> (the first that fits), <c>deliver all</c>
/// (until nothing that fits waits), <c>deliver all within</c> (within nodes only); <c>drop …</c>, <c>drop all …</c>; <c>propose n1 words…</c>;
/// <c>read n1 from n2</c>; <c>crash n1</c>, <c>start n1</c>, <c>wipe n1</c> (empty disks, another incarnation); <c>state</c>; <c>change n1 n2:voter…</c> (asks n1 for
/// these members), <c>handover n1 [n2]</c>, <c>join n4 from n1</c>; <c>snapshot n1</c> (takes one and cuts the log below it).
/// </summary>
internal sealed partial class Script
{
    private readonly StringBuilder _out = new();
    private readonly List<(NodeId From, Outgoing Message)> _waiting = [];
    private readonly SortedDictionary<ulong, Node> _nodes = [];
    private PaxosOptions _options = new() { SnapshotPause = TimeSpan.Zero };
    private int _alpha = Configuration.UsualAlpha;
    private bool _fresh;
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
            case "wipe": Of(words[1]).Wipe(); break;
            case "change": Change(Of(words[1]), words[2..]); break;
            case "handover": Into(Of(words[1]), Of(words[1]).Id, Role.Proposer, new HandOver(words.Length > 2 ? Of(words[2]).Id : null)); break;
            case "join": Join(words[1], Of(words[3])); break;
            case "snapshot": TakeSnapshot(Of(words[1])); break;
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
                "alpha" => Alpha(number),
                "fresh" => Fresh(number),
                _ => throw new ArgumentException($"unknown option '{words[i]}'"),
            };
        }

        var voters = Enumerable.Range(1, int.Parse(words[1], CultureInfo.InvariantCulture)).Select(i => new Member(new NodeId((ulong)i), MemberKind.Voter));
        var first = LogBase.Initial(new Configuration(0, _alpha, voters));
        foreach (var voter in first.Configurations[0].Configuration.Voters) Start(_nodes[voter.Value] = new Node(voter, first, 0, admitted: !_fresh));
    }

    private void Start(Node node)
    {
        foreach (var message in node.Start(_options)) _waiting.Add((node.Id, new Outgoing(node.Id, Role.Learner, message)));
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
        if (_nodes.TryGetValue(outgoing.To.Value, out var node)) Into(node, from, outgoing.Role, outgoing.Message);
        else _out.AppendLine($"  n{from} > n{outgoing.To}.{outgoing.Role} {Text(outgoing.Message)} (never started)");
    }

    private void Into(Node node, NodeId from, Role role, Message message)
    {
        _out.AppendLine($"  n{from} > n{node.Id}.{role} {Text(message)}{(node.Up ? "" : " (down)")}");
        if (!node.Up || role == Role.Client || MovesSnapshots(node, from, message)) return;
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
        if (!node.Up) return;
        node.Journal.AddRange(effects.Records);
        foreach (var record in effects.Records) _out.AppendLine($"    disk: {Text(record)}");
        foreach (var message in effects.Now.Concat(effects.AfterDurable)) _waiting.Add((node.Id, message));
        foreach (var chosen in effects.Deliver)
        {
            var isVoid = chosen.Value.Next is not null && chosen.Next is null;
            _out.AppendLine($"    n{node.Id} applies {chosen.Slot} {Text(chosen.Value)}{(isVoid ? " (void)" : "")}");
        }

        if (effects.Stop == StopReason.None) return;
        _out.AppendLine($"    n{node.Id} stops for good: {effects.Stop}");
        node.Crash();
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

    private sealed class Node(NodeId id, LogBase first, long memberSince, bool admitted)
    {
        private ulong _incarnation = id.Value;
        private ulong _life;

        public NodeId Id { get; } = id;
        public bool Up { get; private set; }
        public List<JournalRecord> Journal { get; } = admitted ? [new AdmittedRecord()] : [];
        public LogBase? Snapshot { get; set; }
        public Proposer Proposer { get; private set; } = null!;
        public Acceptor Acceptor { get; private set; } = null!;
        public Learner Learner { get; private set; } = null!;

        public IEnumerable<Message> Start(PaxosOptions options)
        {
            Up = true;
            Acceptor = new Acceptor(Id, first, options, _incarnation, joined: memberSince > 0, life: ++_life);
            Acceptor.Recover(Journal);
            Learner = new Learner(Id, Snapshot ?? first, options, memberSince);
            Proposer = new Proposer(Id, Learner.Governing, options, Acceptor.Promised, Id.Value);
            return Acceptor.RecoveredLog(Learner.Delivered);
        }

        public void Crash() => Up = false;

        public void Wipe()
        {
            Up = false;
            Journal.Clear();
            Snapshot = null;
            _incarnation += 100;
        }
    }
}

using System.Collections.Immutable;

namespace PaxosStore.Consensus.Tests;

/// <summary>
/// A cluster whose members changed one at a time, as its acceptors hold it: change i stands in slot 2i, governs from the next slot on, and was accepted by a
/// quorum of configuration i − 1. Each acceptor knows a part of the changes to be chosen, and has accepted some that it doesn't know to be chosen. The last change may
/// be accepted by fewer than a quorum.
/// </summary>
internal sealed class ChangingCluster
{
    private static readonly Ballot Leader = new(1, new NodeId(2));
    private readonly List<Configuration> _configurations;
    private readonly Dictionary<NodeId, Acceptor> _acceptors = [];
    private readonly NodeId _stranger;
    private readonly SafetyRules _rules;

    public ChangingCluster(Random random, NodeId stranger, SafetyRules rules)
    {
        (_stranger, _rules) = (stranger, rules);
        _configurations = [new Configuration(0, 1, Enumerable.Range(2, random.Next(2, 6)).Select(i => new Member(new NodeId((ulong)i), MemberKind.Voter)))];
        var length = random.Next(1, 6);
        Joined = random.Next(1, length + 1);
        for (var i = 1; i <= length; i++) _configurations.Add(_configurations[^1].With(Change(random, i == Joined), change: 0));

        // Of the last change it is open whether it is chosen.
        Chosen = length - random.Next(2);
        if (Chosen < Joined) Chosen = length;
        Build(random, length);
    }

    /// <summary>The change that made the stranger a candidate.</summary>
    public int Joined { get; }

    /// <summary>Changes that a quorum has accepted.</summary>
    public int Chosen { get; }

    /// <summary>The node under whose id the stranger comes has had a vote.</summary>
    public bool HadVote => _configurations.Take(Chosen + 1).Any(c => c.IsVoter(_stranger));

    /// <summary>Whether a fresh journal under the stranger's id would be admitted if it were told of the cluster up to change <paramref name="told"/>, and all answered.</summary>
    public bool Admits(int told)
    {
        var self = new Acceptor(_stranger, BaseAt(told), new PaxosOptions(), incarnation: 99, forgetful: false, joined: true, life: 0, _rules);
        var effects = self.Tick(TimeSpan.Zero);
        if (effects.Stop != StopReason.None) return false;
        Outgoing[] hellos = [.. effects.Now];
        foreach (var hello in hellos)
        {
            Outgoing[] answers = [.. _acceptors[hello.To].Step(_stranger, hello.Message, TimeSpan.Zero).AfterDurable];
            foreach (var answer in answers)
            {
                var heard = self.Step(hello.To, answer.Message, TimeSpan.Zero);
                if (heard.Stop != StopReason.None) return false;
                if (heard.Records.OfType<AdmittedRecord>().Any()) return true;
            }
        }

        return false;
    }

    private IEnumerable<Member> Change(Random random, bool joins)
    {
        var members = _configurations[^1].Members;
        if (joins) return [.. members, new Member(_stranger, MemberKind.Candidate)];
        var others = members.Where(m => m.Id != _stranger).ToList();
        var candidate = members.FirstOrDefault(m => m.Id == _stranger && m.Kind == MemberKind.Candidate);
        var leaves = others.Count == 0 ? default : others[random.Next(others.Count)].Id;
        return random.Next(4) switch
        {
            0 when candidate is not null => [.. others, candidate with { Kind = MemberKind.Voter }],
            1 or 0 => [.. members, new Member(new NodeId((ulong)(10 + _configurations.Count)), MemberKind.Voter)],
            _ when others.Count > 1 || members.Any(m => m.Id == _stranger && m.Kind == MemberKind.Voter) => [.. members.Where(m => m.Id != leaves)],
            _ => members.Select(m => m with { Address = "moved" }),
        };
    }

    private void Build(Random random, int length)
    {
        var nodes = _configurations.SelectMany(c => c.Nodes).Where(n => n != _stranger).Distinct().ToArray();
        var accepted = nodes.ToDictionary(n => n, _ => new HashSet<int>());
        for (var i = 1; i <= length; i++)
        {
            var voters = _configurations[i - 1].Voters;
            var quorum = voters.OrderBy(_ => random.Next()).Take(i <= Chosen ? voters.Length / 2 + 1 : random.Next(voters.Length / 2 + 1));
            foreach (var voter in quorum.Where(v => v != _stranger)) accepted[voter].Add(i);
        }

        foreach (var node in nodes)
        {
            // Whoever was added later was told of the configuration that did.
            var first = _configurations.FindIndex(c => c.Nodes.Contains(node));
            var knows = first >= Chosen ? Chosen : random.Next(first, Chosen + 1);
            var acceptor = new Acceptor(node, BaseAt(knows), new PaxosOptions(), incarnation: node.Value, forgetful: false, joined: false, life: 0, _rules);
            acceptor.Recover([new AdmittedRecord(), .. accepted[node].Where(i => i > knows).Select(i => new AcceptRecord(SlotOf(i), Leader, ValueOf(i)))]);
            _acceptors[node] = acceptor;
        }
    }

    private LogBase BaseAt(int change) => new(SlotOf(change), TimeSpan.Zero, [new Governing(SlotOf(change).Next, _configurations[change])]);

    private Value ValueOf(int change) => new(1, TimeSpan.Zero, 0, [], _configurations[change]);

    private static Slot SlotOf(int change) => new(2 * change);
}

using System.Collections.Concurrent;
using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Blackbox;

/// <summary>A fault while it lasted, by the clock of the history.</summary>
internal sealed record FaultMark(string What, string Nodes, long From, long To);

/// <summary>What faults act on: a cluster, the network between its nodes, and who leads it.</summary>
internal sealed class World(TestCluster cluster, PeerNetwork network, LeaderWatch leaders, FaultCounts counts, int seed)
{
    private readonly ConcurrentDictionary<NodeProcess, bool> _taken = [];
    private readonly ConcurrentQueue<FaultMark> _marks = [];
    private readonly ConcurrentQueue<string> _violations = [];
    private readonly Random _random = new(seed);

    public TestCluster Cluster => cluster;

    public PeerNetwork Network => network;

    public FaultCounts Counts => counts;

    public LeaderWatch Leaders => leaders;

    /// <summary>The token that clients show while users are checked.</summary>
    public Credentials Credentials { get; init; } = new();

    /// <summary>What lasted when.</summary>
    public IReadOnlyCollection<FaultMark> Marks => _marks;

    /// <summary>What no node may do, whatever clients saw.</summary>
    public IReadOnlyCollection<string> Violations => _violations;

    public void Violate(string what) => _violations.Enqueue(what);

    public void Mark(string what, string nodes, long from) => _marks.Enqueue(new FaultMark(what, nodes, from, HistoryRecorder.Now));

    /// <summary>The nodes a plan means, as things stand.</summary>
    public IReadOnlyList<NodeProcess> Find(string target)
    {
        var nodes = cluster.Nodes;
        var shuffled = nodes.ToArray();
        lock (_random)
            _random.Shuffle(shuffled);
        var leader = nodes.FirstOrDefault(n => n.Name == leaders.Current) ?? shuffled[0];
        return target switch
        {
            "all" => nodes,
            "majority" => [.. shuffled.Take(nodes.Length / 2 + 1)],
            "minority" => [.. shuffled.OrderBy(n => n != leader).Take((nodes.Length - 1) / 2)],
            "leader" => [leader],
            "follower" => [.. shuffled.Where(n => n != leader).Take(1)],
            _ => [nodes.FirstOrDefault(n => n.Name == target) ?? shuffled[0]],
        };
    }

    /// <summary>Takes nodes for one fault alone; those of them that nothing else is done to.</summary>
    public IReadOnlyList<NodeProcess> Take(string target) => [.. Find(target).Where(TryTake)];

    /// <summary>Takes one node, if it runs and nothing else is done to it.</summary>
    public bool TryTake(NodeProcess node) => node.IsRunning && _taken.TryAdd(node, true);

    /// <summary>Gives nodes back; those that are down and still members start again.</summary>
    public void Release(IEnumerable<NodeProcess> nodes)
    {
        foreach (var node in nodes)
        {
            if (!node.IsRunning && cluster.Nodes.Contains(node))
                node.Start();
            _taken.TryRemove(node, out _);
        }
    }

    /// <summary>Looks whether nodes end that nobody made end; a node that did is started again.</summary>
    public async Task WatchOverNodesAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            foreach (var node in cluster.Nodes.Where(n => n is { WasStarted: true, IsRunning: false } && _taken.TryAdd(n, true)))
            {
                // A fault may have held the node until a moment ago and started it again.
                if (!node.IsRunning && cluster.Nodes.Contains(node))
                    Violate($"{node} ended by itself: exit code {node.ExitCode}\n{node.LogTail}");
                Release([node]);
            }

            await Task.WhenAny(Task.Delay(100, stop));
        }
    }

    /// <summary>Waits as long as the fault lasts, or until everything is healed.</summary>
    public static Task LastAsync(PlannedFault fault, CancellationToken heal) => LastAsync(TimeSpan.FromSeconds(fault.Seconds), heal);

    /// <summary>Waits, or until everything is healed.</summary>
    public static async Task LastAsync(TimeSpan time, CancellationToken heal) => await Task.WhenAny(Task.Delay(time, heal));
}

/// <summary>Who the clients are.</summary>
internal sealed class Credentials
{
    private string? _token;

    /// <summary>The token to show, or null.</summary>
    public string? Token
    {
        get => Volatile.Read(ref _token);
        set => Volatile.Write(ref _token, value);
    }
}

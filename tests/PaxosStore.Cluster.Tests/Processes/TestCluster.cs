using System.Collections.Immutable;
using System.Diagnostics;
using Etcdserverpb;
using Grpc.Core;
using PaxosStore.Cluster.Tests.History;

namespace PaxosStore.Cluster.Tests.Processes;

/// <summary>Nodes on free ports and a temporary directory, one process each. After a test that failed the directory stays.</summary>
internal sealed class TestCluster : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private readonly ClusterPlan _plan;
    private readonly List<NodeClient> _connections = [];
    private Roster _roster = new([], []);
    private ImmutableArray<NodeProcess> _created = [];
    private bool _keep;

    private TestCluster(ClusterPlan plan)
    {
        _plan = plan;
        Directory = System.IO.Directory.CreateTempSubdirectory($"{plan.Target.Name}-{plan.Purpose}-").FullName;
        var ports = Enumerable.Range(0, plan.Size).Select(_ => plan.Ports()).ToArray();
        var members = string.Join(',', ports.Select((p, i) => $"n{i + 1}={plan.PeerScheme}://127.0.0.1:{p.Advertised}"));
        foreach (var own in ports)
            Enlist(NewNode(own, ["--initial-cluster", members]));
    }

    public Target Target => _plan.Target;

    /// <summary>How the nodes speak to each other.</summary>
    public string PeerScheme => _plan.PeerScheme;

    /// <summary>Where data and logs of all nodes are.</summary>
    public string Directory { get; }

    /// <summary>Every node that was ever made, those that are no members any more included.</summary>
    public ImmutableArray<NodeProcess> Created => _created;

    /// <summary>Keeps data and logs when the cluster goes.</summary>
    public void Keep() => _keep = true;

    /// <summary>The members that serve or are to be started again. Replaced as a whole, so that it may be read while members come and go.</summary>
    public ImmutableArray<NodeProcess> Nodes => Volatile.Read(ref _roster).Nodes;

    /// <summary>A connection to each of <see cref="Nodes"/>, in their order.</summary>
    public ImmutableArray<NodeClient> Clients => Volatile.Read(ref _roster).Clients;

    /// <summary>Starts <paramref name="size"/> nodes of the target under test and waits until each serves linearizable reads.</summary>
    public static Task<TestCluster> StartAsync(string purpose, int size = 3, params string[] extraFlags) => StartAsync(new ClusterPlan(purpose, size, extraFlags));

    /// <summary>The nodes of the plan, none of them started.</summary>
    public static TestCluster Prepare(ClusterPlan plan)
    {
        plan.Target.RequirePresent();
        return new TestCluster(plan);
    }

    /// <summary>Starts what the plan says and waits until each node serves linearizable reads.</summary>
    public static async Task<TestCluster> StartAsync(ClusterPlan plan)
    {
        var cluster = Prepare(plan);
        try
        {
            await cluster.StartAllAsync();
            return cluster;
        }
        catch
        {
            cluster._keep = true;
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>The name of the node that <see cref="NewNode"/> makes next.</summary>
    public string NextName => $"n{_created.Length + 1}";

    /// <summary>Ports for a further node.</summary>
    public NodePorts NewPorts() => _plan.Ports();

    /// <summary>A further connection to a node, as the plan wants them.</summary>
    public NodeClient Connect(NodeProcess node) => new(node.Name, node.ClientUrl, _plan.Tls, _plan.Token);

    /// <summary>A node that is none of <see cref="Nodes"/> yet; its process ends with the cluster.</summary>
    public NodeProcess NewNode(NodePorts ports, IEnumerable<string> flags)
    {
        var node = new NodeProcess(_plan, NextName, Directory, ports, [.. flags, "--initial-cluster-token", _plan.Purpose, .. _plan.Flags]);
        node.Wrapper = _plan.Wrapper(node);
        _created = _created.Add(node);
        return node;
    }

    /// <summary>From now on <paramref name="node"/> is one of <see cref="Nodes"/>.</summary>
    public void Enlist(NodeProcess node)
    {
        var client = Connect(node);
        _connections.Add(client);
        Volatile.Write(ref _roster, new Roster(Nodes.Add(node), Clients.Add(client)));
    }

    /// <summary>From now on <paramref name="node"/> is none of <see cref="Nodes"/>.</summary>
    public void Retire(NodeProcess node)
    {
        var index = Nodes.IndexOf(node);
        Volatile.Write(ref _roster, new Roster(Nodes.RemoveAt(index), Clients.RemoveAt(index)));
    }

    /// <summary>Starts every node that is down and waits until all serve.</summary>
    public async Task StartAllAsync()
    {
        foreach (var node in Nodes.Where(n => !n.IsRunning))
            node.Start();
        await Task.WhenAll(Nodes.Select(n => n.WaitReadyAsync(StartLimit)));
        await Task.WhenAll(Nodes.Select(n => WaitServingAsync(n, StartLimit)));
    }

    /// <summary>Waits until node <paramref name="index"/> answers a linearizable read.</summary>
    public Task WaitServingAsync(int index, TimeSpan limit) => WaitServingAsync(Nodes[index], limit);

    /// <summary>Waits until the node answers a linearizable read.</summary>
    public async Task WaitServingAsync(NodeProcess node, TimeSpan limit)
    {
        using var client = Connect(node);
        var watch = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                await client.ReadRevisionAsync(TimeSpan.FromSeconds(2));
                return;
            }
            catch (RpcException e) when (watch.Elapsed < limit && node.IsRunning)
            {
                Trace.WriteLine($"{node}: {e.StatusCode}");
                await Task.Delay(20);
            }
            catch (RpcException e)
            {
                throw new TimeoutException($"{node} does not serve after {watch.Elapsed.TotalSeconds:F1} s: {e.Status}\n{LogTails()}");
            }
        }
    }

    /// <summary>The node whose own status names itself as the leader, by index; the newest ballot wins while two believe it.</summary>
    public async Task<int> LeaderAsync(TimeSpan limit, int except = -1)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, Nodes.Length).Where(i => i != except && Nodes[i].IsRunning).Select(StatusAsync));
            var leaders = answers.Where(a => a.Status is { Leader: > 0 } s && s.Leader == s.Header.MemberId).ToArray();
            if (leaders.Length > 0)
                return leaders.MaxBy(a => a.Status!.RaftTerm).Index;
            if (watch.Elapsed > limit)
                throw new TimeoutException($"no leader within {limit.TotalSeconds} s\n{LogTails()}");
            await Task.Delay(20);
        }
    }

    /// <summary>The log as each node shows it; they must agree, and the first is returned.</summary>
    public async Task<LogDump> DumpAsync()
    {
        var clients = Clients;
        var dumps = await Task.WhenAll(clients.Select(c => c.DumpAsync(TimeSpan.FromSeconds(60))));
        foreach (var (dump, client) in dumps.Zip(clients).Skip(1))
        {
            var difference = dump.Changes.Zip(dumps[0].Changes).FirstOrDefault(pair => pair.First != pair.Second);
            Assert.True(difference == default && dump.Changes.Count == dumps[0].Changes.Count, $"{client.Name} and {clients[0].Name} show different logs: {difference}");
        }

        return dumps[0];
    }

    /// <summary>The last log lines of every node, those that were removed included.</summary>
    public string LogTails() => string.Join('\n', _created.Select(n => n.LogTail));

    /// <summary>Runs a scenario; when it fails, says where the logs are and keeps them.</summary>
    public async Task RunAsync(Func<Task> scenario)
    {
        try
        {
            await scenario();
        }
        catch (Exception e) when (e is not SkipException)
        {
            _keep = true;
            throw new ScenarioFailedException($"{e.Message}\nlogs and data are kept in {Directory}\n{LogTails()}", e);
        }
    }

    public ValueTask DisposeAsync()
    {
        foreach (var client in _connections)
            client.Dispose();
        foreach (var node in _created)
            node.Dispose();
        if (!_keep)
            System.IO.Directory.Delete(Directory, recursive: true);
        return ValueTask.CompletedTask;
    }

    private async Task<(int Index, StatusResponse? Status)> StatusAsync(int index)
    {
        try
        {
            return (index, await Clients[index].Maintenance.StatusAsync(new StatusRequest(), deadline: NodeClient.Within(TimeSpan.FromSeconds(1))));
        }
        catch (RpcException)
        {
            return (index, null);
        }
    }

    private sealed record Roster(ImmutableArray<NodeProcess> Nodes, ImmutableArray<NodeClient> Clients);
}

/// <summary>A scenario failed; the message holds the ends of the logs.</summary>
public sealed class ScenarioFailedException : Exception
{
    public ScenarioFailedException()
    {
    }

    public ScenarioFailedException(string message)
        : base(message)
    {
    }

    public ScenarioFailedException(string message, Exception inner)
        : base(message, inner)
    {
    }
}

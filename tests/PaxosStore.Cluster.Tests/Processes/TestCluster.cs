using System.Diagnostics;
using Etcdserverpb;
using Grpc.Core;
using PaxosStore.Cluster.Tests.History;

namespace PaxosStore.Cluster.Tests.Processes;

/// <summary>Nodes on free ports and a temporary directory, one process each. After a test that failed the directory stays.</summary>
internal sealed class TestCluster : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(30);
    private readonly string _directory;
    private bool _keep;

    private TestCluster(Target target, int size, string purpose, IReadOnlyList<string> extraFlags)
    {
        Target = target;
        _directory = Directory.CreateTempSubdirectory($"{target.Name}-{purpose}-").FullName;
        var ports = Enumerable.Range(0, size).Select(_ => NodePorts.Free()).ToArray();
        var members = string.Join(',', ports.Select((p, i) => $"n{i + 1}=http://127.0.0.1:{p.Peer}"));
        string[] flags = ["--initial-cluster", members, "--initial-cluster-token", purpose, .. extraFlags];
        Nodes = [.. ports.Select((p, i) => new NodeProcess(target, $"n{i + 1}", _directory, p, flags))];
        Clients = [.. Nodes.Select(n => new NodeClient(n.Name, n.ClientUrl))];
    }

    public Target Target { get; }

    public IReadOnlyList<NodeProcess> Nodes { get; }

    public IReadOnlyList<NodeClient> Clients { get; }

    /// <summary>Starts <paramref name="size"/> nodes of the target under test and waits until each serves linearizable reads.</summary>
    public static Task<TestCluster> StartAsync(string purpose, int size = 3, params string[] extraFlags) =>
        StartAsync(Target.UnderTest, purpose, size, extraFlags);

    /// <summary>Starts nodes of the given target.</summary>
    public static async Task<TestCluster> StartAsync(Target target, string purpose, int size, params string[] extraFlags)
    {
        target.RequirePresent();
        var cluster = new TestCluster(target, size, purpose, extraFlags);
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

    /// <summary>Starts every node that is down and waits until all serve.</summary>
    public async Task StartAllAsync()
    {
        foreach (var node in Nodes.Where(n => !n.IsRunning))
            node.Start();
        await Task.WhenAll(Nodes.Select(n => n.WaitReadyAsync(StartLimit)));
        await Task.WhenAll(Enumerable.Range(0, Nodes.Count).Select(i => WaitServingAsync(i, StartLimit)));
    }

    /// <summary>Waits until node <paramref name="index"/> answers a linearizable read.</summary>
    public async Task WaitServingAsync(int index, TimeSpan limit)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                await Clients[index].ReadRevisionAsync(TimeSpan.FromSeconds(2));
                return;
            }
            catch (RpcException e) when (watch.Elapsed < limit && Nodes[index].IsRunning)
            {
                Trace.WriteLine($"{Nodes[index].Name}: {e.StatusCode}");
                await Task.Delay(20);
            }
            catch (RpcException e)
            {
                throw new TimeoutException($"{Nodes[index].Name} does not serve after {watch.Elapsed.TotalSeconds:F1} s: {e.Status}\n{LogTails()}");
            }
        }
    }

    /// <summary>The node whose own status names itself as the leader, by index; the newest ballot wins while two believe it.</summary>
    public async Task<int> LeaderAsync(TimeSpan limit, int except = -1)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, Nodes.Count).Where(i => i != except && Nodes[i].IsRunning).Select(StatusAsync));
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
        var dumps = await Task.WhenAll(Clients.Select(c => c.DumpAsync(TimeSpan.FromSeconds(60))));
        foreach (var (dump, client) in dumps.Zip(Clients).Skip(1))
        {
            var difference = dump.Changes.Zip(dumps[0].Changes).FirstOrDefault(pair => pair.First != pair.Second);
            Assert.True(difference == default && dump.Changes.Count == dumps[0].Changes.Count, $"{client.Name} and {Clients[0].Name} show different logs: {difference}");
        }

        return dumps[0];
    }

    /// <summary>The last log lines of every node.</summary>
    public string LogTails() => string.Join('\n', Nodes.Select(n => n.LogTail));

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
            throw new ScenarioFailedException($"{e.Message}\nlogs and data are kept in {_directory}\n{LogTails()}", e);
        }
    }

    public ValueTask DisposeAsync()
    {
        foreach (var client in Clients)
            client.Dispose();
        foreach (var node in Nodes)
            node.Dispose();
        if (!_keep)
            Directory.Delete(_directory, recursive: true);
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

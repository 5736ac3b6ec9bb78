using System.Collections.Concurrent;
using System.Diagnostics;
using Akka.Actor;
using Akka.Cluster;
using Akka.Configuration;
using Akka.Remote;
using Akka.Remote.Transport;
using Microsoft.Extensions.Logging.Abstractions;
using PaxosStore.Node.Facade;
using PaxosStore.Testing;
using Direction = Akka.Remote.Transport.ThrottleTransportAdapter.Direction;

namespace PaxosStore.Node.Tests.MultiNode;

/// <summary>
/// Runs a scenario: starts every role as an ActorSystem of its own with real remoting, runs the scenario's script once for each role at the same
/// time, and cuts, slows down and stops on demand. All in one process; unlike in Akka's kit the script of a role goes on after
/// <see cref="ExitAsync"/>.
/// </summary>
public sealed class TestConductor : IAsyncDisposable
{
    private readonly MultiNodeConfig _config;
    private readonly string _root = Directory.CreateTempSubdirectory("paxosstore-multinode-").FullName;
    private readonly Dictionary<RoleName, int> _ports;
    private readonly ConcurrentDictionary<RoleName, PaxosNode> _nodes = new();
    private readonly ConcurrentDictionary<RoleName, ActorSystem> _clients = new();
    private readonly ConcurrentDictionary<string, Barrier> _barriers = new();
    private readonly ConcurrentDictionary<string, Lazy<Task<RoleName>>> _leaders = new();
    private readonly CancellationTokenSource _end = new();

    private TestConductor(MultiNodeConfig config)
    {
        _config = config;
        _ports = config.Members.ToDictionary(r => r, _ => FreePorts.One());
    }

    /// <summary>Fires when the scenario is over or has failed.</summary>
    public CancellationToken End => _end.Token;

    private IEnumerable<RoleName> Roles => _config.Members.Concat(_config.Clients);

    /// <summary>Runs the scenario; the first failure of any role fails it.</summary>
    public static async Task RunAsync(MultiNodeConfig config, Func<MultiNode, Task> script, int limitSeconds = 90)
    {
        await using var conductor = new TestConductor(config);
        foreach (var role in config.Members) conductor.StartMember(role);
        foreach (var role in config.Clients) conductor.StartClient(role);
        conductor._end.CancelAfter(TimeSpan.FromSeconds(limitSeconds));
        var failures = new ConcurrentQueue<Exception>();
        await Task.WhenAll(conductor.Roles.Select(role => Task.Run(async () =>
        {
            try
            {
                await script(new MultiNode(conductor, role));
            }
            catch (Exception e)
            {
                failures.Enqueue(new InvalidOperationException($"role {role}: {e.Message}", e));
                await conductor._end.CancelAsync();
            }
        })));
        if (failures.TryDequeue(out var first)) throw first;
    }

    /// <summary>The member's node.</summary>
    public PaxosNode Node(RoleName role) => _nodes[role];

    /// <summary>The ActorSystem of a role.</summary>
    public ActorSystem System(RoleName role) => _nodes.TryGetValue(role, out var node) ? node.System : _clients[role];

    /// <summary>The leader that all running members agree on; the same answer for every role that asks under this label.</summary>
    public Task<RoleName> LeaderAsync(string label, params RoleName[] among) => _leaders.GetOrAdd(label, _ => new Lazy<Task<RoleName>>(async () =>
    {
        var asked = among.Length > 0 ? among : [.. _config.Members];
        var leader = 0UL;
        await EventuallyAsync($"a leader ({label})", () =>
        {
            var statuses = asked.Where(_nodes.ContainsKey).Select(r => _nodes[r].Store.Status).ToArray();
            leader = statuses[0].LeaderId;
            return leader != 0 && statuses.All(s => s.LeaderId == leader) && statuses.Any(s => s.MemberId == leader);
        });
        return asked.First(r => _nodes.TryGetValue(r, out var node) && node.Store.Status.MemberId == leader);
    })).Value;

    /// <summary>Waits until something holds, looking again and again; fails after 30 s.</summary>
    public async Task EventuallyAsync(string what, Func<bool> holds)
    {
        var watch = Stopwatch.StartNew();
        while (!holds())
        {
            if (watch.Elapsed > TimeSpan.FromSeconds(30)) throw new TimeoutException($"did not come about: {what}");
            await Task.Delay(20, End);
        }
    }

    /// <summary>Lets a link carry so much only.</summary>
    public Task ThrottleAsync(RoleName node, RoleName target, Direction direction, double bytesPerSecond) =>
        SetLinkAsync(node, target, direction, new TokenBucket((int)bytesPerSecond, bytesPerSecond, 0, 0));

    /// <summary>Drops everything on a link, seen from <paramref name="node"/>.</summary>
    public Task BlackholeAsync(RoleName node, RoleName target, Direction direction) => SetLinkAsync(node, target, direction, Blackhole.Instance);

    /// <summary>Heals a link.</summary>
    public Task PassThroughAsync(RoleName node, RoleName target, Direction direction) => SetLinkAsync(node, target, direction, Unthrottled.Instance);

    /// <summary>Stops a role's ActorSystem without a good-bye; what is on its disk stays.</summary>
    public async Task ExitAsync(RoleName role)
    {
        if (_nodes.TryRemove(role, out var node)) await node.DisposeAsync();
        if (_clients.TryRemove(role, out var client)) await client.Terminate();
    }

    /// <summary>Starts a role again, on its old address and directory.</summary>
    public void StartNewSystem(RoleName role)
    {
        if (_config.Members.Contains(role)) StartMember(role);
        else StartClient(role);
    }

    /// <summary>Meets the other roles.</summary>
    public async Task EnterBarrierAsync(string name)
    {
        var barrier = _barriers.GetOrAdd(name, _ => new Barrier());
        if (Interlocked.Increment(ref barrier.Arrived) == Roles.Count()) barrier.Open.SetResult();
        await barrier.Open.Task.WaitAsync(TimeSpan.FromSeconds(60), End);
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await Task.WhenAll(_clients.Values.Select(s => s.Terminate()).Concat(_nodes.Values.Select(n => n.DisposeAsync().AsTask())));
        _end.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    private void StartMember(RoleName role)
    {
        var url = $"http://127.0.0.1:{_ports[role]}";
        var settings = NodeSettings.FromConfig(ConfigurationFactory.ParseString($$"""
            akka.loglevel = OFF
            akka.coordinated-shutdown.run-by-actor-system-terminate = off
            akka.cluster.seed-node-timeout = 1s
            paxosstore {
              {{_config.CommonConfig}}
              name = "{{role}}"
              data-dir = "{{Path.Combine(_root, role.Name)}}"
              listen-peer-urls = "{{url}}"
              initial-advertise-peer-urls = "{{url}}"
              initial-cluster = "{{string.Join(',', _config.Members.Select(r => $"{r}=http://127.0.0.1:{_ports[r]}"))}}"
            }
            """));
        _nodes[role] = PaxosNode.Start(settings, NullLogger.Instance, throttler: true);
    }

    private void StartClient(RoleName role)
    {
        var own = ConfigurationFactory.ParseString("""
            akka {
              loglevel = OFF
              stdout-loglevel = OFF
              log-dead-letters = off
              coordinated-shutdown.run-by-actor-system-terminate = off
              remote.dot-netty.tcp {
                hostname = "127.0.0.1"
                port = 0
                applied-adapters = ["trttl"]
              }
              cluster {
                roles = ["application"]
                downing-provider-class = ""
                log-info = off
                seed-node-timeout = 1s
                retry-unsuccessful-join-after = 1s
              }
            }
            """);
        var system = ActorSystem.Create(PaxosStoreClient.SystemName, PaxosStoreClient.Config.WithFallback(own));
        _clients[role] = system;
        Cluster.Get(system).JoinSeedNodes([.. _nodes.Values.Select(n => MultiNodeConfig.AddressOf(n.System))]);
    }

    /// <summary>Both ends are told, so that it makes no difference who opened the connection.</summary>
    private async Task SetLinkAsync(RoleName node, RoleName target, Direction direction, ThrottleMode mode)
    {
        var mirrored = direction switch { Direction.Send => Direction.Receive, Direction.Receive => Direction.Send, var both => both };
        await SetAsync(node, target, direction, mode);
        await SetAsync(target, node, mirrored, mode);
    }

    private async Task SetAsync(RoleName at, RoleName towards, Direction direction, ThrottleMode mode)
    {
        var transport = ((RemoteActorRefProvider)((ExtendedActorSystem)System(at)).Provider).Transport;
        var address = MultiNodeConfig.AddressOf(System(towards));
        var done = await transport.ManagementCommand(new SetThrottle(address, direction, mode));
        if (!done) throw new InvalidOperationException("the throttler refused");
    }

    private sealed class Barrier
    {
        public int Arrived;

        public TaskCompletionSource Open { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

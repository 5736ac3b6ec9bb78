using System.ComponentModel;
using System.Diagnostics;
using Grpc.Core;
using PaxosStore.Cluster.Tests.Blackbox.Faults;
using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Blackbox;

/// <summary>
/// One run: nodes as processes, clients over the real protocol, and what the plan does to them. Load, faults, heal, load, silence; then the log is read back, all
/// nodes must hold the same, and the judges decide.
/// </summary>
public sealed class BlackboxRun
{
    private readonly RunPlan _plan;
    private readonly RunOptions _options;
    private readonly FaultCounts _counts = new();
    private readonly HistoryRecorder _recorder = new();
    private readonly LogBook _book = new();
    private readonly LeaderWatch _leaders = new();
    private readonly Credentials _credentials = new();
    private readonly List<string> _findings = [];
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private double _rate;
    private long _events;

    private BlackboxRun(RunPlan plan, RunOptions options)
    {
        _plan = plan;
        _options = options;
    }

    /// <summary>Makes the plan of a seed.</summary>
    public static RunPlan PlanOf(int seed) => PlanMaker.FromSeed(seed);

    /// <summary>What this machine cannot do, in words.</summary>
    public static IReadOnlyList<string> Missing => [.. Tools.Missing()];

    /// <summary>Carries out a plan.</summary>
    public static Task<RunOutcome> RunAsync(RunPlan plan, RunOptions options) => new BlackboxRun(plan, options).RunAsync();

    private async Task<RunOutcome> RunAsync()
    {
        using var network = new PeerNetwork(_counts);
        TestCluster? cluster = null;
        try
        {
            cluster = TestCluster.Prepare(ClusterPlan(network));
            var started = cluster;
            network.Serve(() => started.Created);
            var evidence = await LiveAsync(cluster, network);
            return await EndAsync(cluster, evidence);
        }
        finally
        {
            if (cluster is not null)
                await TearDownAsync(cluster);
        }
    }

    private ClusterPlan ClusterPlan(PeerNetwork network) => new($"blackbox-{_plan.Seed}", _plan.Nodes, [.. _plan.Flags])
    {
        Ports = network.NewPorts,
        Token = () => _credentials.Token,
        Wrapper = node =>
        [
            .. _plan.Has("full-disk") && Tools.OwnNamespaces ? DiskFaults.SmallDiskWrapper(node) : [],
            .. node.Name == _plan.ClockNode && Tools.FakeTime is not null ? NodeFaults.ClockWrapper(node) : [],
        ],
    };

    /// <summary>Everything up to the silence at the end. What goes wrong on the way is a finding, too.</summary>
    private async Task<Evidence> LiveAsync(TestCluster cluster, PeerNetwork network)
    {
        var world = new World(cluster, network, _leaders, _counts, _plan.Seed) { Credentials = _credentials };
        var evidence = new Evidence(_recorder, _book, _leaders, world);
        using var stop = new CancellationTokenSource();
        var watching = Task.CompletedTask;
        try
        {
            await cluster.StartAllAsync();
            if (_plan.Has("auth"))
                await AdminFaults.AddRootAsync(cluster);
            watching = Task.WhenAll(_leaders.RunAsync(cluster, stop.Token), world.WatchOverNodesAsync(stop.Token), CompactAsync(cluster, stop.Token));
            await using var watchers = new Watchers(cluster, _book, _plan.Seed);
            try
            {
                if (await LoadAsync(world))
                    evidence.Dumps = await new Inquest(world, _book, watchers, _findings).RunAsync(whole: _plan.CompactEvery == 0);
            }
            finally
            {
                await watchers.StopAsync();
                _events = watchers.Told;
                evidence.Subscriptions = watchers.Subscriptions;
            }
        }
        catch (Exception e) when (e is TimeoutException or InvalidOperationException or RpcException or Win32Exception or IOException)
        {
            _findings.Add($"liveness: {e.Message}");
        }
        finally
        {
            await stop.CancelAsync();
            await watching;
        }

        _findings.AddRange(world.Violations.Select(v => $"node: {v}"));
        return evidence;
    }

    /// <summary>Load before, during and after the faults; false when too little was done before them.</summary>
    private async Task<bool> LoadAsync(World world)
    {
        await using var load = new Workload(world.Cluster, _recorder, _plan.Seed, _plan.Clients);
        var before = (Operations: _recorder.Acknowledged, Clock: Stopwatch.StartNew());
        await Task.Delay(TimeSpan.FromSeconds(_plan.Before));
        _rate = (_recorder.Acknowledged - before.Operations) / before.Clock.Elapsed.TotalSeconds;
        if (_rate < _options.LeastRateOf(_plan))
            return false;

        await InjectAsync(world);
        await HealAsync(world);
        var healed = _recorder.Acknowledged;
        await Task.Delay(TimeSpan.FromSeconds(_plan.After));
        if (_recorder.Acknowledged == healed)
            _findings.Add($"liveness: nothing was acknowledged in {_plan.After} s after all faults were healed");
        return true;
    }

    private async Task InjectAsync(World world)
    {
        using var heal = new CancellationTokenSource();
        var begin = Stopwatch.StartNew();
        var faults = _plan.Faults.Select(async fault =>
        {
            await World.LastAsync(TimeSpan.FromSeconds(fault.At), heal.Token);
            await FaultTable.InjectAsync(world, fault, heal.Token);
        }).ToArray();
        var all = Task.WhenAll(faults);
        await Task.WhenAny(all, Task.Delay(TimeSpan.FromSeconds(_plan.Faulty)));
        await heal.CancelAsync();
        await all;
        world.Mark("faults", "", HistoryRecorder.Now - (long)begin.Elapsed.TotalNanoseconds);
    }

    /// <summary>Every fault has undone itself; now every member must serve.</summary>
    private async Task HealAsync(World world)
    {
        var from = HistoryRecorder.Now;
        if (_plan.Has("auth"))
            await AdminFaults.FreeAsync(world);
        foreach (var node in world.Cluster.Nodes)
            await world.Cluster.WaitServingAsync(node, _options.HealLimit);
        world.Mark("healing", "", from);
    }

    /// <summary>Compacts behind what the scribes have written down.</summary>
    private async Task CompactAsync(TestCluster cluster, CancellationToken stop)
    {
        var random = new Random(_plan.Seed);
        var last = 1L;
        while (_plan.CompactEvery > 0 && !stop.IsCancellationRequested)
        {
            await Task.WhenAny(Task.Delay(_plan.CompactEvery, stop));
            var revision = _book.Contiguous - random.Next(20);
            if (revision <= last)
                continue;
            _book.Compact(revision);
            try
            {
                var client = cluster.Clients[random.Next(cluster.Clients.Length)];
                var request = new Etcdserverpb.CompactionRequest { Revision = revision };
                await client.Kv.CompactAsync(request, deadline: NodeClient.Within(TimeSpan.FromSeconds(1)), cancellationToken: stop);
                last = revision;
                _counts.Add("compactions", 1);
            }
            catch (RpcException)
            {
                // The next one may get through; what an unanswered one did, watchers and judges see.
            }
        }
    }

    private async Task<RunOutcome> EndAsync(TestCluster cluster, Evidence evidence)
    {
        var isValid = _rate >= _options.LeastRateOf(_plan) || _findings.Count > 0;
        if (isValid)
            _findings.AddRange(evidence.Judge());
        var operations = _recorder.Snapshot();
        var outcome = new RunOutcome
        {
            Plan = _plan,
            Verdict = _findings.Count > 0 ? RunVerdict.Failed : isValid ? RunVerdict.Passed : RunVerdict.Invalid,
            Findings = [.. _findings],
            Operations = operations.Count,
            Acknowledged = _recorder.Acknowledged,
            Unknown = operations.Count(o => o.Outcome == Outcome.Info),
            Rate = _rate,
            WatchEvents = _events,
            LeaderChanges = Math.Max(0, _leaders.Changes.Count - 1),
            Seconds = _clock.Elapsed.TotalSeconds,
            Faults = _counts.Snapshot(),
        };
        if (outcome.Verdict != RunVerdict.Failed && !_options.KeepAll)
            return outcome;
        foreach (var node in cluster.Nodes.Where(n => n.IsRunning))
            node.Kill();
        return outcome with { Directory = await evidence.SaveAsync(outcome, cluster, _options.Failures) };
    }

    private async Task TearDownAsync(TestCluster cluster)
    {
        foreach (var node in cluster.Created.Where(n => n.IsRunning))
            node.Kill();
        if (_plan.Has("full-disk") && Tools.OwnNamespaces)
        {
            foreach (var node in cluster.Created)
                DiskFaults.Unmount(node);
        }

        await cluster.DisposeAsync();
    }
}

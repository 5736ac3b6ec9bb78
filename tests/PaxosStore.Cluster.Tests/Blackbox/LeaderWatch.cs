using Etcdserverpb;
using Grpc.Core;
using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Blackbox;

/// <summary>A node leads from this time on.</summary>
internal readonly record struct LeaderChange(long Time, string Node, ulong Term);

/// <summary>Asks all nodes again and again who leads.</summary>
internal sealed class LeaderWatch
{
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(200);
    private readonly List<LeaderChange> _changes = [];
    private readonly Lock _gate = new();

    /// <summary>The leader as last seen; empty: none was seen yet.</summary>
    public string Current
    {
        get
        {
            lock (_gate)
                return _changes.Count == 0 ? "" : _changes[^1].Node;
        }
    }

    /// <summary>All changes so far.</summary>
    public IReadOnlyList<LeaderChange> Changes
    {
        get
        {
            lock (_gate)
                return [.. _changes];
        }
    }

    /// <summary>Asks until it is stopped.</summary>
    public async Task RunAsync(TestCluster cluster, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            var answers = await Task.WhenAll(cluster.Nodes.Zip(cluster.Clients).Where(p => p.First.IsRunning).Select(p => AskAsync(p.Second)));
            if (answers.Where(a => a.Leads).DefaultIfEmpty().MaxBy(a => a.Term) is { Leads: true } leader)
                Note(leader.Name, leader.Term);
            await Task.WhenAny(Task.Delay(Pace, stop));
        }
    }

    private void Note(string name, ulong term)
    {
        lock (_gate)
        {
            if (_changes.Count == 0 || (_changes[^1] is var last && (last.Node != name || last.Term != term) && term >= last.Term))
                _changes.Add(new LeaderChange(HistoryRecorder.Now, name, term));
        }
    }

    private static async Task<(string Name, bool Leads, ulong Term)> AskAsync(NodeClient client)
    {
        try
        {
            var status = await client.Maintenance.StatusAsync(new StatusRequest(), deadline: NodeClient.Within(TimeSpan.FromSeconds(1)));
            return (client.Name, status.Leader != 0 && status.Leader == status.Header.MemberId, status.RaftTerm);
        }
        catch (RpcException)
        {
            return (client.Name, false, 0);
        }
    }
}

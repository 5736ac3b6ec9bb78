using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Load;

/// <summary>One client's connections to the members of a cluster, opened when they are first needed.</summary>
internal sealed class Connections(TestCluster cluster) : IDisposable
{
    private readonly Dictionary<NodeProcess, NodeClient> _clients = [];

    /// <summary>A member at random; one other than <paramref name="except"/>, if there is any.</summary>
    public NodeClient Any(Random random, string? except = null)
    {
        var nodes = cluster.Nodes;
        var others = nodes.Where(n => n.Name != except).ToArray();
        return To(others.Length == 0 ? nodes[0] : others[random.Next(others.Length)]);
    }

    /// <summary>The connection to one node.</summary>
    public NodeClient To(NodeProcess node)
    {
        if (!_clients.TryGetValue(node, out var client))
            _clients[node] = client = cluster.Connect(node);
        return client;
    }

    public void Dispose()
    {
        foreach (var client in _clients.Values)
            client.Dispose();
    }
}

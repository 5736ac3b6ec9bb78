using System.Net.Security;

namespace PaxosStore.Cluster.Tests.Processes;

/// <summary>A cluster to start: what it is for (part of its directory's name and its token), how many nodes, and further flags for each of them.</summary>
internal sealed record ClusterPlan(string Purpose, int Size, params string[] Flags)
{
    public Target Target { get; init; } = Target.UnderTest;

    /// <summary>What each node is started through.</summary>
    public Func<NodeProcess, IReadOnlyList<string>> Wrapper { get; init; } = _ => [];

    /// <summary>Where the next node listens.</summary>
    public Func<NodePorts> Ports { get; init; } = NodePorts.Free;

    /// <summary>A token for each request of the harness's own clients, or null.</summary>
    public Func<string?>? Token { get; init; }

    /// <summary>How clients speak to the nodes: http or https.</summary>
    public string ClientScheme { get; init; } = "http";

    /// <summary>A further port on which a single node serves clients over TLS; 0: none.</summary>
    public int SecurePort { get; init; }

    /// <summary>How the nodes speak to each other.</summary>
    public string PeerScheme { get; init; } = "http";

    /// <summary>What the harness's own clients trust and show, where they speak https.</summary>
    public SslClientAuthenticationOptions? Tls { get; init; }
}

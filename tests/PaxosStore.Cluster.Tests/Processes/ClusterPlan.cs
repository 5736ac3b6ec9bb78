namespace PaxosStore.Cluster.Tests.Processes;

/// <summary>A cluster to start: what it is for (part of its directory's name and its token), how many nodes, and further flags for each of them.</summary>
internal sealed record ClusterPlan(string Purpose, int Size, params string[] Flags)
{
    public Target Target { get; init; } = Target.UnderTest;

    /// <summary>What each node is started through.</summary>
    public Func<NodeProcess, IReadOnlyList<string>> Wrapper { get; init; } = _ => [];
}

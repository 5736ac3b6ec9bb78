[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>Tests that run real processes, one after another.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public class ProcessCollection
{
    public const string Name = "processes";
}

/// <summary>How much of a scenario to run: enough by default, more by environment.</summary>
internal static class Amount
{
    public static int From(string variable, int usual) => int.TryParse(Environment.GetEnvironmentVariable(variable), out var amount) ? amount : usual;
}

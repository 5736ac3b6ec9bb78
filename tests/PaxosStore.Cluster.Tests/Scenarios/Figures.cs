using PaxosStore.Cluster.Tests.Processes;
using Xunit.Abstractions;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>What was measured, for people: in the test's output, on the console, and in a file.</summary>
internal static class Figures
{
    public static void Tell(ITestOutputHelper output, string line)
    {
        line = $"{Target.UnderTest.Name}: {line}";
        output.WriteLine(line);
        Console.WriteLine(line);
        File.AppendAllLines(Path.Combine(Repository.Results, "figures.txt"), [line]);
    }
}

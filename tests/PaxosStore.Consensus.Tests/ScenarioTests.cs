using System.Runtime.CompilerServices;

namespace PaxosStore.Consensus.Tests;

/// <summary>
/// Scripts with reviewed output: a line at the left margin is a step, indented lines are what it caused. Run with PAXOSSTORE_UPDATE_SCENARIOS=1 to write what
/// happens now, then read the difference.
/// </summary>
public class ScenarioTests
{
    [Theory]
    [InlineData("election")]
    [InlineData("write")]
    [InlineData("leader-change")]
    [InlineData("read-barrier")]
    [InlineData("overloaded")]
    [InlineData("catch-up")]
    [InlineData("add-member")]
    [InlineData("remove-member")]
    [InlineData("hand-over")]
    [InlineData("snapshot")]
    [InlineData("wiped-member")]
    public void The_script_runs_as_reviewed(string name)
    {
        var path = Path.Combine(SourceFolder(), "Scenarios", name + ".txt");
        var reviewed = File.ReadAllLines(path);

        var actual = Script.Run(reviewed.Where(l => !l.StartsWith("  ", StringComparison.Ordinal))).TrimEnd().Split(Environment.NewLine);

        if (Environment.GetEnvironmentVariable("PAXOSSTORE_UPDATE_SCENARIOS") == "1") File.WriteAllLines(path, actual);
        Assert.Equal(string.Join('\n', reviewed), string.Join('\n', actual));
    }

    private static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}

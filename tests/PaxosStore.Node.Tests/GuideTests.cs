using System.Text;

namespace PaxosStore.Node.Tests;

/// <summary>What docs/akka-client.md shows is code that runs.</summary>
public sealed class GuideTests
{
    [Fact]
    public void The_guide_shows_the_sample_that_the_scenario_runs()
    {
        var sample = new StringBuilder();
        var inside = false;
        foreach (var line in Text("AkkaClientSample.cs").Split('\n'))
        {
            if (line.Contains("// </sample>", StringComparison.Ordinal)) inside = false;
            if (inside) sample.Append(line.Length > 4 ? line[4..] : "").Append('\n');
            if (line.Contains("// <sample>", StringComparison.Ordinal)) inside = true;
        }

        Assert.NotEqual(0, sample.Length);
        Assert.Contains(sample.ToString().TrimEnd(), Text("akka-client.md"), StringComparison.Ordinal);
    }

    private static string Text(string resource)
    {
        using var reader = new StreamReader(typeof(GuideTests).Assembly.GetManifestResourceStream(resource)!);
        return reader.ReadToEnd();
    }
}

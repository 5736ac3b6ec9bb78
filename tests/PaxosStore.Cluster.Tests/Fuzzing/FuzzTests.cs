using System.Diagnostics;
using PaxosStore.Cluster.Tests.Processes;
using PaxosStore.Cluster.Tests.Scenarios;
using PaxosStore.Testing;
using Xunit.Abstractions;

namespace PaxosStore.Cluster.Tests.Fuzzing;

/// <summary>Whatever comes in, the node lives, answers soon, does not swell, and takes nothing for a fault of its own. <c>scripts/fuzz.sh</c> runs it for longer.</summary>
[Collection(ProcessCollection.Name)]
public class FuzzTests(ITestOutputHelper output)
{
    private const double CapMegabytes = 600;
    private const double KeptMegabytes = 150;
    private static readonly TimeSpan Return = TimeSpan.FromSeconds(30);

    [SkippableTheory]
    [InlineData("grpc")]
    [InlineData("protobuf")]
    [InlineData("json")]
    [InlineData("url")]
    [InlineData("tls")]
    public async Task A_node_bears_what_comes_in_by(string door)
    {
        Skip.If(Target.UnderTest.IsEtcd, "the words of the log are this server's");
        var seconds = Amount.From("PAXOSSTORE_FUZZ_SECONDS", 4);
        var seed = Amount.From("PAXOSSTORE_FUZZ_SEED", 20);
        var longest = TimeSpan.FromMilliseconds(Amount.From("PAXOSSTORE_FUZZ_WAIT_MS", 5000));
        using var certificates = new TestCertificates();
        var secure = FreePorts.One();
        var plan = new ClusterPlan("fuzz-" + door, 1, [.. certificates.ClientFlags, .. certificates.PeerFlags]) { PeerScheme = "https", SecurePort = secure };
        await using var cluster = await TestCluster.StartAsync(plan);
        await cluster.RunAsync(async () =>
        {
            var node = cluster.Nodes[0];
            var prey = new Prey(node, secure);
            using var attack = await Door.OpenAsync(door, prey);

            // What is loaded and compiled the first time is nobody's fault.
            await new FuzzRun(prey, certificates.Client, attack, seed - 1).RunAsync(TimeSpan.FromSeconds(2));
            var before = node.ResidentMegabytes;
            var result = await new FuzzRun(prey, certificates.Client, attack, seed).RunAsync(TimeSpan.FromSeconds(seconds));
            var after = await SettleAsync(node, before + KeptMegabytes);
            Figures.Tell(output,
                $"fuzz {door}: seed {seed}, {seconds} s, {result.Requests} requests, slowest answer {result.SlowestAnswer}; honest client: "
                + $"{result.HonestCalls} calls, slowest {result.SlowestHonest}; resident {before:F0} MB before, {result.PeakMegabytes:F0} MB at most, {after:F0} MB after");

            Assert.True(node.IsRunning, "the node died");
            Assert.True(result.Requests > 0 && result.HonestCalls > 0, "nothing was tried");
            Assert.True(result.SlowestHonest.Took < longest, $"an honest client waited {result.SlowestHonest}");
            Assert.True(result.SlowestAnswer.Took < longest, $"an answer took {result.SlowestAnswer}");
            Assert.True(result.PeakMegabytes < CapMegabytes, $"the node used {result.PeakMegabytes:F0} MB");
            Assert.True(after < before + KeptMegabytes, $"the node had {before:F0} MB before and keeps {after:F0} MB");
            Assert.Empty(Faults(node.LogSinceStart));
        });
    }

    // A collected heap is given back with a delay.
    private static async Task<double> SettleAsync(NodeProcess node, double enough)
    {
        for (var watch = Stopwatch.StartNew(); node.ResidentMegabytes > enough && watch.Elapsed < Return;)
            await Task.Delay(200);
        return node.ResidentMegabytes;
    }

    private static IEnumerable<string> Faults(string log) => log.Split('\n').Where(line =>
        line.Contains(" ERR ", StringComparison.Ordinal) || line.StartsWith("[ERROR]", StringComparison.Ordinal) || line.Contains(" CRT ", StringComparison.Ordinal) || line.Contains("Unhandled exception", StringComparison.Ordinal));
}

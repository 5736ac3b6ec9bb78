using PaxosStore.Cluster.Tests.Processes;
using PaxosStore.Testing;
using PaxosStore.Testing.Differential;
using Xunit.Abstractions;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>Random requests at each endpoint of three nodes get the replies, errors, revisions and events that a real etcd gives.</summary>
[Collection(ProcessCollection.Name)]
public class DifferentialTests(ITestOutputHelper output)
{
    /// <summary>PAXOSSTORE_DIFFERENTIAL_OPERATIONS says how many requests each endpoint gets.</summary>
    [SkippableTheory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Each_endpoint_answers_random_requests_as_a_real_etcd_does(int endpoint)
    {
        Programs.Require("etcd");
        Skip.If(Target.UnderTest.IsEtcd && endpoint > 0, "several etcds tell the keys of a lease as their leader knows them, which may lag behind the endpoint");
        var operations = Amount.From("PAXOSSTORE_DIFFERENTIAL_OPERATIONS", usual: 800);
        await using var cluster = await TestCluster.StartAsync("differential", size: Target.UnderTest.IsEtcd ? 1 : 3);
        await using var reference = await RealEtcd.StartAsync();
        await cluster.RunAsync(async () =>
        {
            var run = new DifferentialRun(reference.Endpoint, cluster.Nodes[endpoint].ClientUrl, seed: 20_000 + endpoint, operations);
            var report = await run.RunAsync();
            output.WriteLine(report.ToString());
            Assert.True(report.Differences.Count == 0, report.ToString());
            Assert.Equal(operations, report.Operations);
        });
    }
}

using PaxosStore.Testing;
using PaxosStore.Testing.Differential;
using Xunit.Abstractions;

namespace PaxosStore.Gateways.Tests.Etcd;

public class EtcdDifferentialTests(ITestOutputHelper output)
{
    [SkippableTheory]
    [InlineData(20260101, 2500)]
    [InlineData(20260102, 2500)]
    [InlineData(20260103, 2500)]
    public async Task Answers_random_operations_as_a_real_etcd_does(int seed, int operations)
    {
        var missing = RealEtcd.Missing();
        Skip.If(missing is not null, missing);
        await using var etcd = await RealEtcd.StartAsync();
        await using var door = await DoorHost.StartAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));

        var report = await new DifferentialRun(etcd.Endpoint, door.Endpoint, seed, operations).RunAsync(limit.Token);

        output.WriteLine(report.ToString());
        Assert.True(report.Differences.Count == 0, report.ToString());
        Assert.Equal(operations, report.Operations);
    }
}

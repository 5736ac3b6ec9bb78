using PaxosStore.Testing;
using PaxosStore.Testing.Differential;
using Xunit.Abstractions;

namespace PaxosStore.Gateways.Tests.Etcd;

public class EtcdDifferentialTests(ITestOutputHelper output)
{
    [SkippableTheory]
    [InlineData(20260101, 2500, false)]
    [InlineData(20260102, 2500, false)]
    [InlineData(20260103, 2500, false)]
    [InlineData(20260104, 800, true)]
    public async Task Answers_random_operations_as_a_real_etcd_does(int seed, int operations, bool overJson)
    {
        var missing = RealEtcd.Missing();
        Skip.If(missing is not null, missing);
        await using var etcd = await RealEtcd.StartAsync();
        await using var door = await DoorHost.StartAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));

        var report = await new DifferentialRun(etcd.Endpoint, door.Endpoint, seed, operations, overJson).RunAsync(limit.Token);

        output.WriteLine(report.ToString());
        Assert.True(report.Differences.Count == 0, report.ToString());
        Assert.Equal(operations, report.Operations);
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_comparison_sees_what_differs(bool overJson)
    {
        var missing = RealEtcd.Missing();
        Skip.If(missing is not null, missing);
        await using var etcd = await RealEtcd.StartAsync();
        await using var door = await DoorHost.StartAsync(o => o.MaxTxnOps = 2);

        var report = await new DifferentialRun(etcd.Endpoint, door.Endpoint, 1, 200, overJson).RunAsync();

        Assert.Contains(report.Differences, d => d.Contains("too many operations in txn request", StringComparison.Ordinal));
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_reference_that_dies_is_told_with_the_request(bool overJson)
    {
        var missing = RealEtcd.Missing();
        Skip.If(missing is not null, missing);
        var etcd = await RealEtcd.StartAsync();
        await using var door = await DoorHost.StartAsync(o => o.BcryptCost = 4);
        await etcd.DisposeAsync();

        var report = await new AuthDifferentialRun(etcd.Endpoint, door.Endpoint, 1, 200, overJson).RunAsync();

        Assert.Contains("AuthEnable", report.ReferenceLost, StringComparison.Ordinal);
        Assert.Empty(report.Differences);
        Assert.Equal(0, report.Operations);
    }
}

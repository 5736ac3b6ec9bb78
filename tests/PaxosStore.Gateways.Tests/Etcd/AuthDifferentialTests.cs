using PaxosStore.Testing;
using PaxosStore.Testing.Differential;
using Xunit.Abstractions;

namespace PaxosStore.Gateways.Tests.Etcd;

public class AuthDifferentialTests(ITestOutputHelper output)
{
    [SkippableTheory]
    [InlineData(20261101, 800, false)]
    [InlineData(20261102, 800, false)]
    [InlineData(20261103, 400, true)]
    public async Task Judges_callers_as_a_real_etcd_does(int seed, int operations, bool overJson)
    {
        var missing = RealEtcd.Missing();
        Skip.If(missing is not null, missing);
        await using var etcd = await RealEtcd.StartAsync();
        await using var door = await DoorHost.StartAsync(o => o.BcryptCost = 4);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));

        var report = await new AuthDifferentialRun(etcd.Endpoint, door.Endpoint, seed, operations, overJson).RunAsync(limit.Token);

        output.WriteLine(report.ToString());
        Assert.True(report.Differences.Count == 0, report.ToString());
        Assert.Equal(operations, report.Operations);
    }
}

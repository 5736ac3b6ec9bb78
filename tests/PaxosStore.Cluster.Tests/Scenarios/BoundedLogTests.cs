using System.Diagnostics;
using Etcdserverpb;
using Grpc.Core;
using PaxosStore.Cluster.Tests.Load;
using PaxosStore.Cluster.Tests.Processes;
using Xunit.Abstractions;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>Many writes over few keys: disk and memory are bounded by the live data, not by how often it was written.</summary>
[Collection(ProcessCollection.Name)]
public class BoundedLogTests(ITestOutputHelper output)
{
    private const int Keys = 10_000;
    private const int ValueBytes = 256;
    private const long AllowedMegabytesBeside = 64;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    /// <summary>PAXOSSTORE_BOUNDED_PUTS says how many writes, PAXOSSTORE_READY_MS how long a node may take to serve again after a kill.</summary>
    [SkippableFact]
    public async Task Data_directories_and_memory_stay_bounded_by_the_live_data()
    {
        var puts = Amount.From("PAXOSSTORE_BOUNDED_PUTS", usual: 60_000);
        await using var cluster = await TestCluster.StartAsync("bounded", 3, "--auto-compaction-mode", "revision", "--auto-compaction-retention", "1000");
        await cluster.RunAsync(async () =>
        {
            using var load = new BulkLoad(cluster, Keys, ValueBytes);
            await using var gauges = new Gauges(cluster);
            var watch = Stopwatch.StartNew();
            for (var quarter = 0; quarter < 4; quarter++)
            {
                await load.PutAsync(puts / 4, clients: 400);
                await CompactAsync(cluster);
                gauges.Mark();
            }

            Figures.Tell(output, $"{puts} puts over {Keys} keys: {puts / watch.Elapsed.TotalSeconds:F0}/s, {load.Errors} errors");
            var bound = 4 * load.LiveBytes + (AllowedMegabytesBeside << 20);
            foreach (var gauge in await gauges.StopAsync())
            {
                Figures.Tell(output, $"{gauge}; live {load.LiveBytes >> 20} MB, allowed {bound >> 20} MB");
                Assert.True(cluster.Target.IsEtcd || gauge.MostDataBytes <= bound, $"{gauge}: more than {bound >> 20} MB");
                AssertFlat(gauge, puts);
            }

            await load.AssertAllThereAsync();
            await Restarts.MeasureAsync(cluster, output);
            await load.AssertAllThereAsync();
        });
    }

    /// <summary>etcd's own compaction runs only every few minutes, so its run is helped.</summary>
    private static async Task CompactAsync(TestCluster cluster)
    {
        if (!cluster.Target.IsEtcd)
            return;
        var revision = await cluster.Clients[0].ReadRevisionAsync(Limit);
        await cluster.Clients[0].Kv.CompactAsync(new CompactionRequest { Revision = revision - 1_000 });
    }

    /// <summary>A short run is over before the heap has found its size, so only a long one is held to the letter.</summary>
    private static void AssertFlat(Gauge gauge, int puts)
    {
        var allowed = puts >= 1_000_000 ? 1.2 : 2;
        Assert.True(gauge.LastMegabytes <= gauge.FirstMegabytes * allowed + 32, $"{gauge}: memory grows");
    }
}

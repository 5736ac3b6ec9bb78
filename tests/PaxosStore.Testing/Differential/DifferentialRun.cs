using Etcdserverpb;
using Google.Protobuf;

namespace PaxosStore.Testing.Differential;

/// <summary>
/// Sends the same random requests to two fresh etcd endpoints, one after the other, and compares replies, errors (code and text), revisions and
/// watch events. The first endpoint is right by definition. The seed decides everything.
/// </summary>
public sealed class DifferentialRun(string endpointA, string endpointB, int seed, int operations, bool overJson = false)
{
    private const int MostDifferences = 10;

    /// <summary>Runs it; stops early after a handful of differences, since the rest would only be their consequence.</summary>
    public async Task<Report> RunAsync(CancellationToken cancellation = default)
    {
        using var reference = new EtcdClient(endpointA, overJson);
        using var tested = new EtcdClient(endpointB, overJson);
        var random = new Random(seed);
        var report = new Report(seed);
        var world = new World(report);
        var keys = new KvGenerator(random, world);
        var leases = new LeaseOperations(random, world);
        var recipes = new RecipeOperations(random, world);
        await using var watch0 = new WatchPair(reference, tested, random, keys, world, report);
        await using var watch1 = new WatchPair(reference, tested, random, keys, world, report);
        WatchPair[] watches = [watch0, watch1];
        while (report.Operations < operations && report.Differences.Count < MostDifferences && report.ReferenceLost is null)
        {
            cancellation.ThrowIfCancellationRequested();
            if (random.Next(100) < 4)
            {
                report.Begin("Watch", "Watch");
                await watches[random.Next(watches.Length)].StepAsync();
                continue;
            }

            var operation = Next(random, world, keys, leases, recipes);
            report.Begin(operation.Service);
            if (operation.Request is CompactionRequest) await SettleAsync(watches);
            await RunAsync(operation, reference, tested, world, report);
        }

        if (report.ReferenceLost is null) await SettleAsync(watches);
        return report;
    }

    // What the reference has still to tell watchers would lose its previous values to a compaction.
    private static async Task SettleAsync(IEnumerable<WatchPair> watches)
    {
        foreach (var watch in watches) await watch.SettleAsync();
    }

    private static Operation Next(Random random, World world, KvGenerator keys, LeaseOperations leases, RecipeOperations recipes)
    {
        var kind = random.Next(1000);
        if (kind < 290)
        {
            var request = keys.Range();
            return new Operation("Range", request, async (c, _) => await c.Kv.RangeAsync(request), r => Normaliser.Ties(world, request, (RangeResponse)r));
        }

        if (kind < 560)
        {
            var request = keys.Put();
            return new Operation("Put", request, async (c, _) => await c.Kv.PutAsync(request));
        }

        if (kind < 630)
        {
            var request = keys.Delete();
            return new Operation("DeleteRange", request, async (c, _) => await c.Kv.DeleteRangeAsync(request));
        }

        if (kind < 885)
        {
            var request = keys.Txn();
            return new Operation("Txn", request, async (c, _) => await c.Kv.TxnAsync(request), r => Normaliser.Ties(world, request, (TxnResponse)r));
        }

        if (kind < 900)
        {
            var request = keys.Compact();
            return new Operation("Compact", request, async (c, _) => await c.Kv.CompactAsync(request));
        }

        return kind < 960 ? leases.Next() : recipes.Next();
    }

    private static async Task RunAsync(Operation operation, EtcdClient reference, EtcdClient tested, World world, Report report)
    {
        var expected = await Outcome.OfAsync(operation, reference, Side.Reference);
        if (expected.IsBroken)
        {
            report.Lose(operation.Name, operation.Request, expected.Text);
            return;
        }

        var actual = await Outcome.OfAsync(operation, tested, Side.Tested);
        report.Count(expected.Reply is null ? $"{operation.Name} → {expected.Code} {expected.Text}" : operation.Name);
        if (expected.Code != actual.Code || expected.Text != actual.Text)
        {
            report.Differ(operation.Name, operation.Request, expected.ToString(), actual.ToString());
        }
        else if (expected.Reply is not null && actual.Reply is not null)
        {
            report.Compare(operation.Name, operation.Request, expected.Reply, actual.Reply);
        }

        if (expected.Reply is null) return;
        world.Revision = Math.Max(world.Revision, RevisionOf(expected.Reply));
        if (operation.Request is CompactionRequest compaction) world.CompactRevision = Math.Max(world.CompactRevision, compaction.Revision);
    }

    private static long RevisionOf(IMessage reply) =>
        reply.Descriptor.FindFieldByName("header")?.Accessor.GetValue(reply) is ResponseHeader header ? header.Revision : 0;
}

using System.Text;
using Akka.Actor;
using PaxosStore.Node.Facade;

namespace PaxosStore.Node.Tests.MultiNode;

/// <summary>The sample of docs/akka-client.md; a scenario runs it and a test holds the two together.</summary>
internal static class AkkaClientSample
{
    // <sample>
    public static async Task ElectAndAnnounceAsync(ActorSystem system, string me, Action<string> print, CancellationToken ct)
    {
        await using var store = new PaxosStoreClient(system);
        static ReadOnlyMemory<byte> Utf8(string text) => Encoding.UTF8.GetBytes(text);
        static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);

        // Watch what is going to happen. The watch is there when OpenWatchAsync returns.
        var all = new KeyRange(Utf8("service/"), Utf8("service0"));
        await using var watch = await store.OpenWatchAsync(new WatchSpec(all, StartRevision: 0), ct);

        // A lease that is kept alive: the keys attached to it vanish when this process does.
        await using (var lease = await store.GrantLeaseAsync(TimeSpan.FromSeconds(10), ct))
        {
            // Become the leader if nobody is: one atomic transaction.
            var leaderKey = KeyRange.SingleKey(Utf8("service/leader"));
            var election = await store.TxnAsync(
                new TxnOp(
                    Compare: [new Comparison(leaderKey, CompareTarget.Create, CompareResult.Equal, 0, default)],
                    Success: [new PutOp(leaderKey.Start, Utf8(me)) { Lease = lease.Id }],
                    Failure: [new RangeOp(leaderKey)]),
                ct);

            // The revision of the election is the fencing token: it only ever grows.
            if (election.Result.Succeeded && lease.IsHeld) print($"{me} leads");

            // A linearizable read, through whichever member answers.
            var leader = await store.RangeAsync(new RangeOp(leaderKey), ReadConsistency.Linearizable, ct);
            print($"the leader is {Text(leader.Result.Kvs[0].Value)}");
        }

        // Disposing the lease revoked it. Both changes arrive, in order, each once.
        for (var seen = 0; seen < 2;)
        {
            foreach (var change in (await watch.NextAsync(ct)).Events)
            {
                print($"{(change.IsDelete ? "deleted" : "put")} {Text(change.Kv.Key)}");
                seen++;
            }
        }
    }

    // </sample>
}

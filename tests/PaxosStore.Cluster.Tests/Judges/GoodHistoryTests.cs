using PaxosStore.Cluster.Tests.History;

namespace PaxosStore.Cluster.Tests.Judges;

/// <summary>No judge finds anything in a thousand histories of a store without mistakes; each finds something where one event of them is spoiled.</summary>
public class GoodHistoryTests
{
    private const int Histories = 1_000;

    [Fact]
    public void A_thousand_good_histories_are_accepted_by_every_judge()
    {
        for (var seed = 0; seed < Histories; seed++)
        {
            var store = Store(seed);
            AssertClean(seed, RevisionWitness.Check(store.Operations, store.Log));
            AssertClean(seed, Linearizability.Check(store.Operations));
            AssertClean(seed, LeaseWitness.Check(store.Operations, store.Log, store.SeenAt, allEnded: true));
            AssertClean(seed, WatchWitness.Check(Subscriptions(store), store.Log));
        }
    }

    [Fact]
    public void A_read_from_nowhere_in_any_of_them_is_rejected_by_both_judges_of_clients()
    {
        for (var seed = 0; seed < Histories / 10; seed++)
        {
            var store = Store(seed);
            var read = store.Operations.FindIndex(o => o is { Kind: OperationKind.Get, Seen: not null, Serializable: false });
            if (read < 0)
                continue;
            store.Operations[read] = store.Operations[read] with { Seen = "v-from-nowhere" };
            Assert.False(RevisionWitness.Check(store.Operations, store.Log).IsClean, $"seed {seed}");
            Assert.False(Linearizability.Check(store.Operations).IsClean, $"seed {seed}");
        }
    }

    [Fact]
    public void An_event_left_out_of_any_of_them_is_rejected()
    {
        for (var seed = 0; seed < Histories / 10; seed++)
        {
            var store = Store(seed);
            var watch = store.Watch(new Subscription(1, "", previous: true));
            var reply = watch.Streams.SelectMany(s => s.Replies).Last(r => r.Events.Count > 0);
            foreach (var stream in watch.Streams)
                stream.Replies.Remove(reply);
            Assert.False(WatchWitness.Check([watch], store.Log).IsClean, $"seed {seed}");
        }
    }

    private static TrueStore Store(int seed)
    {
        var store = new TrueStore(new Random(seed));
        store.Run(clients: 4, operations: 60);
        return store;
    }

    private static IEnumerable<Subscription> Subscriptions(TrueStore store) =>
    [
        store.Watch(new Subscription(1, "", previous: true)),
        store.Watch(new Subscription(2, "", fragment: true)),
        store.Watch(new Subscription(3, "load/a", noDelete: true)),
        store.Watch(new Subscription(4, "load/b", previous: true, noPut: true)),
    ];

    private static void AssertClean(int seed, Verdict verdict) => Assert.True(verdict.IsClean, $"seed {seed}: {verdict}");
}

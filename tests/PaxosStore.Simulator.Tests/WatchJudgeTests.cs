using PaxosStore.Kv;
using PaxosStore.Simulator.Whole;

namespace PaxosStore.Simulator.Tests;

/// <summary>Each promise of a watch, broken once by hand; and the same events brought as they should be.</summary>
public class WatchJudgeTests
{
    private readonly ModelBench _bench = new();
    private readonly WatchRecord _watch = new(ModelBench.Prefix("a"), puts: true, deletes: true, bookmark: 1);

    public WatchJudgeTests()
    {
        _bench.Apply(ModelBench.Put("a1", "one"));
        _bench.Apply(new WriteCommand(new TxnOp([], [ModelBench.PutOp("a1", "two"), ModelBench.PutOp("a2", "x"), ModelBench.PutOp("b1", "y")], [])));
        _bench.Apply(new WriteCommand(new DeleteRangeOp(KeyRange.SingleKey("a2"u8.ToArray()))));
    }

    private static KvEvent First => Event("a1", "one", 2, 2, 1);

    private static KvEvent Second => Event("a1", "two", 2, 3, 2, First.Kv);

    private static KvEvent Third => Event("a2", "x", 3, 3, 1);

    private static KvEvent Fourth => new(true, new KeyValue("a2"u8.ToArray(), default, 0, 4, 0, 0), Third.Kv);

    [Fact]
    public void Whole_revisions_in_order_are_as_they_should_be()
    {
        Bring(2, First);
        Bring(2);
        Bring(4, Second, Third, Fourth);
        _bench.Judge.Watches.Brought(_watch, Frame(4));

        Assert.Equal(4, _watch.Bookmark);
    }

    [Fact]
    public void Events_behind_what_was_announced() => Fails("watch bookmarkable", () =>
    {
        Bring(1);
        _watch.Bookmark = 2;
        Bring(4, First, Second, Third, Fourth);
    });

    [Fact]
    public void A_bookmark_that_goes_back() => Fails("watch bookmarkable", () =>
    {
        Bring(3, First, Second, Third);
        Bring(2);
    });

    [Fact]
    public void Events_out_of_order() => Fails("watch ordered", () => Bring(4, Second, Third, First, Fourth));

    [Fact]
    public void An_event_twice_in_one_batch() => Fails("watch unique", () => Bring(4, First, First, Second, Third, Fourth));

    [Fact]
    public void An_event_twice_in_two_batches() => Fails("watch unique", () =>
    {
        Bring(2, First);
        Bring(4, First, Second, Third, Fourth);
    });

    [Fact]
    public void Half_of_a_revision() => Fails("watch atomic", () => Bring(4, First, Second, Fourth));

    [Fact]
    public void A_revision_in_two_batches() => Fails("watch atomic", () =>
    {
        Bring(2, First);
        _watch.Bookmark = 3;
        (_watch.LastRevision, _) = (3, _watch.Brought.Add((3, "a1")));
        Bring(4, Third, Fourth);
    });

    [Fact]
    public void A_lost_revision() => Fails("watch reliable", () => Bring(4, Second, Third, Fourth));

    [Fact]
    public void A_revision_lost_on_the_way_to_another_node() => Fails("watch resumable", () =>
    {
        Bring(2, First);
        _watch.Resumed = true;
        Bring(4, Fourth);
    });

    [Fact]
    public void What_was_before_left_out() => Fails("watch prev_kv", () => Bring(4, First, Second with { Previous = null }, Third, Fourth));

    [Fact]
    public void What_was_before_made_up() => Fails("watch prev_kv", () => Bring(4, First with { Previous = Third.Kv }, Second, Third, Fourth));

    [Fact]
    public void What_was_before_does_not_come_along_once_it_is_compacted()
    {
        _bench.Apply(new CompactCommand(3));
        _watch.Bookmark = 2;

        Fails("watch prev_kv", () => Bring(4, Second, Third, Fourth));
    }

    [Fact]
    public void A_key_that_is_not_watched() => Fails("watch filtered", () => Bring(3, First, Second, Third, Event("b1", "y", 3, 3, 1)));

    [Fact]
    public void A_delete_for_one_who_wants_none()
    {
        var puts = new WatchRecord(ModelBench.Prefix("a"), puts: true, deletes: false, bookmark: 3);

        Fails("watch filtered", () => _bench.Judge.Watches.Brought(puts, Frame(4, Fourth)));
    }

    [Fact]
    public void An_event_with_another_value() => Fails("watch filtered", () => Bring(2, Event("a1", "uno", 2, 2, 1)));

    [Fact]
    public void Progress_beyond_the_store() => Fails("watch progress", () => Bring(5, First, Second, Third, Fourth));

    [Fact]
    public void Progress_short_of_the_events() => Fails("watch progress", () => Bring(3, First, Second, Third, Fourth));

    [Fact]
    public void A_revision_of_the_store_that_it_does_not_have() =>
        Fails("watch progress", () => _bench.Judge.Watches.Brought(_watch, new Frame([First, Second, Third, Fourth], 4, 9, 3)));

    [Fact]
    public void Compaction_as_an_excuse() => Fails("watch reliable", () => _bench.Judge.Watches.Compacted(_watch, 3, slot: 3));

    private void Bring(long through, params KvEvent[] events) => _bench.Judge.Watches.Brought(_watch, Frame(through, events));

    private Frame Frame(long through, params KvEvent[] events) => new(events, through, 4, _bench.Judge.Model.Last.Slot);

    private static void Fails(string invariant, Action act) => Assert.Equal(invariant, Assert.Throws<ViolationException>(act).Invariant);

    private static KvEvent Event(string key, string value, long create, long mod, long version, KeyValue? previous = null) =>
        new(false, new KeyValue(ReplyText.Bytes(key), ReplyText.Bytes(value), create, mod, version, 0), previous);
}

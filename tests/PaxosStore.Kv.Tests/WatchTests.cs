using CsCheck;

namespace PaxosStore.Kv.Tests;

public class WatchTests
{
    private static IKvWatcher Open(Machine machine, KeyRange range, long start = 0, bool puts = true, bool deletes = true) =>
        machine.State.Watches.Open(new WatchSpec(range, start, puts, deletes));

    [Fact]
    public void A_watcher_without_a_start_sees_what_comes_after_and_is_woken_once()
    {
        var machine = new Machine();
        machine.Put("a", "1");
        using var watcher = Open(machine, KeyRange.SingleKey(Bytes.Of("a")));
        var woken = 0;
        watcher.OnReady(() => woken++);
        Assert.Equal((2L, 2L), (watcher.CreatedRevision, watcher.DeliveredThrough));
        Assert.True(watcher.TryRead(100) is { Revision: 2, CaughtUp: true, Events.Count: 0 });

        machine.Put("b", "1");
        Assert.Equal(0, woken);
        machine.Put("a", "2");
        machine.Delete("a");
        Assert.Equal(1, woken);
        var batch = watcher.TryRead(1000);
        Assert.True(batch is { Revision: 5, CaughtUp: true, Events.Count: 2 });
        Assert.Equal("1", Bytes.Text(batch.Events[0].Previous!.Value));
        Assert.Equal("2", Bytes.Text(batch.Events[1].Previous!.Value));
        Assert.Equal(new KeyValue(batch.Events[1].Kv.Key, batch.Events[1].Kv.Value, 0, 5, 0, 0), batch.Events[1].Kv);
        machine.Put("a", "3");
        Assert.Equal(2, woken);
    }

    [Fact]
    public void A_start_in_the_future_delivers_nothing_and_is_not_caught_up_until_the_store_gets_there()
    {
        var machine = new Machine();
        using var watcher = Open(machine, Bytes.Everything, 6);
        var woken = 0;
        watcher.OnReady(() => woken++);
        for (var revision = 2; revision <= 5; revision++)
        {
            machine.Put("a", "v");
            Assert.True(watcher.TryRead(100) is { CaughtUp: false, Events.Count: 0 } batch && batch.Revision == revision);
            Assert.Equal(5, watcher.DeliveredThrough);
        }

        Assert.Equal(0, woken);
        machine.Put("a", "v");
        Assert.Equal(1, woken);
        Assert.True(watcher.TryRead(100) is { Revision: 6, CaughtUp: true, Events.Count: 1 });
        Assert.Equal(6, watcher.DeliveredThrough);
    }

    [Fact]
    public void A_transaction_is_delivered_whole_with_an_event_per_write_in_their_order()
    {
        var machine = new Machine();
        using var watcher = Open(machine, Bytes.Everything);
        KvOp[] ops =
        [
            new PutOp(Bytes.Of("b"), new byte[500]), new PutOp(Bytes.Of("a"), new byte[500]),
            new DeleteRangeOp(KeyRange.SingleKey(Bytes.Of("b"))), new PutOp(Bytes.Of("b"), Bytes.Of("x")),
        ];
        machine.Run(new WriteCommand(new TxnOp([], [.. ops], [])));
        machine.Put("c", "v");
        var batch = watcher.TryRead(10);
        Assert.False(batch.CaughtUp);
        Assert.Equal(2, watcher.DeliveredThrough);
        Assert.Equal(["b", "a", "b", "b"], batch.Events.Select(e => Bytes.Text(e.Kv.Key)));
        Assert.Equal([false, false, true, false], batch.Events.Select(e => e.IsDelete));
        Assert.All(batch.Events, e => Assert.True(e.Previous is null && e.Kv.ModRevision == 2));
        Assert.True(watcher.TryRead(10) is { CaughtUp: true, Events.Count: 1, Revision: 3 });
    }

    [Fact]
    public void An_idle_watcher_survives_compaction_and_a_slow_one_is_told()
    {
        var machine = new Machine();
        using var idle = Open(machine, KeyRange.SingleKey(Bytes.Of("quiet")));
        using var slow = Open(machine, KeyRange.SingleKey(Bytes.Of("busy")));
        for (var i = 0; i < 10; i++) machine.Put("busy", "v");
        machine.Run(new CompactCommand(8));
        machine.Tick(0);
        machine.Put("quiet", "v");
        Assert.Single(idle.TryRead(100).Events);
        Assert.Equal(8, Assert.Throws<KvException>(() => slow.TryRead(100)).CompactRevision);
        Assert.Equal(8, Assert.Throws<KvException>(() => slow.TryRead(100)).CompactRevision);
    }

    [Fact]
    public void Filters_drop_events_without_holding_back_the_cursor()
    {
        var machine = new Machine();
        using var deletes = Open(machine, Bytes.Everything, puts: false);
        using var puts = Open(machine, Bytes.Everything, deletes: false);
        var woken = 0;
        deletes.OnReady(() => woken++);
        machine.Put("a", "v");
        Assert.Equal(0, woken);
        Assert.True(deletes.TryRead(100) is { CaughtUp: true, Events.Count: 0, Revision: 2 });
        machine.Delete("a");
        Assert.True(deletes.TryRead(100) is { CaughtUp: true, Events.Count: 1, Revision: 3 });
        Assert.True(puts.TryRead(100) is { CaughtUp: true, Events.Count: 1, Revision: 3 });
    }

    [Fact]
    public void A_closed_watcher_is_not_called_and_leaves_nothing_behind()
    {
        var machine = new Machine();
        var calls = 0;
        var watchers = new List<IKvWatcher>();
        for (var i = 0; i < 100; i++)
        {
            watchers.Add(Open(machine, i % 2 == 0 ? KeyRange.SingleKey(Bytes.Of("a" + (i % 6))) : Bytes.Range("a" + (i % 7), "b")));
            watchers[^1].OnReady(() => calls++);
        }

        foreach (var watcher in watchers) watcher.Dispose();
        watchers[0].Dispose();
        for (var i = 0; i < 10; i++) machine.Put("a" + i, "v");
        Assert.Equal(0, calls);
        Assert.True(machine.State.Watches.IsEmpty);
    }

    /// <summary>Random intervals against testing each one: exactly the watchers around the key are woken, also after some have gone.</summary>
    [Fact]
    public void Exactly_the_watchers_of_a_key_are_woken() =>
        Gen.Select(Gens.Range.Array[0, 30], Gens.Key.Array[1, 5], Gen.Int[1, 4]).Sample(
            (ranges, keys, every) =>
            {
                var machine = new Machine();
                var woken = new int[ranges.Length];
                var watchers = new IKvWatcher[ranges.Length];
                for (var i = 0; i < ranges.Length; i++)
                {
                    var me = i;
                    watchers[i] = Open(machine, ranges[i]);
                    watchers[i].OnReady(() => woken[me]++);
                }

                for (var i = 0; i < ranges.Length; i += every) watchers[i].Dispose();
                foreach (var key in keys) machine.Put(Bytes.Text(key), "v");
                for (var i = 0; i < ranges.Length; i++)
                {
                    var expected = i % every != 0 && keys.Any(key => ranges[i].Contains(key.Span)) ? 1 : 0;
                    Assert.Equal(expected, woken[i]);
                }
            },
            iter: 1_500, threads: 2);

    /// <summary>
    /// Watchers open, read with small buffers, idle and close while the applier runs. Each must see exactly the events of its keys from its
    /// start on: none lost, none twice, in order, no revision split, and never a bookmark ahead of its events.
    /// </summary>
    [Fact]
    public async Task Watchers_miss_nothing_while_the_applier_runs()
    {
        var machine = new Machine();
        const int Puts = 20_000;
        const int Keys = 7;
        var readers = Enumerable.Range(0, 3).Select(reader => Task.Factory.StartNew(() =>
        {
            var rounds = 0;
            var seen = 0L;
            while (machine.State.View.Revision <= Puts)
            {
                // Revision r writes key r mod Keys, and in the same transaction the key "pair".
                var key = (rounds + reader) % Keys;
                var range = rounds % 2 == 0 ? KeyRange.SingleKey(Bytes.Of("k" + key)) : Bytes.Range("k" + key, "q");
                var start = rounds % 3 == 0 ? 0 : Math.Max(1, machine.State.View.Revision - 20 + (rounds % 40));
                using var watcher = machine.State.Watches.Open(new WatchSpec(range, start));
                var ready = 1;
                watcher.OnReady(() => Volatile.Write(ref ready, 1));
                var next = start == 0 ? watcher.CreatedRevision + 1 : start;
                var until = next + 300;
                while (watcher.DeliveredThrough < until && machine.State.View.Revision <= Puts)
                {
                    if (rounds % 5 == 0 && Interlocked.Exchange(ref ready, 0) == 0)
                    {
                        Thread.Yield();
                        continue;
                    }

                    var batch = watcher.TryRead(100);
                    if (!batch.CaughtUp) Volatile.Write(ref ready, 1);
                    seen += batch.Events.Count;
                    CheckBatch(batch, range, ref next, watcher.DeliveredThrough);
                }

                rounds++;
            }

            return seen;
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)).ToArray();

        for (var i = 2; i <= Puts + 1; i++)
        {
            var put = new PutOp(Bytes.Of("k" + (i % Keys)), Bytes.Of("v"));
            machine.Run(new WriteCommand(new TxnOp([], [put, new PutOp(Bytes.Of("pair"), Bytes.Of("v"))], [])));
        }

        var counts = await Task.WhenAll(readers);
        Assert.All(counts, count => Assert.True(count > 100, $"only {count} events seen"));
    }

    private static void CheckBatch(WatchBatch batch, KeyRange range, ref long next, long deliveredThrough)
    {
        var position = 0;
        for (; next <= deliveredThrough; next++)
        {
            foreach (var key in new[] { "k" + (next % 7), "pair" })
            {
                if (!range.Contains(Bytes.Of(key).Span)) continue;
                Assert.True(position < batch.Events.Count, $"revision {next} of {key} is missing");
                Assert.Equal((next, key), (batch.Events[position].Kv.ModRevision, Bytes.Text(batch.Events[position].Kv.Key)));
                position++;
            }
        }

        Assert.Equal(position, batch.Events.Count);
        Assert.True(batch.Events.Count == 0 || batch.Revision >= batch.Events[^1].Kv.ModRevision);
    }
}

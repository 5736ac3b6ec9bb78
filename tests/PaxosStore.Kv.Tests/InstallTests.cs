using CsCheck;

namespace PaxosStore.Kv.Tests;

/// <summary>A machine that has fallen behind is given a newer state under its open watchers.</summary>
public class InstallTests
{
    private sealed class Reader(IKvWatcher watcher, long start)
    {
        public long Start { get; } = start;

        public IKvWatcher Watcher { get; } = watcher;

        public List<KvEvent> Events { get; } = [];

        public int Woken { get; set; }

        public KvException? Refusal { get; private set; }

        public void Read(int maxBytes)
        {
            try
            {
                if (Refusal is null) Events.AddRange(Watcher.TryRead(maxBytes).Events);
            }
            catch (KvException e)
            {
                Refusal = e;
            }
        }

        public void ReadAll()
        {
            for (var caughtUp = false; Refusal is null && !caughtUp;)
            {
                try
                {
                    var batch = Watcher.TryRead(60);
                    Events.AddRange(batch.Events);
                    caughtUp = batch.CaughtUp || batch.Events.Count == 0;
                }
                catch (KvException e)
                {
                    Refusal = e;
                }
            }
        }
    }

    /// <summary>
    /// Watchers from everywhere read some, then a newer state comes, then both go on. Each sees what a watcher of the full history would have seen from its
    /// start on, in order, nothing twice, or is told that it was compacted, and that only if its next revision is.
    /// </summary>
    [Fact]
    public void Watchers_go_on_in_the_new_history_or_are_told() =>
        Gen.Select(Gens.Batch.Array[0, 10], Gens.Batch.Array[0, 10], Gens.Batch.Array[0, 6], Gen.Int[0, 2].Array[40], Gen.Bool).Sample(
            (before, missed, after, habits, straight) =>
            {
                var (behind, ahead) = (new Machine(), new Machine());
                using var everything = ahead.State.Watches.Open(new WatchSpec(Bytes.Everything, 1));
                var truth = new List<KvEvent>();
                Go(before, [behind, ahead], everything, truth);
                var readers = Enumerable.Range(0, 20).Select(i => Open(behind, i)).ToList();
                Go(after[..(after.Length / 2)], [behind, ahead], everything, truth);
                for (var i = 0; i < readers.Count; i++)
                {
                    if (habits[i] == 1) readers[i].Read(40);
                    if (habits[i] == 2) readers[i].ReadAll();
                    readers[i].Woken = 0;
                }

                var old = behind.View.Revision;
                Go(missed, [ahead], everything, truth);
                var newer = Bytes.Restore(Bytes.Snapshot(ahead.View));
                behind.State.Install(newer);
                Assert.All(readers, reader => Assert.Equal(1, reader.Woken));
                Assert.Equal(Bytes.Digest(ahead.View), Bytes.Digest(behind.View));
                behind = ahead.On(behind.State);
                foreach (var (reader, i) in readers.Select((r, i) => (r, i)))
                {
                    if (straight) reader.ReadAll();
                    else if (habits[20 + i] == 1) reader.Read(40);
                }

                var compacted = ahead.View.CompactRevision;
                Go(after[(after.Length / 2)..], [behind, ahead], everything, truth);
                foreach (var reader in readers) Check(reader, truth, behind.View, old, straight ? compacted : null);
            },
            iter: 3_000, threads: 2);

    private static Reader Open(Machine machine, int index)
    {
        // From the beginning to well ahead of what there is, single keys and everything.
        var start = index * 2L;
        var range = index % 3 == 0 ? KeyRange.SingleKey(Bytes.Of("a")) : Bytes.Everything;
        var watcher = machine.State.Watches.Open(new WatchSpec(range, start));
        var reader = new Reader(watcher, start == 0 ? watcher.CreatedRevision + 1 : start);
        watcher.OnReady(() => reader.Woken++);
        return reader;
    }

    private static void Go((int Seconds, KvCommand[] Commands)[] batches, Machine[] machines, IKvWatcher everything, List<KvEvent> truth)
    {
        foreach (var (seconds, commands) in batches)
        {
            foreach (var machine in machines) machine.Time += TimeSpan.FromSeconds(seconds);
            foreach (var command in commands)
            {
                foreach (var machine in machines) machine.Run(command);
                truth.AddRange(everything.TryRead(int.MaxValue).Events);
            }

            foreach (var machine in machines) machine.Tick(0);
            truth.AddRange(everything.TryRead(int.MaxValue).Events);
        }
    }

    private static void Check(Reader reader, List<KvEvent> truth, KvView view, long old, long? compactedAtInstall)
    {
        reader.ReadAll();
        using var watcher = reader.Watcher;
        var range = ((KvWatcher)watcher).Range;
        var expected = truth.Where(e => e.Kv.ModRevision >= reader.Start && range.Contains(e.Kv.Key.Span)).ToList();
        var seen = reader.Events.Count;
        Assert.Equal(Show(expected.Take(seen)), Show(reader.Events));
        if (reader.Refusal is null)
        {
            Assert.Equal(expected.Count, seen);
            Assert.True(watcher.DeliveredThrough >= Math.Min(view.Revision, reader.Start - 1));
            return;
        }

        // What it would have had to see next is compacted; what nobody can know of lies above what the old state had shown not to concern it.
        Assert.Equal(KvErrorCode.Compacted, reader.Refusal.Code);
        Assert.True(watcher.DeliveredThrough < view.CompactRevision);
        if (compactedAtInstall is { } compacted && reader.Start <= old + 1)
            Assert.True(watcher.DeliveredThrough + 1 < compacted || view.CompactRevision > compacted, "it could have gone on");
    }

    /// <summary>Without the version before, which a compaction may have taken from one and not from the other.</summary>
    private static IEnumerable<string> Show(IEnumerable<KvEvent> events) =>
        events.Select(e => $"{e.Kv.ModRevision} {e.IsDelete} {Bytes.Text(e.Kv.Key)} {Bytes.Text(e.Kv.Value)} {e.Kv.Version}");

    [Fact]
    public void An_idle_watcher_is_not_told_of_a_compaction_that_concerned_what_it_had_seen_pass()
    {
        var (behind, ahead) = (new Machine(), new Machine());
        using var idle = behind.State.Watches.Open(new WatchSpec(KeyRange.SingleKey(Bytes.Of("quiet")), 1));
        Assert.Empty(idle.TryRead(100).Events);
        foreach (var machine in new[] { behind, ahead })
        {
            for (var i = 0; i < 50; i++) machine.Put("busy", "v");
        }

        // Revision 52 is the first that the old state knows nothing of.
        ahead.Put("quiet", "v");
        ahead.Put("busy", "v");
        ahead.Run(new CompactCommand(52));
        ahead.Tick(0);
        behind.State.Install(Bytes.Restore(Bytes.Snapshot(ahead.View)));
        Assert.Equal(52, Assert.Single(idle.TryRead(100).Events).Kv.ModRevision);
        Assert.Equal(53, idle.DeliveredThrough);
    }

    [Fact]
    public void A_watcher_of_the_future_sees_nothing_below_its_start()
    {
        var (behind, ahead) = (new Machine(), new Machine());
        using var far = behind.State.Watches.Open(new WatchSpec(Bytes.Everything, 12));
        using var near = behind.State.Watches.Open(new WatchSpec(Bytes.Everything, 5));
        for (var i = 0; i < 8; i++) ahead.Put("k", "v");
        behind.State.Install(Bytes.Restore(Bytes.Snapshot(ahead.View)));
        Assert.True(far.TryRead(100) is { CaughtUp: false, Events.Count: 0, Revision: 9 });
        Assert.Equal(11, far.DeliveredThrough);
        Assert.Equal([5L, 6, 7, 8, 9], near.TryRead(10_000).Events.Select(e => e.Kv.ModRevision));
        behind = ahead.On(behind.State);
        for (var i = 0; i < 5; i++) behind.Put("k", "v");
        Assert.Equal([12L, 13, 14], far.TryRead(10_000).Events.Select(e => e.Kv.ModRevision));
    }

    [Fact]
    public void Only_what_is_newer_and_free_is_installed()
    {
        var (behind, ahead) = (new Machine(), new Machine());
        behind.Put("k", "v");
        Assert.Throws<InvalidOperationException>(() => behind.State.Install(ahead.State));
        Assert.Throws<InvalidOperationException>(() => behind.State.Install(behind.State));
        ahead.Put("k", "v");
        behind.State.Install(ahead.State);
        behind = ahead.On(behind.State);
        Assert.Throws<InvalidOperationException>(() => ahead.Put("k", "w"));
        Assert.Throws<InvalidOperationException>(() => new Machine().State.Install(ahead.State));
        Assert.Equal(3, behind.Put("k", "w").Revision);

        // At the same revision the slot decides.
        var (idle, fresh) = (new Machine(), new Machine());
        idle.Tick(0);
        Assert.Throws<InvalidOperationException>(() => idle.State.Install(fresh.State));
        fresh.Tick(0);
        idle.State.Install(fresh.State);
    }

    /// <summary>Pins of the old state hold back nothing in the new one that they could not, and what they pinned stays whole.</summary>
    [Fact]
    public void A_pin_of_the_old_state_outlives_it()
    {
        var (behind, ahead) = (new Machine(), new Machine());
        for (var i = 0; i < 20; i++) behind.Put("k" + (i % 3), "v" + i);
        for (var i = 0; i < 60; i++) ahead.Put("k" + (i % 3), "v" + i);
        ahead.Run(new CompactCommand(50));
        using var pin = behind.State.PinView();
        var before = Bytes.Snapshot(pin.View);
        behind.State.Install(Bytes.Restore(Bytes.Snapshot(ahead.View)));
        behind = ahead.On(behind.State);
        behind.Run(new CompactCommand(60));
        for (var i = 0; i < 5; i++) behind.Tick(0);
        Assert.Equal(before, Bytes.Snapshot(pin.View));
        Assert.Equal(KvErrorCode.Compacted, Assert.Throws<KvException>(() => behind.Get("k0", 59)).Code);
        Assert.Equal(1, behind.Get("k0", 60).Count);
    }

    /// <summary>Readers scan and page while states are installed beside them: every event of their keys once and in order, or the refusal.</summary>
    [Fact]
    public async Task Watchers_miss_nothing_while_states_are_installed()
    {
        var (behind, ahead) = (new Machine(), new Machine());
        const int Rounds = 400;
        using var stop = new CancellationTokenSource();
        var (whole, told) = (0L, 0L);
        var state = behind.State;
        var readers = Enumerable.Range(0, 2).Select(reader => Task.Factory.StartNew(() =>
        {
            for (var round = 0; !stop.IsCancellationRequested; round++)
            {
                // From revision 2 on each has one event.
                var start = round % 2 == 0 ? 0 : Math.Max(2, state.View.Revision + (round % 9) - 3);
                using var watcher = state.Watches.Open(new WatchSpec(Bytes.Everything, start));
                var next = watcher.DeliveredThrough + 1;
                try
                {
                    for (var reads = 0; reads < 200 && !stop.IsCancellationRequested; reads++)
                    {
                        foreach (var happened in watcher.TryRead(150 * reader).Events) Assert.Equal(next++, happened.Kv.ModRevision);
                        Assert.Equal(next - 1, watcher.DeliveredThrough);
                    }

                    Interlocked.Increment(ref whole);
                }
                catch (KvException e) when (e.Code == KvErrorCode.Compacted)
                {
                    Interlocked.Increment(ref told);
                }
            }
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)).ToArray();
        bool Enough() => Volatile.Read(ref whole) >= 20 && Volatile.Read(ref told) >= 20;
        for (var round = 0; round < 20_000 && (round < Rounds || !Enough()) && !readers.Any(r => r.IsCompleted); round++)
        {
            for (var i = 0; i < 10; i++) ahead.Put("k" + i, "v");
            if (round % 3 == 0) ahead.Run(new CompactCommand(ahead.View.Revision - (round % 30)));
            state.Install(Bytes.Restore(Bytes.Snapshot(ahead.View)));
            behind = ahead.On(state);
            for (var i = 0; i < 5; i++)
            {
                behind.Put("k" + i, "v");
                ahead.Put("k" + i, "v");
            }
        }

        await stop.CancelAsync();
        await Task.WhenAll(readers);
        Assert.True(whole >= 20 && told >= 20, $"{whole} whole, {told} told");
    }
}

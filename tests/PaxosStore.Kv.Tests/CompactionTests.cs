namespace PaxosStore.Kv.Tests;

public class CompactionTests
{
    [Fact]
    public void A_fresh_store_accepts_one_compaction_at_zero_and_refuses_the_future()
    {
        var machine = new Machine();
        Assert.Equal((1L, -1L), (machine.View.Revision, machine.View.CompactRevision));
        Assert.IsType<DoneResult>(machine.Run(new CompactCommand(0)));
        Assert.Equal(KvErrorCode.Compacted, ((RefusedResult)machine.Run(new CompactCommand(0))).Code);
        Assert.Equal(KvErrorCode.FutureRevision, ((RefusedResult)machine.Run(new CompactCommand(2))).Code);
        Assert.Equal(1, machine.View.Revision);
    }

    [Fact]
    public void Reads_at_the_compact_revision_work_and_below_it_are_refused()
    {
        var machine = new Machine();
        for (var i = 0; i < 5; i++) machine.Put("k", $"v{i}");
        machine.Run(new CompactCommand(4));
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("v2", Bytes.Text(machine.Get("k", 4).Kvs[0].Value));
            var error = Assert.Throws<KvException>(() => machine.Get("k", 3));
            Assert.Equal((KvErrorCode.Compacted, 4L), (error.Code, error.CompactRevision));
            machine.Tick(0);
        }
    }

    /// <summary>Compacting at the delete of the newest key must not lower the revision, nor lose the event for a watcher that starts there.</summary>
    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(1)]
    public void Compaction_round_a_delete_keeps_revision_and_events(int offset)
    {
        var machine = new Machine();
        machine.Put("k", "v");
        var deleted = machine.Delete("k").Revision;
        machine.Put("other", "v");
        machine.Run(new CompactCommand(deleted));
        for (var i = 0; i < 3; i++) machine.Tick(0);
        Assert.Equal(4, machine.View.Revision);

        using var watcher = machine.State.Watches.Open(new WatchSpec(Bytes.Everything, deleted + offset));
        if (offset < 0)
        {
            Assert.Equal(deleted, Assert.Throws<KvException>(() => watcher.TryRead(1000)).CompactRevision);
            return;
        }

        var events = watcher.TryRead(1000).Events;
        Assert.Equal(2 - offset, events.Count);
        if (offset == 0) Assert.True(events[0] is { IsDelete: true, Previous: null });
        Assert.Null(KeyTree.Find(machine.View.Root, Bytes.Of("k").Span));
    }

    [Fact]
    public void Trimming_goes_in_slices_and_lets_go_of_versions_tombstones_and_events()
    {
        var machine = new Machine();
        var gone = new List<WeakReference>();
        Fill(machine, gone);
        var before = machine.View.ComputeDigest();
        machine.Run(new CompactCommand(machine.View.Revision));
        Assert.NotNull(KeyTree.Find(machine.View.Root, Bytes.Of("dead4999").Span));
        for (var i = 0; i < 40; i++) machine.Tick(0);

        Assert.NotEqual(before, machine.View.ComputeDigest());
        Assert.Null(KeyTree.Find(machine.View.Root, Bytes.Of("dead4999").Span));
        Assert.Equal(1, machine.All().Count);
        TreeChecks.AssertSound(machine.View.Root);
        GC.Collect();
        Assert.All(gone, weak => Assert.False(weak.IsAlive));
    }

    /// <summary>In a method of its own so that no local keeps the versions alive.</summary>
    private static void Fill(Machine machine, List<WeakReference> gone)
    {
        for (var i = 0; i < 5000; i++)
        {
            machine.Put("hot", "v" + i);
            gone.Add(new WeakReference(KeyTree.Find(machine.View.Root, Bytes.Of("hot").Span)));
            machine.Put("dead" + i, "");
            machine.Delete("dead" + i);
        }

        machine.Put("hot", "last");
    }

    [Fact]
    public void The_digest_does_not_depend_on_how_far_trimming_has_got()
    {
        // One machine trims while it goes on; the other replays the same log but is asked right after the compaction and much later.
        var machine = new Machine();
        for (var i = 0; i < 3000; i++)
        {
            machine.Put("k" + (i % 10), "v" + i);
            if (i % 7 == 0) machine.Delete("k" + (i % 10));
        }

        machine.Run(new CompactCommand(machine.View.Revision - 5));
        var untrimmed = StateOf(machine.View);
        for (var i = 0; i < 20; i++) machine.Tick(0);
        Assert.Equal(untrimmed, StateOf(machine.View));
    }

    /// <summary>The digest's key part: the counters differ from slot to slot, so they are left out by hashing the same view's keys anew.</summary>
    private static string StateOf(KvView view)
    {
        var writer = new ByteWriter(1024);
        KeyTree.ForEachHead(view.Root, head => StateDigest.AppendKey(head, view.CompactRevision, writer));
        return Convert.ToHexString(writer.Written);
    }

    /// <summary>Readers of old views while the applier compacts and trims: the true answer or Compacted, never anything else.</summary>
    [Fact]
    public async Task Readers_of_old_views_are_never_told_a_wrong_answer_while_trimming_runs()
    {
        var machine = new Machine();
        const int Keys = 20;
        for (var i = 0; i < Keys; i++) machine.Put($"k{i:D2}", "0");
        using var stop = new CancellationTokenSource();
        var (answers, refusals) = (0L, 0L);
        var readers = Enumerable.Range(0, 2).Select(reader => Task.Factory.StartNew(() =>
        {
            var seed = reader;
            while (!stop.IsCancellationRequested)
            {
                var view = machine.State.View;
                seed = (seed * 1103515245) + 12345;
                var back = (seed >> 8) & 255;
                var revision = Math.Max(view.Revision - back, 1 + Keys);
                try
                {
                    var result = view.Range(new RangeOp(Bytes.Everything) { Revision = revision });

                    // Every revision after the first ones overwrites one key with its own number; so the sum of mod revisions is known.
                    var expected = Enumerable.Range(0, Keys).Sum(i => revision - i);
                    Assert.Equal(Keys, result.Count);
                    Assert.Equal(expected, result.Kvs.Sum(kv => kv.ModRevision));
                    Interlocked.Increment(ref answers);
                }
                catch (KvException e) when (e.Code == KvErrorCode.Compacted)
                {
                    Interlocked.Increment(ref refusals);
                }
            }
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)).ToArray();

        for (var i = 0; i < 1_000_000 && (i < 30_000 || Volatile.Read(ref answers) < 1_000 || Volatile.Read(ref refusals) < 100); i++)
        {
            machine.Put($"k{i % Keys:D2}", "v");
            if (i % 50 == 0 && machine.View.Revision > 300) machine.Run(new CompactCommand(machine.View.Revision - (i % 100)));
        }

        await stop.CancelAsync();
        await Task.WhenAll(readers);
        Assert.True(answers >= 1_000 && refusals >= 100, $"{answers} answers, {refusals} refusals");
    }

    /// <summary>A watcher that scans while trimming goes on below and around its start: every revision from its start, or Compacted.</summary>
    [Fact]
    public async Task Watchers_overtaken_by_trimming_get_every_event_or_are_told()
    {
        var machine = new Machine();
        for (var i = 0; i < 2_000; i++) machine.Put("k", "v");
        using var stop = new CancellationTokenSource();
        var (whole, told) = (0L, 0L);
        var reader = Task.Factory.StartNew(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                var start = Math.Max(2, machine.State.View.CompactRevision);
                using var watcher = machine.State.Watches.Open(new WatchSpec(Bytes.Everything, start));
                try
                {
                    var batch = watcher.TryRead(int.MaxValue);
                    for (var i = 0; i < batch.Events.Count; i++) Assert.Equal(start + i, batch.Events[i].Kv.ModRevision);
                    Assert.Equal(batch.Revision, start + batch.Events.Count - 1);
                    Interlocked.Increment(ref whole);
                }
                catch (KvException e) when (e.Code == KvErrorCode.Compacted)
                {
                    Interlocked.Increment(ref told);
                }
            }
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

        for (var i = 0; i < 3_000_000 && (i < 20_000 || Volatile.Read(ref whole) < 100 || Volatile.Read(ref told) < 100); i++)
        {
            machine.Put("k", "v");
            if (i % 20 == 0) machine.Run(new CompactCommand(machine.View.Revision - 1_000));
        }

        await stop.CancelAsync();
        await reader;
        Assert.True(whole >= 100 && told >= 100, $"{whole} whole, {told} told");
    }
}

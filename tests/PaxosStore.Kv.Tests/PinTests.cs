using CsCheck;

namespace PaxosStore.Kv.Tests;

public class PinTests
{
    /// <summary>A snapshot taken slowly while puts and compactions go on is the one that a machine standing still would have written.</summary>
    [Fact]
    public async Task A_pinned_view_is_written_whole_while_compactions_go_on()
    {
        var (busy, still) = (new Machine(), new Machine());
        for (var i = 0; i < 3_000; i++)
        {
            foreach (var machine in new[] { busy, still })
            {
                machine.Put("k" + (i % 50), "v" + i);
                if (i % 11 == 0) machine.Delete("k" + (i % 50));
                if (i % 1_000 == 999) machine.Run(new CompactCommand(machine.View.Revision - 500));
            }
        }

        var expected = Bytes.Snapshot(still.View);
        for (var round = 0; round < 5; round++)
        {
            var pin = busy.State.PinView();
            expected = round == 0 ? expected : Bytes.Snapshot(pin.View);
            using var halfway = new SemaphoreSlim(0);
            using var done = new SemaphoreSlim(0);
            var writer = Task.Run(async () =>
            {
                var bytes = new List<byte>();
                foreach (var chunk in KvSnapshot.Write(pin.View, 512))
                {
                    bytes.AddRange(chunk.Span);
                    if (bytes.Count != expected.Length / 1024 * 512) continue;
                    halfway.Release();
                    await done.WaitAsync();
                }

                return bytes.ToArray();
            });
            Assert.True(await halfway.WaitAsync(TimeSpan.FromSeconds(30)));
            for (var i = 0; i < 3_000; i++)
            {
                busy.Put("k" + (i % 50), "w" + i);
                if (i == 2_000) done.Release();
                if (i % 100 == 0) busy.Run(new CompactCommand(busy.View.Revision));
            }

            Assert.Equal(expected, await writer);
            pin.Dispose();
            pin.Dispose();
        }

        // Nothing is held any more: the backlog is given back in slices.
        busy.Run(new CompactCommand(busy.View.Revision));
        for (var i = 0; i < 100; i++) busy.Tick(0);
        Assert.Equal(busy.View.DataBytes, busy.View.HistoryBytes);
    }

    /// <summary>An idle store need not wait for a batch to give back what compaction freed, and nothing of its state changes by it.</summary>
    [Fact]
    public void What_compaction_freed_is_given_back_between_batches()
    {
        var machine = new Machine();
        for (var i = 0; i < 3_000; i++) machine.Put("k" + (i % 50), "v" + i);
        machine.Delete("k7");
        machine.Run(new CompactCommand(machine.View.Revision));
        Assert.True(machine.View.HistoryBytes > machine.View.DataBytes);
        var (digest, slot, pin) = (machine.View.ComputeDigest(), machine.View.AppliedSlot, machine.State.PinView());

        while (machine.State.GiveBack()) Assert.Equal(slot, machine.View.AppliedSlot);

        Assert.Equal(machine.View.DataBytes, machine.View.HistoryBytes);
        Assert.Equal(digest, machine.View.ComputeDigest());
        pin.Dispose();
        machine.Put("after", "1");
        Assert.Equal(slot + 1, machine.View.AppliedSlot);
    }

    [Fact]
    public void A_view_tells_whether_compacted_history_is_still_held()
    {
        var machine = new Machine();
        for (var i = 0; i < 100; i++) machine.Put("k", "v" + i);
        Assert.False(machine.View.HoldsCompacted);

        var pin = machine.State.PinView();
        machine.Run(new CompactCommand(machine.View.Revision));
        Assert.False(machine.State.GiveBack());
        Assert.True(machine.View.HoldsCompacted);
        pin.Dispose();
        while (machine.State.GiveBack()) Assert.True(machine.View.HistoryBytes > 0);
        Assert.False(machine.View.HoldsCompacted);
    }

    /// <summary>Without a pin a compaction overtakes the writer: then it is told, and no wrong snapshot is made.</summary>
    [Fact]
    public void A_view_that_is_not_pinned_is_never_written_with_holes()
    {
        var machine = new Machine();
        for (var i = 0; i < 2_000; i++) machine.Put("k" + (i % 50), "v" + i);
        using var chunks = KvSnapshot.Write(machine.View, 512).GetEnumerator();
        Assert.True(chunks.MoveNext());
        machine.Run(new CompactCommand(machine.View.Revision));
        for (var i = 0; i < 5; i++) machine.Tick(0);
        var error = Assert.Throws<KvException>(() =>
        {
            while (chunks.MoveNext())
            {
            }
        });
        Assert.Equal((KvErrorCode.Compacted, 2_001L), (error.Code, error.CompactRevision));
    }

    /// <summary>The same log on a machine with pins that come and go and on one without: results and digests are the same all the way.</summary>
    [Fact]
    public void Pins_change_no_result() =>
        Gen.Select(Gens.AnyBatch.Array[0, 30], Gen.Int[0, 3].Array[30]).Sample(
            (batches, turns) =>
            {
                var (pinned, free) = (new Machine(), new Machine());
                var pins = new Queue<KvPin>();
                for (var i = 0; i < batches.Length; i++)
                {
                    if (turns[i] == 0) pins.Enqueue(pinned.State.PinView());
                    if (turns[i] == 1 && pins.TryDequeue(out var pin)) pin.Dispose();
                    foreach (var machine in new[] { pinned, free }) machine.Time += TimeSpan.FromSeconds(batches[i].Seconds);
                    Assert.Equal(
                        free.RunAll(batches[i].Commands).Select(a => Bytes.Hex(a.Result)), pinned.RunAll(batches[i].Commands).Select(a => Bytes.Hex(a.Result)));
                    Assert.Equal(Bytes.Digest(free.View), Bytes.Digest(pinned.View));
                    Assert.Equal(free.View.Checksum, pinned.View.Checksum);
                    foreach (var held in pins) Assert.NotEmpty(Bytes.Snapshot(held.View));
                }

                Assert.Equal(Bytes.Snapshot(free.View), Bytes.Snapshot(pinned.View));
            },
            iter: 1_000, threads: 2);

    /// <summary>Pins taken at any moment while the applier compacts and trims: what they hold stays whole.</summary>
    [Fact]
    public async Task Pins_taken_at_any_moment_hold()
    {
        var machine = new Machine();
        for (var i = 0; i < 200; i++) machine.Put("k" + (i % 20), "v");
        using var stop = new CancellationTokenSource();
        var held = 0;
        var pinning = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                using var pin = machine.State.PinView();
                var first = pin.View.HashKv(0);
                foreach (var _ in KvSnapshot.Write(pin.View, 64)) Assert.True(machine.View.Revision >= pin.View.Revision);
                Assert.Equal(first, pin.View.HashKv(0));
                Interlocked.Increment(ref held);
            }
        });
        for (var i = 0; i < 1_000_000 && Volatile.Read(ref held) < 300 && !pinning.IsCompleted; i++)
        {
            machine.Put("k" + (i % 20), "v" + i);
            if (i % 3 == 0) machine.Run(new CompactCommand(machine.View.Revision - (i % 2)));
        }

        await stop.CancelAsync();
        await pinning;
        Assert.True(held >= 300, $"only {held} pins");
    }
}

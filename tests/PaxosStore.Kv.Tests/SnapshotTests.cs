using System.Security.Cryptography;
using CsCheck;

namespace PaxosStore.Kv.Tests;

public class SnapshotTests
{
    /// <summary>
    /// Random histories with a snapshot somewhere in them: the restored machine is the same state, writes the same snapshot, and everything that follows
    /// has the same results, reads, events and digests on both.
    /// </summary>
    [Fact]
    public void A_restored_state_behaves_as_the_one_it_was_made_of() =>
        Gen.Select(Gens.AnyBatch.Array[0, 20], Gens.AnyBatch.Array[0, 12], Gen.Int[1, 400], Gen.Int[1, 400]).Sample(
            (before, after, chunkBytes, pieces) =>
            {
                var machine = new Machine();
                foreach (var batch in before) Run(machine, batch);
                var bytes = Bytes.Snapshot(machine.View, chunkBytes);
                var restored = machine.On(Bytes.Restore(bytes, pieces));
                Assert.Equal(bytes, Bytes.Snapshot(restored.View));
                CompareStates(machine, restored);
                foreach (var batch in after)
                {
                    Assert.Equal(Run(machine, batch), Run(restored, batch));
                    Assert.Equal(Bytes.Digest(machine.View), Bytes.Digest(restored.View));
                    Assert.Equal(machine.View.Checksum, restored.View.Checksum);
                }

                // Repeats are answered from the remembered results, which the snapshot holds.
                Assert.Equal(Run(machine, (0, []), repeat: true), Run(restored, (0, []), repeat: true));
                CompareStates(machine, restored);
                Assert.Equal(Bytes.Snapshot(machine.View), Bytes.Snapshot(restored.View));
            },
            iter: 2_000, threads: 2);

    private static List<string> Run(Machine machine, (int Seconds, KvCommand[] Commands) batch, bool repeat = false)
    {
        machine.Time += TimeSpan.FromSeconds(batch.Seconds);
        var applied = repeat ? machine.Repeat(15) : machine.RunAll(batch.Commands);
        return [.. applied.Select(a => $"{a.ClientId} {a.RequestNumber} {a.Repeat} {Bytes.Hex(a.Result)}")];
    }

    private static void CompareStates(Machine one, Machine other)
    {
        var (view, copy) = (one.View, other.View);
        Assert.Equal(Bytes.Digest(view), Bytes.Digest(copy));
        Assert.Equal(view.Checksum, copy.Checksum);
        Assert.Equal(
            (view.AppliedSlot, view.Revision, view.CompactRevision, view.Term, view.LogTime, view.DataBytes, view.NextLeaseDeadline),
            (copy.AppliedSlot, copy.Revision, copy.CompactRevision, copy.Term, copy.LogTime, copy.DataBytes, copy.NextLeaseDeadline));
        TreeChecks.AssertSound(copy.Root);
        for (var revision = 0L; revision <= view.Revision; revision++)
        {
            if (revision > 0 && revision < view.CompactRevision) continue;
            Assert.Equal(Bytes.Hex(one.All(revision)), Bytes.Hex(other.All(revision)));
            Assert.Equal(view.HashKv(revision), copy.HashKv(revision));
        }

        Assert.Equal(view.LeaseIds(), copy.LeaseIds());
        foreach (var id in view.LeaseIds()) Assert.Equal(view.Lease(id)!.Keys.Select(Bytes.Text), copy.Lease(id)!.Keys.Select(Bytes.Text));
        Assert.Equal(view.Alarms, copy.Alarms);
        for (var start = 1L; start <= view.Revision; start++) Assert.Equal(Watch(one.State, start), Watch(other.State, start));
    }

    internal static string Watch(KvStateMachine state, long start)
    {
        using var watcher = state.Watches.Open(new WatchSpec(Bytes.Everything, start));
        try
        {
            return Bytes.Hex(watcher.TryRead(int.MaxValue).Events);
        }
        catch (KvException e)
        {
            return $"{e.Code} {e.CompactRevision}";
        }
    }

    [Fact]
    public void Chunks_have_the_size_asked_for_and_large_values_span_several()
    {
        var machine = new Machine();
        var value = new byte[100_000];
        for (var i = 0; i < value.Length; i++) value[i] = (byte)(i * 31);
        machine.Run(new WriteCommand(new PutOp(Bytes.Of("large"), value)));
        machine.Put("small", "v");
        var chunks = KvSnapshot.Write(machine.View, 4096).Select(c => c.ToArray()).ToList();
        Assert.All(chunks.SkipLast(1), chunk => Assert.Equal(4096, chunk.Length));
        Assert.InRange(chunks[^1].Length, 1, 4096);
        Assert.InRange(chunks.Count, 25, 26);
        var restored = machine.On(Bytes.Restore([.. chunks.SelectMany(c => c)], 4096));
        Assert.Equal(value, restored.Get("large").Kvs[0].Value.ToArray());
    }

    [Fact]
    public void The_hash_has_taken_in_every_byte_wherever_the_chunks_are_cut()
    {
        var machine = new Machine();
        for (var i = 0; i < 20; i++) machine.Put("k" + i, "value " + i);
        var whole = Bytes.Snapshot(machine.View);
        for (var size = 1; size <= whole.Length + 1; size++)
        {
            using var hash = KvSnapshot.NewHash();
            byte[] written = [.. KvSnapshot.Write(machine.View, size, hash).SelectMany(c => c.ToArray())];
            Assert.Equal(whole, written);
            Assert.Equal(SHA256.HashData(whole), hash.GetHashAndReset());
        }
    }

    [Fact]
    public void The_header_says_which_state_it_is()
    {
        var machine = new Machine();
        for (var i = 0; i < 5; i++) machine.Put("k" + (i % 2), "v");
        machine.Delete("k0");
        machine.Time = TimeSpan.FromSeconds(3);
        machine.Run(new CompactCommand(5));
        var bytes = Bytes.Snapshot(machine.View);

        // Readable: k0 and k1 as they were at revision 5 (that one is an event too), the put of 6 and the delete of 7.
        var header = new KvSnapshotHeader(machine.View.AppliedSlot, 7, 5, 1, 4, TimeSpan.FromSeconds(3), 1);
        Assert.Equal(header, KvSnapshotHeader.Parse(bytes));
        using var reader = new KvSnapshotReader();
        reader.Add(bytes.AsSpan(0, 63));
        Assert.Null(reader.Header);
        reader.Add(bytes.AsSpan(63, 1));
        Assert.Equal(header, reader.Header);
        Assert.Contains("only 63", Assert.Throws<FormatException>(() => KvSnapshotHeader.Parse(bytes.AsSpan(0, 63))).Message, StringComparison.Ordinal);
        bytes[7] = 2;
        Assert.Contains("format 2", Assert.Throws<FormatException>(() => KvSnapshotHeader.Parse(bytes)).Message, StringComparison.Ordinal);
        bytes[0] = 0;
        Assert.Throws<FormatException>(() => KvSnapshotHeader.Parse(bytes));
    }

    /// <summary>Such bytes lie in backups: a change here is a change of the format.</summary>
    [Fact]
    public void Golden_bytes()
    {
        var machine = new Machine();
        Fill(machine);
        var bytes = Bytes.Snapshot(machine.View);
        Assert.Equal(Golden, Convert.ToHexString(bytes));
        Assert.Equal(Bytes.Digest(machine.View), Bytes.Digest(Bytes.Restore(Convert.FromHexString(Golden)).View));
    }

    /// <summary>A little of everything: revisions 2 to 5, compacted at 4, with a lease, a member and an alarm.</summary>
    internal static void Fill(Machine machine)
    {
        machine.Run(new LeaseGrantCommand(5, 60));
        machine.Put("a", "1", lease: 5);
        machine.Put("b", "2");
        machine.Put("b", "3");
        machine.Run(new CompactCommand(4));
        machine.Delete("b");
        machine.Run(new PublishMemberCommand(3, "n", ["u"], 9));
        machine.Run(new AlarmCommand(true, 3, AlarmKind.NoSpace));
    }

    private const string Golden =
        "505853544F52450109000000000000000500000000000000040000000000000001000000000000000300000000000000000000000000000001000000" +
        "00000000" +
        "1900000001E20F840183B0335F1CDB4AC32E0E2402D056D43601010101" +
        "08000000020A7880989ABC04" +
        "0D00000003016104D60F04020AD60F0031" +
        "0D00000004016208DA0F060400D80F0033" +
        "060000000501620ADE0F" +
        "0B0000000607000000000000000000" +
        "0700000007020302010A78" +
        "0700000007040104010200" +
        "0700000007060106010200" +
        "0700000007080108010200" +
        "05000000070A020801" +
        "08000000070C010A01030200" +
        "05000000070E020A01" +
        "0F0000000710070A0101030000000000000001" +
        "160000000803000000000000000900000000000000016E010175" +
        "0A00000009030000000000000001" +
        "210000000A10F4B5F03D8A600B150EDCEA028F441AEF8F8BE62241251FC512493FB5402469";

    private static byte[] Sample()
    {
        var machine = new Machine();
        machine.Run(new LeaseGrantCommand(5, 60));
        for (var i = 0; i < 20; i++) machine.Put("k" + (i % 5), "v" + i, lease: i % 3 == 0 ? 5 : 0);
        machine.Run(new CompactCommand(12));
        machine.Delete("k3");
        machine.Run(new PublishMemberCommand(3, "n", ["u"], 9));
        machine.Run(new AlarmCommand(true, 3, AlarmKind.NoSpace));
        return Bytes.Snapshot(machine.View);
    }

    [Fact]
    public void Every_truncation_and_every_changed_bit_is_refused()
    {
        var bytes = Sample();
        Assert.NotNull(Bytes.Restore(bytes));
        for (var length = 0; length < bytes.Length; length++)
        {
            var error = Assert.Throws<FormatException>(() => Bytes.Restore(bytes.AsSpan(0, length)));
            Assert.Contains($"at byte {length}:", error.Message, StringComparison.Ordinal);
        }

        for (var position = 0; position < bytes.Length; position++)
        {
            var damaged = bytes.ToArray();
            damaged[position] ^= (byte)(1 << (position % 8));
            Assert.Throws<FormatException>(() => Bytes.Restore(damaged));
        }

        var longer = Assert.Throws<FormatException>(() => Bytes.Restore([.. bytes, 0]));
        Assert.Contains($"at byte {bytes.Length}:", longer.Message, StringComparison.Ordinal);
    }

    /// <summary>Damage that comes with the right SHA-256 is a format error or a state that can be worked with, never anything else.</summary>
    [Fact]
    public void Records_that_no_state_wrote_are_a_format_error_and_nothing_else()
    {
        var bytes = Sample();
        var refused = 0L;
        Gen.Select(Gen.Int[KvSnapshotHeader.Length - 56, bytes.Length - 38], Gen.Byte, Gen.Int[0, 2]).Sample(
            (position, value, kind) =>
            {
                byte[] damaged = kind switch
                {
                    0 => [.. bytes[..position], value, .. bytes[(position + 1)..]],
                    1 => [.. bytes[..position], .. bytes[(position + 1)..]],
                    _ => [.. bytes[..position], value, .. bytes[position..]],
                };
                SHA256.HashData(damaged.AsSpan(0, damaged.Length - 37)).CopyTo(damaged.AsSpan(damaged.Length - 32));
                try
                {
                    var state = Bytes.Restore(damaged);
                    state.Apply(new LogBatch(state.View.AppliedSlot + 1, 1, TimeSpan.FromHours(2), 0, []));
                }
                catch (FormatException)
                {
                    Interlocked.Increment(ref refused);
                }
            },
            iter: 30_000, threads: 2);
        Assert.True(refused > 20_000, $"only {refused} refused");
    }

    [Fact]
    public void Padding_and_a_foreign_trailer_are_skipped_when_asked_for()
    {
        var bytes = Sample();
        byte[] padded = [.. bytes, .. new byte[700], .. SHA256.HashData(bytes)];
        foreach (var pieces in new[] { 1, 7, 100_000 })
        {
            using var reader = new KvSnapshotReader(padded: true);
            for (var i = 0; i < padded.Length; i += pieces) reader.Add(padded.AsSpan(i, Math.Min(pieces, padded.Length - i)));
            Assert.True(reader.IsComplete);
            Assert.Equal(22, reader.Complete().View.Revision);
            Assert.Throws<InvalidOperationException>(() => reader.Complete());
        }

        using var more = new KvSnapshotReader(padded: true);
        more.Add(padded);
        Assert.Contains("trailer", Assert.Throws<FormatException>(() => more.Add([1])).Message, StringComparison.Ordinal);
        Assert.Throws<FormatException>(() => more.Complete());
    }

    [Fact]
    public void A_new_cluster_begins_ahead_of_the_old_one_and_with_nothing_but_its_keys_and_leases()
    {
        var machine = new Machine();
        machine.Run(new LeaseGrantCommand(5, 60));
        machine.Put("a", "1", lease: 5);
        machine.Put("b", "1");
        machine.Put("b", "2");
        machine.Put("gone", "v");
        machine.Delete("gone");
        machine.Tick(50);
        machine.Run(new PublishMemberCommand(3, "n", ["u"], 9));
        machine.Run(new AlarmCommand(true, 3, AlarmKind.Corrupt));
        var bytes = Bytes.Snapshot(machine.View);
        var (one, other) = (Renewed(bytes, new RestoreOptions()), Renewed(bytes, new RestoreOptions()));
        Assert.Equal(Bytes.Digest(one.View), Bytes.Digest(other.View));

        var compacted = machine.View.Revision + RestoreOptions.DefaultRevisionJump;
        Assert.Equal((compacted, compacted), (one.View.Revision, one.View.CompactRevision));
        Assert.Empty(one.View.Members);
        Assert.Empty(one.View.Alarms);
        Assert.Equal(TimeSpan.FromSeconds(110), one.View.NextLeaseDeadline);
        Assert.Equal(["a"], one.View.Lease(5)!.Keys.Select(Bytes.Text));
        Assert.Equal($"Compacted {compacted}", SnapshotTests.Watch(one, machine.View.Revision));
        Assert.Equal($"Compacted {compacted}", SnapshotTests.Watch(one, compacted - 1));
        foreach (var client in new[] { one, other })
        {
            var read = client.View.Range(new RangeOp(Bytes.Everything) { Revision = compacted });
            Assert.Equal(["a", "b"], read.Kvs.Select(kv => Bytes.Text(kv.Key)));
            Assert.Equal((3L, 4L, 2L), (read.Kvs[1].CreateRevision, read.Kvs[1].ModRevision, read.Kvs[1].Version));
        }

        // The old client has no session any more; a new one goes on at the next revision.
        var slot = one.View.AppliedSlot;
        ReadOnlyMemory<byte>[] commands =
        [
            CommandCodec.Encode(Machine.Client, 900, 0, new WriteCommand(new PutOp(Bytes.Of("x"), default))),
            CommandCodec.Encode(8, 0, 0, new OpenClientSessionCommand()),
            CommandCodec.Encode(8, 1, 0, new WriteCommand(new PutOp(Bytes.Of("b"), Bytes.Of("3")))),
        ];
        var applied = one.Apply(new LogBatch(slot + 1, 1, TimeSpan.Zero, 0, commands));
        Assert.Equal(KvErrorCode.ClientSessionExpired, ((RefusedResult)applied[0].Result).Code);
        Assert.Equal(compacted + 1, applied[2].Result.Revision);
        using var watcher = one.Watches.Open(new WatchSpec(Bytes.Everything, compacted));
        var happened = Assert.Single(watcher.TryRead(1000).Events);
        Assert.Equal(("3", "2"), (Bytes.Text(happened.Kv.Value), Bytes.Text(happened.Previous!.Value)));
        Assert.Equal(3, happened.Kv.Version);

        // Trimming what lies below does not show.
        other.Apply(new LogBatch(slot + 1, 1, TimeSpan.Zero, 0, commands));
        Assert.Equal(Bytes.Digest(one.View), Bytes.Digest(other.View));
        Assert.Equal(3, one.View.Range(new RangeOp(Bytes.Everything) { CountOnly = true }).Count + 1);
        Assert.Equal(Bytes.Digest(one.View), Bytes.Digest(Bytes.Restore(Bytes.Snapshot(one.View)).View));
    }

    [Fact]
    public void A_new_cluster_may_begin_at_another_slot_and_never_at_a_lower_revision()
    {
        var bytes = Sample();
        Assert.Equal((7L, 122L), (Renewed(bytes, new RestoreOptions(100, 7)).View is var view ? view.AppliedSlot : 0, view.Revision));
        Assert.Throws<ArgumentOutOfRangeException>(() => Renewed(bytes, new RestoreOptions(-1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Renewed(bytes, new RestoreOptions(long.MaxValue)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Renewed(bytes, new RestoreOptions(1, -1)));
    }

    private static KvStateMachine Renewed(byte[] bytes, RestoreOptions options)
    {
        using var reader = new KvSnapshotReader();
        reader.Add(bytes);
        return reader.Complete(options);
    }
}

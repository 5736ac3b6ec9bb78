using CsCheck;

namespace PaxosStore.Kv.Tests;

public class ChecksumTests
{
    /// <summary>Kept with every change, it is what it would be if all live versions and leases were added up anew.</summary>
    [Fact]
    public void The_running_checksum_is_the_sum_over_the_state() =>
        Gens.AnyBatch.Array[0, 25].Sample(
            batches =>
            {
                var machine = new Machine();
                foreach (var (seconds, commands) in batches)
                {
                    machine.Time += TimeSpan.FromSeconds(seconds);
                    machine.RunAll(commands);
                    var view = machine.View;
                    UInt128 sum = 0;
                    KeyTree.ForEachHead(view.Root, head => sum += head.IsTombstone ? 0 : StateHash.Of(head));
                    foreach (var lease in view.Leases.Values) sum += StateHash.Of(lease);
                    Assert.Equal(StateHash.Of(sum, view.Revision, view.CompactRevision, view.LogTime.Ticks, view.DataBytes), view.Checksum);
                }
            },
            iter: 2_000, threads: 2);

    /// <summary>Machines that differ in one thing differ in the checksum; all of them together have no two alike.</summary>
    [Fact]
    public void Every_difference_of_a_live_key_or_a_lease_shows()
    {
        var seen = new HashSet<UInt128>();
        Action<Machine>[] changes =
        [
            _ => { },
            m => m.Put("k", "v"), m => m.Put("k", "w"), m => m.Put("k", "v\0"), m => m.Put("kv", ""), m => m.Put("v", "k"), m => m.Put("k", "v", lease: 1),
            m => m.Put("k", "vvvvvvvvvvvvvvv"), m => m.Put("k", "vvvvvvvvvvvvvvvv"), m => m.Put("k", "vvvvvvvvvvvvvvvvv"), m => m.Delete("old"),
            m => m.Run(new LeaseGrantCommand(2, 10)), m => m.Run(new LeaseGrantCommand(2, 11)), m => m.Run(new LeaseGrantCommand(3, 10)),
            m => m.Run(new LeaseRevokeCommand(1)), m => m.Run(new CompactCommand(1)), m => m.Run(new LeaseKeepAliveCommand([1])),
        ];
        foreach (var change in changes)
        {
            var machine = new Machine();
            machine.Run(new LeaseGrantCommand(1, 10));
            machine.Put("old", "v");
            machine.Tick(1);
            change(machine);
            Assert.True(seen.Add(machine.View.Checksum));
        }
    }

    [Fact]
    public void Values_of_all_lengths_that_differ_in_one_bit_differ_in_the_hash()
    {
        var seen = new HashSet<UInt128>();
        for (var length = 0; length <= 40; length++)
        {
            for (var bit = -1; bit < length * 8; bit++)
            {
                var value = new byte[length];
                if (bit >= 0) value[bit / 8] = (byte)(1 << (bit % 8));
                Assert.True(seen.Add(StateHash.Of(new KeyVersion([1], value, 2, isTombstone: false))));
                Assert.True(seen.Add(StateHash.Of(new KeyVersion([1, .. value], default, 2, isTombstone: false))) || length == 0);
            }
        }
    }

    [Fact]
    public void The_bytes_of_the_history_are_those_of_the_versions_held()
    {
        var machine = new Machine();
        Assert.Equal(0, machine.View.HistoryBytes);
        for (var i = 0; i < 2_000; i++)
        {
            machine.Put("hot", "12345");
            machine.Put("dead" + (i % 100), "");
            machine.Delete("dead" + (i % 100));
        }

        var versions = 2_000 * (64L + 8) + 4_000 * 64L + Enumerable.Range(0, 2_000).Sum(i => 2L * ("dead" + (i % 100)).Length);
        Assert.Equal(versions, machine.View.HistoryBytes);
        machine.Put("hot", "54321");
        machine.Run(new CompactCommand(machine.View.Revision));
        for (var i = 0; i < 40; i++) machine.Tick(0);
        Assert.Equal(72, machine.View.HistoryBytes);
        Assert.Equal(machine.View.DataBytes, machine.View.HistoryBytes);
        Assert.Equal(72, Bytes.Restore(Bytes.Snapshot(machine.View)).View.HistoryBytes);
    }

    [Fact]
    public void The_hash_of_the_history_is_equal_on_nodes_that_have_trimmed_differently_and_shows_every_readable_version()
    {
        var (one, other) = (new Machine(), new Machine());
        using var pin = other.State.PinView();
        foreach (var machine in new[] { one, other })
        {
            for (var i = 0; i < 30; i++) machine.Put("k" + (i % 4), "v" + i);
            machine.Delete("k1");
            machine.Run(new CompactCommand(10));
            for (var i = 0; i < 3; i++) machine.Tick(0);
        }

        Assert.True(other.View.HistoryBytes > one.View.HistoryBytes, "both have trimmed alike");
        var seen = new HashSet<uint>();
        for (var revision = 10L; revision <= 32; revision++)
        {
            var hash = one.View.HashKv(revision);
            Assert.Equal((10L, revision), (hash.CompactRevision, hash.HashRevision));
            Assert.Equal(hash, other.View.HashKv(revision));
            Assert.True(seen.Add(hash.Hash));
        }

        Assert.Equal(one.View.HashKv(32), one.View.HashKv(0));
        Assert.Equal((KvErrorCode.Compacted, 10L), Refusal(one, 9));
        Assert.Equal((KvErrorCode.FutureRevision, 0L), Refusal(one, 33));

        // What comes later does not change it; what is compacted does.
        var before = one.View.HashKv(32);
        one.Put("k1", "later");
        Assert.Equal(before, one.View.HashKv(32));
        one.Run(new CompactCommand(11));
        Assert.NotEqual(before.Hash, one.View.HashKv(32).Hash);

        var changed = new Machine();
        for (var i = 0; i < 30; i++) changed.Put("k" + (i % 4), i == 12 ? "x12" : "v" + i);
        changed.Delete("k1");
        changed.Run(new CompactCommand(10));
        Assert.NotEqual(before.Hash, changed.View.HashKv(32).Hash);
        Assert.Equal(other.View.HashKv(13).Hash, changed.View.HashKv(13).Hash);
    }

    /// <summary>
    /// Checksums stand in snapshots, and nodes of two releases compare all three with each other: a change here is a change of the format. The state is larger than what
    /// the digest and the hash of the history are computed over at once, and its values have every length up to some words.
    /// </summary>
    [Fact]
    public void What_is_summed_and_hashed_never_changes()
    {
        var machine = new Machine();
        machine.Run(new LeaseGrantCommand(1, 10));
        for (var i = 0; i < 2_000; i++) machine.Put($"key{i % 900:D4}", new string('v', i % 70), lease: i % 3 == 0 ? 1 : 0);
        machine.Delete("key0003");
        machine.Run(new CompactCommand(1_000));
        machine.Run(new UserAddCommand("ann", "hash"));
        string[] hashes =
        [
            $"{machine.View.Checksum:X32}", $"{machine.View.HashKv(0).Hash:X8}", Bytes.Digest(machine.View),
            $"{StateHash.Of("id", new AuthToken("ann", 300, TimeSpan.FromSeconds(7))):X32}", $"{StateHash.OfAuth([1, 2, 3]):X32}",
        ];
        Assert.Equal(
            [
                "D269BEF7FC27962F805FF35A50721242", "F377DA3C", "47F46C6BD99346379481E75AB814FD159B20DF66510AA89D6B7158001B599273",
                "2178B0A864E463C3214E959B856ED86D", "88AFA114F91D9517E55B435B400DEC75",
            ],
            hashes);
    }

    [Fact]
    public void Every_part_of_a_token_and_of_the_users_counts()
    {
        var seen = new HashSet<UInt128>();
        foreach (var (id, user, ttl, deadline) in new[] { ("a", "b", 1, 1), ("ab", "", 1, 1), ("x", "b", 1, 1), ("a", "x", 1, 1), ("a", "b", 2, 1), ("a", "b", 1, 2), ("a", "b\0", 1, 1) })
            Assert.True(seen.Add(StateHash.Of(id, new AuthToken(user, ttl, TimeSpan.FromTicks(deadline)))));
        foreach (var records in new byte[][] { [], [0], [0, 0], [1], new byte[16], new byte[17] }) Assert.True(seen.Add(StateHash.OfAuth(records)));
    }

    private static (KvErrorCode, long) Refusal(Machine machine, long revision)
    {
        var error = Assert.Throws<KvException>(() => machine.View.HashKv(revision));
        return (error.Code, error.CompactRevision);
    }
}

using CsCheck;

namespace PaxosStore.Kv.Tests;

public class KeyTreeTests
{
    private readonly struct Keys() : IKeyVisitor
    {
        public List<byte[]> Seen { get; } = [];

        public bool Visit(KeyVersion version)
        {
            Seen.Add(version.Key);
            return true;
        }
    }

    private static KeyVersion Version(byte key, long revision, bool tombstone) => new([key], default, revision, tombstone);

    /// <summary>Puts, tombstones and removals in edits of random length; every published root must stay as it was.</summary>
    [Fact]
    public void Roots_stay_sound_and_unchanged_while_later_edits_go_on() =>
        Gen.Select(Gen.Byte, Gen.Int[0, 9]).Array[0, 400].Sample(
            steps =>
            {
                KeyNode? root = null;
                var live = new SortedSet<byte>();
                var present = new SortedSet<byte>();
                var published = new List<(KeyNode? Root, byte[] Keys)>();
                var edit = 1L;
                for (var i = 0; i < steps.Length; i++)
                {
                    var (key, kind) = steps[i];
                    if (kind < 5) root = KeyTree.Put(root, Version(key, i + 1, tombstone: false), edit);
                    else if (kind < 7) root = KeyTree.Put(root, Version(key, i + 1, tombstone: true), edit);
                    else root = KeyTree.Remove(root, [key], edit);
                    if (kind < 7) present.Add(key);
                    else present.Remove(key);
                    if (kind < 5) live.Add(key);
                    else live.Remove(key);
                    if (kind % 3 != 0) continue;
                    edit++;
                    published.Add((root, [.. live]));
                }

                foreach (var (old, keys) in published)
                {
                    TreeChecks.AssertSound(old);
                    Assert.Equal(keys, Walk(old, Bytes.Everything with { Start = default }, long.MaxValue));
                    Assert.Equal(keys.Length, KeyTree.Count(old, Bytes.Everything with { Start = default }, long.MaxValue));
                }

                for (var key = 0; key < 256; key++) Assert.Equal(present.Contains((byte)key), KeyTree.Find(root, [(byte)key]) is not null);
            },
            iter: 150, threads: 2);

    [Fact]
    public void Count_and_walk_agree_with_each_other_at_every_revision() =>
        Gen.Select(Gen.Select(Gen.Int[0, 20], Gen.Bool).Array[0, 60], Gen.Byte[0, 22], Gen.Byte[0, 22], Gen.Int[0, 61]).Sample(
            (steps, start, end, revision) =>
            {
                KeyNode? root = null;
                var expected = new SortedSet<byte>();
                for (var i = 0; i < steps.Length; i++)
                {
                    var (key, tombstone) = ((byte)steps[i].Item1, steps[i].Item2);
                    root = KeyTree.Put(root, Version(key, i + 1, tombstone), i / 7);
                    if (i + 1 > revision) continue;
                    if (tombstone) expected.Remove(key);
                    else expected.Add(key);
                }

                foreach (var range in new[]
                {
                    KeyRange.SingleKey(new[] { start }),
                    new KeyRange(new[] { start }, new[] { end }),
                    new KeyRange(new[] { start }, Array.Empty<byte>()),
                })
                {
                    var keys = expected.Where(key => range.Contains([key])).ToArray();
                    Assert.Equal(keys, Walk(root, range, revision));
                    Assert.Equal(keys.Length, KeyTree.Count(root, range, revision));
                }
            },
            iter: 3_000, threads: 2);

    [Fact]
    public void A_hundred_thousand_ascending_keys_make_a_shallow_tree()
    {
        KeyNode? root = null;
        for (var i = 0; i < 100_000; i++)
        {
            byte[] key = [(byte)(i >> 16), (byte)(i >> 8), (byte)i];
            root = KeyTree.Put(root, new KeyVersion(key, default, i + 1, isTombstone: false), i / 100);
        }

        TreeChecks.AssertSound(root);
        Assert.InRange(root!.Height, 17, 24);
    }

    private static byte[] Walk(KeyNode? root, KeyRange range, long revision)
    {
        var keys = new Keys();
        KeyTree.Walk(root, range, revision, ref keys);
        return [.. keys.Seen.Select(key => key[0])];
    }
}

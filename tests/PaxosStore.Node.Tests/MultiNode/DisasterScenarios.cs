using System.Security.Cryptography;
using System.Text;
using PaxosStore.Consensus;
using PaxosStore.Node.Journal;

namespace PaxosStore.Node.Tests.MultiNode;

/// <summary>Backups, lost majorities, damaged disks and damaged states.</summary>
public sealed class DisasterScenarios
{
    private const string Often = "snapshot-count = 40";

    private static readonly string[] Three = ["a", "b", "c"];

    [Fact]
    public async Task A_backup_becomes_a_new_cluster_whose_revisions_go_on()
    {
        byte[] backup;
        long revision;
        await using (var old = await Fleet.FormAsync("", "x"))
        {
            await old.FillAsync("x", "k", 50);
            backup = Backup(old, "x", out revision);
        }

        await using var fleet = new Fleet();
        foreach (var name in Three)
        {
            Directory.CreateDirectory(fleet.DirectoryOf(name));
            await File.WriteAllBytesAsync(Path.Combine(fleet.DirectoryOf(name), "restore.snapshot"), backup, fleet.End);
            await File.WriteAllTextAsync(Path.Combine(fleet.DirectoryOf(name), "restore.json"), """{ "revisionBump": 1000 }""", fleet.End);
            fleet.Start(name, Three);
        }

        foreach (var name in Three) await fleet.ReadyAsync(name);
        await fleet.EqualDigestsAsync();
        var view = fleet["b"].Store.View;
        Assert.True(view.Revision >= revision + 1000, $"{view.Revision} after {revision}");
        for (var i = 0; i < 50; i++) Assert.Equal($"{i}", fleet.Local("b", $"k{i}"));
        var watching = Assert.Throws<KvException>(() => fleet["c"].Store.Watch(new WatchSpec(Commands.Prefix("k"), revision)).TryRead(1 << 20));
        Assert.Equal(KvErrorCode.Compacted, watching.Code);

        // The markers are heeded once: the next start goes on from what is here.
        await fleet.PutAsync("a", "k0", "new");
        await fleet.EventuallyAsync("the markers are gone", () => Directory.GetFiles(fleet.DirectoryOf("a"), "restore.*").Length == 0);
        await fleet.StopAsync("a");
        fleet.Start("a", Three);
        await fleet.ReadyAsync("a");
        await fleet.EqualDigestsAsync();
        Assert.Equal("new", fleet.Local("a", "k0"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_last_survivor_becomes_a_cluster_of_its_own(bool cut)
    {
        await using var fleet = await Fleet.FormAsync(Often, Three);
        await fleet.FillAsync("a", "k", 10);
        if (cut) await fleet.FillUntilCutAsync("a");
        await fleet.PutAsync("a", "last", "1");
        await fleet.EventuallyAsync("c has it", () => fleet.Local("c", "last") == "1");
        var (cluster, revision) = (fleet["c"].Store.Status.ClusterId, fleet["c"].Store.View.Revision);
        foreach (var name in Three) await fleet.StopAsync(name);

        await File.WriteAllTextAsync(Path.Combine(fleet.DirectoryOf("c"), "recover.json"), "{}", fleet.End);
        fleet.Start("c", Three);
        await fleet.ReadyAsync("c");
        var status = fleet["c"].Store.Status;
        Assert.NotEqual(cluster, status.ClusterId);
        Assert.Equal(status.MemberId, Assert.Single(status.Members).Id);
        Assert.True(fleet["c"].Store.View.Revision > revision);
        for (var i = 0; i < 10; i++) Assert.Equal($"{i}", fleet.Local("c", $"k{i}"));
        Assert.Equal("1", fleet.Local("c", "last"));
        await fleet.EventuallyAsync("the marker is gone", () => !File.Exists(Path.Combine(fleet.DirectoryOf("c"), "recover.json")));

        fleet.Wipe("a");
        await fleet.JoinAsync("a", "c");
        await fleet.ReadyAsync("a");
        await fleet.PutAsync("a", "after", "2");
        await fleet.EqualDigestsAsync();

        // And it is that cluster from now on.
        await fleet.StopAsync("c");
        fleet.Start("c", Three);
        await fleet.ReadyAsync("c");
        Assert.Equal(status.ClusterId, fleet["c"].Store.Status.ClusterId);
        Assert.Equal("2", fleet.Local("c", "after"));
    }

    [Fact]
    public async Task A_member_with_a_damaged_journal_comes_back_by_itself()
    {
        await using var fleet = await Fleet.FormAsync("", Three);
        await fleet.FillAsync("a", "k", 60);
        await fleet.EventuallyAsync("c has it", () => fleet.Local("c", "k59") == "59");
        var id = fleet["c"].Store.Status.MemberId;
        await fleet.StopAsync("c");
        Damage(fleet, "c", "journal.db", "k20");

        fleet.Start("c", Three);
        await fleet.ReadyAsync("c");
        Assert.Equal(id, fleet["c"].Store.Status.MemberId);
        Assert.Contains(fleet.LogOf("c"), l => l.Contains("was set aside", StringComparison.Ordinal));
        Assert.NotEmpty(Directory.GetFiles(fleet.DirectoryOf("c"), "journal.db.damaged-*"));
        await fleet.EqualDigestsAsync();

        // With its vote: one of the others may go now. It reads before that: the readiness of a member that votes is another one.
        await fleet.EventuallyAsync("c votes", () => !fleet["c"].Store.Status.LacksVote);
        await fleet.StopAsync("b");
        await fleet.PutAsync("a", "after", "1");
        await fleet.EventuallyAsync("c has all", () => fleet.Local("c", "after") == "1" && fleet.Local("c", "k59") == "59");

        // And after one more restart.
        await fleet.StopAsync("c");
        fleet.Start("c", Three);
        await fleet.ReadyAsync("c");
        await fleet.PutAsync("c", "again", "2");
    }

    /// <summary>Whoever joined later never met it; the word of all others is needed all the same.</summary>
    [Fact]
    public async Task A_member_with_a_damaged_journal_comes_back_where_others_joined_after_it()
    {
        await using var fleet = await Fleet.FormAsync("", "a", "b");
        await fleet.FillAsync("a", "k", 60);
        await fleet.JoinAsync("c", "a");
        await fleet.ReadyAsync("c");
        await fleet.EventuallyAsync("all vote", () => fleet.Nodes.All(n => n.Store.Status.Members.Count(m => !m.IsObserver) == 3));
        await fleet.StopAsync("b");
        Damage(fleet, "b", "journal.db", "k20");

        fleet.Start("b", ["a", "b"]);
        await fleet.ReadyAsync("b");
        Assert.Contains(fleet.LogOf("b"), l => l.Contains("was set aside", StringComparison.Ordinal));
        await fleet.EventuallyAsync("b votes", () => !fleet["b"].Store.Status.LacksVote);
        await fleet.StopAsync("c");
        await fleet.PutAsync("a", "after", "1");
        await fleet.EventuallyAsync("b has all", () => fleet.Local("b", "after") == "1" && fleet.Local("b", "k59") == "59");
    }

    /// <summary>
    /// The journal is read through an index: a record whose entry there is damaged is not read, though its own page is sound. Nor is one that a flipped bit marks as
    /// deleted, which no check of the file shows.
    /// </summary>
    [Theory]
    [InlineData("MIN", true)]
    [InlineData("AVG", true)]
    [InlineData("MAX", true)]
    [InlineData("AVG", false)]
    [InlineData("MAX", false)]
    public async Task A_member_whose_journal_hides_a_record_comes_back_by_itself(string which, bool byIndex)
    {
        await using var fleet = await Fleet.FormAsync("", Three);
        await fleet.FillAsync("a", "k", 60);
        await fleet.EventuallyAsync("c has it", () => fleet.Local("c", "k59") == "59");
        await fleet.StopAsync("c");
        Hide(fleet, "c", which, byIndex);

        fleet.Start("c", Three);
        await fleet.ReadyAsync("c");
        Assert.Contains(fleet.LogOf("c"), l => l.Contains("was set aside", StringComparison.Ordinal));
        await fleet.EqualDigestsAsync();
    }

    [Fact]
    public async Task A_lone_node_with_a_damaged_journal_refuses_and_names_the_way_back()
    {
        await using var fleet = await Fleet.FormAsync("", "a");
        await fleet.FillAsync("a", "k", 60);
        await fleet.StopAsync("a");
        Damage(fleet, "a", "journal.db", "k20");
        fleet.Start("a", ["a"]);
        var reason = await fleet.FailureAsync("a");
        Assert.Contains("is damaged", reason, StringComparison.Ordinal);
        Assert.Contains("paxosctl snapshot restore", reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_snapshot_is_made_up_for_by_the_one_before()
    {
        await using var fleet = await Fleet.FormAsync(Often, "a");
        var count = await fleet.FillUntilCutAsync("a");
        await fleet.StopAsync("a");
        var snapshots = fleet.Query<string>("a", "snapshots.db", "SELECT group_concat(persistence_id, ' ') FROM (SELECT DISTINCT persistence_id FROM snapshot WHERE persistence_id LIKE 'snapshot-%' ORDER BY sequence_number)");
        Assert.True(snapshots.Split(' ').Length >= 2, snapshots);
        DamageSnapshots(fleet, "a", newestOnly: true);
        fleet.Start("a", ["a"]);
        await fleet.ReadyAsync("a");
        Assert.Contains(fleet.LogOf("a"), l => l.StartsWith("a snapshot is damaged", StringComparison.Ordinal));
        for (var i = 0; i < count; i++) Assert.Equal($"{i}", fleet.Local("a", $"k{i}"));
    }

    [Fact]
    public async Task When_all_snapshots_are_damaged_a_peer_has_one()
    {
        await using var fleet = await Fleet.FormAsync(Often, Three);
        var count = await fleet.FillUntilCutAsync("a");
        await fleet.StopAsync("c");
        DamageSnapshots(fleet, "c", newestOnly: false);
        fleet.Start("c", Three);
        await fleet.ReadyAsync("c");
        Assert.Contains(fleet.LogOf("c"), l => l.StartsWith("caught up from a snapshot", StringComparison.Ordinal));
        await fleet.EqualDigestsAsync();
        for (var i = 0; i < count; i++) Assert.Equal($"{i}", fleet.Local("c", $"k{i}"));
    }

    [Fact]
    public async Task A_lone_node_whose_snapshots_are_all_damaged_refuses_and_names_the_way_back()
    {
        await using var fleet = await Fleet.FormAsync(Often, "a");
        await fleet.FillUntilCutAsync("a");
        await fleet.StopAsync("a");
        DamageSnapshots(fleet, "a", newestOnly: false);
        fleet.Start("a", ["a"]);
        Assert.Contains("paxosctl snapshot restore", await fleet.FailureAsync("a"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_member_whose_state_differs_stops_and_raises_the_alarm()
    {
        await using var fleet = await Fleet.FormAsync("", Three);
        await fleet.PutAsync("a", "victim", "original");

        // What is known to be chosen goes to disk with later votes; only that is applied from the journal.
        await fleet.FillAsync("a", "w", 20);
        await fleet.EventuallyAsync("c has it", () => fleet.Local("c", "w19") == "19");
        await fleet.StopAsync("c");
        Tamper(fleet, "c", "original", "tampered");
        fleet.Start("c", Three);
        await fleet.ReadyAsync("c");
        Assert.Equal("tampered", fleet.Local("c", "victim"));

        // Checksums are compared at every 256th slot; once the alarm is up, nothing is written any more.
        var refused = await Assert.ThrowsAsync<KvException>(() => fleet.FillAsync("a", "k", 1000));
        Assert.Equal((KvErrorCode.Corrupt, KvOutcome.DidNotHappen), (refused.Code, refused.Outcome));
        Assert.Contains("differs from the other members'", await fleet.FailureAsync("c"), StringComparison.Ordinal);
        Assert.Contains(fleet["a"].Store.View.Alarms, alarm => alarm.Kind == AlarmKind.Corrupt);
        Assert.False(fleet["a"].Failed.IsCompleted || fleet["b"].Failed.IsCompleted);
    }

    /// <summary>Compacted history that a snapshot or a backup still needs is given back after it; until then the quota would find no room.</summary>
    [Fact]
    public async Task Defragmentation_waits_for_what_a_backup_still_holds()
    {
        await using var fleet = await Fleet.FormAsync("", "one");
        for (var i = 0; i < 20; i++) await fleet.PutAsync("one", "key", $"{i}");
        var node = fleet["one"];
        Task defragmentation;
        using (node.Admin.OpenBackup())
        {
            await node.Store.ExecuteAsync(new CompactCommand(node.Store.View.Revision), fleet.End);
            defragmentation = node.Admin.DefragmentAsync(fleet.End).AsTask();
            await Task.WhenAny(defragmentation, Task.Delay(300, fleet.End));
            Assert.False(defragmentation.IsCompleted);
        }

        await defragmentation;
        Assert.False(node.Store.View.HoldsCompacted);
    }

    /// <summary>Changes what a journal says and makes its checksums right again: nothing but the other members' states can tell.</summary>
    private static void Tamper(Fleet fleet, string name, string from, string to)
    {
        foreach (var number in fleet.Numbers(name))
        {
            var batch = JournalCodec.Decode(fleet.Query<byte[]>(name, "journal.db", $"SELECT message FROM journal WHERE sequence_number = {number}"));
            var changed = new JournalBatch([.. batch.Records.Select(r => r switch
            {
                AcceptRecord a => a with { Value = Changed(a.Value) },
                LearnRecord l => l with { Value = Changed(l.Value) },
                _ => r,
            })]);
            if (changed.Records.SequenceEqual(batch.Records)) continue;
            var hex = Convert.ToHexString(JournalCodec.Encode(changed));
            fleet.Query<object>(name, "journal.db", $"UPDATE journal SET message = x'{hex}' WHERE sequence_number = {number}; SELECT 1");
        }

        Value Changed(Value value) => value with { Commands = [.. value.Commands.Select(Swapped)] };

        ReadOnlyMemory<byte> Swapped(ReadOnlyMemory<byte> command)
        {
            var bytes = command.ToArray();
            var at = bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(from));
            if (at >= 0) Encoding.UTF8.GetBytes(to).CopyTo(bytes, at);
            return bytes;
        }
    }

    private static byte[] Backup(Fleet fleet, string name, out long revision)
    {
        using var backup = fleet[name].Admin.OpenBackup();
        revision = backup.Revision;
        var bytes = new MemoryStream();
        foreach (var chunk in backup.Chunks()) bytes.Write(chunk.Span);

        // As the door sends it: padded to what it announced, then a digest.
        bytes.Write(new byte[Math.Max(0, backup.EstimatedBytes - bytes.Length)]);
        bytes.Write(SHA256.HashData(bytes.ToArray()));
        return bytes.ToArray();
    }

    /// <summary>Flips one bit of a key where it stands in a file: whoever reads the record finds its checksum wrong.</summary>
    private static void Damage(Fleet fleet, string name, string file, string key)
    {
        var path = Path.Combine(fleet.DirectoryOf(name), file);
        Assert.False(File.Exists(path + "-wal"), "all is in the file itself");
        var bytes = File.ReadAllBytes(path);
        var at = bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(key));
        Assert.True(at > 0);
        bytes[at] ^= 1;
        File.WriteAllBytes(path, bytes);
    }

    /// <summary>Flips a bit of one record: its mark, or its entry in the index that the journal is read by. SQLite does that when the index is passed off as a table.</summary>
    private static void Hide(Fleet fleet, string name, string which, bool byIndex)
    {
        var number = (long)fleet.Query<double>(name, "journal.db", $"SELECT 1.0 * {which}(sequence_number) FROM journal");
        if (!byIndex)
        {
            fleet.Query<object>(name, "journal.db", $"UPDATE journal SET deleted = 1 WHERE sequence_number = {number}; SELECT 1");
            return;
        }

        var index = fleet.Query<string>(name, "journal.db", "SELECT sql FROM sqlite_master WHERE name = 'journal_uq'");
        Rewrite("'table', tbl_name = 'journal_uq', sql = 'CREATE TABLE journal_uq (a, b, c, PRIMARY KEY (a, b, c)) WITHOUT ROWID'");
        fleet.Query<object>(name, "journal.db", $"UPDATE journal_uq SET a = 'acceptoR' || substr(a, 9) WHERE b = {number}; SELECT 1");
        Rewrite($"'index', tbl_name = 'journal', sql = '{index}'");

        void Rewrite(string what) => fleet.Query<object>(
            name, "journal.db", $"PRAGMA writable_schema = ON; UPDATE sqlite_master SET type = {what} WHERE name = 'journal_uq'; SELECT 1");
    }

    private static void DamageSnapshots(Fleet fleet, string name, bool newestOnly)
    {
        var which = newestOnly ? "AND persistence_id = (SELECT persistence_id FROM snapshot WHERE persistence_id LIKE 'snapshot-%' ORDER BY length(persistence_id) DESC, persistence_id DESC LIMIT 1)" : "";
        fleet.Query<object>(name, "snapshots.db", $"UPDATE snapshot SET snapshot = zeroblob(length(snapshot)) WHERE persistence_id LIKE 'snapshot-%' {which}; SELECT 1");
    }
}

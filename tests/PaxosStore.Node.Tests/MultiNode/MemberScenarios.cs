namespace PaxosStore.Node.Tests.MultiNode;

/// <summary>Members come and go while clients write.</summary>
public sealed class MemberScenarios
{
    // A snapshot every few dozen slots: the log is cut again and again.
    private const string Often = "snapshot-count = 40";

    private static readonly string[] Three = ["a", "b", "c"];

    [Fact]
    public async Task One_node_grows_to_three_and_shrinks_to_one_while_a_client_writes()
    {
        await using var fleet = await Fleet.FormAsync(Often, "a");
        using var enough = new CancellationTokenSource();
        var writing = WriteAsync(fleet, "a", enough.Token);
        await fleet.JoinAsync("b", "a");
        await fleet.ReadyAsync("b");
        await Voters(fleet, "a", 2);
        await fleet.JoinAsync("c", "b");
        await fleet.ReadyAsync("c");
        await Voters(fleet, "a", 3);
        Assert.Equal(Three, fleet["a"].Store.Status.Members.Select(m => m.Name).Order());

        foreach (var name in (string[])["b", "c"])
        {
            await fleet["a"].Admin.RemoveMemberAsync(Id(fleet, name), fleet.End);
            Assert.Contains("was removed from the cluster", await fleet.FailureAsync(name), StringComparison.Ordinal);
            await fleet.StopAsync(name);
        }

        await Voters(fleet, "a", 1);
        await enough.CancelAsync();
        var written = await writing;
        Assert.True(written > 100, $"only {written} writes");
        var view = await fleet["a"].Store.ReadAsync(ReadConsistency.Linearizable, fleet.End);
        for (var i = 0; i < written; i++) Assert.Equal($"{i}", Commands.Text(view.Range(Commands.Range($"w{i}"))));
    }

    [Fact]
    public async Task A_newcomer_catches_up_from_a_snapshot_when_the_log_has_been_cut()
    {
        await using var fleet = await Fleet.FormAsync(Often, "a", "b");
        var count = await fleet.FillUntilCutAsync("a");
        await fleet.JoinAsync("c", "a");
        await fleet.ReadyAsync("c");
        await Voters(fleet, "c", 3);
        Assert.Contains(fleet.LogOf("c"), l => l.StartsWith("caught up from a snapshot", StringComparison.Ordinal));
        await fleet.PutAsync("c", "last", "1");
        await fleet.EqualDigestsAsync();
        for (var i = 0; i < count; i++) Assert.Equal($"{i}", fleet.Local("c", $"k{i}"));
    }

    [Fact]
    public async Task A_node_that_restarts_after_snapshots_and_cuts_has_the_same_state()
    {
        await using var fleet = await Fleet.FormAsync(Often, Three);
        for (var round = 0; round < 3; round++)
        {
            await fleet.FillAsync("a", $"r{round}-", 80);
            await fleet.StopAsync("c");
            await fleet.FillAsync("a", $"s{round}-", 5);
            fleet.Start("c", Three);
            await fleet.ReadyAsync("c");
        }

        Assert.True(fleet.FirstEvent("c") > 1);
        Assert.Contains(fleet.LogOf("c"), l => l.StartsWith("snapshot loaded", StringComparison.Ordinal));
        await fleet.EqualDigestsAsync();
    }

    [Fact]
    public async Task A_leader_that_is_removed_hands_over_and_stops()
    {
        await using var fleet = await Fleet.FormAsync("", Three);
        var leader = await fleet.LeaderAsync();
        var other = Others(leader)[0];
        await fleet[other].Admin.RemoveMemberAsync(Id(fleet, leader), fleet.End);
        Assert.Contains("was removed from the cluster", await fleet.FailureAsync(leader), StringComparison.Ordinal);
        await fleet.StopAsync(leader);
        Assert.NotEqual(leader, await fleet.LeaderAsync());
        await Voters(fleet, other, 2);
        await fleet.PutAsync(other, "after", "1");

        // On its old directory it knows by itself, or is told.
        fleet.Start(leader, Three);
        Assert.Contains("was removed from the cluster", await fleet.FailureAsync(leader), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Leadership_moves_to_the_member_named_and_to_no_other()
    {
        await using var fleet = await Fleet.FormAsync("", Three);
        var leader = await fleet.LeaderAsync();
        var others = Others(leader);
        Assert.Equal(KvErrorCode.NotLeader, await CodeAsync(() => fleet[others[0]].Admin.MoveLeaderAsync(Id(fleet, others[0]), fleet.End)));
        Assert.Equal(KvErrorCode.BadLeaderTarget, await CodeAsync(() => fleet[leader].Admin.MoveLeaderAsync(99, fleet.End)));
        await fleet[leader].Admin.MoveLeaderAsync(Id(fleet, others[1]), fleet.End);
        Assert.Equal(others[1], await fleet.LeaderAsync());
    }

    [Fact]
    public async Task A_planned_stop_costs_a_writer_one_retry_at_most()
    {
        await using var fleet = await Fleet.FormAsync("", Three);
        var leader = await fleet.LeaderAsync();
        var other = Others(leader)[0];
        var handedOver = false;
        var writing = Task.Run(async () =>
        {
            var retries = 0;
            for (var i = 0; !Volatile.Read(ref handedOver) || i < 20; i++) retries += await fleet.PutAsync(other, $"h{i}", $"{i}");
            return retries;
        });
        await fleet[leader].HandOverAsync();
        Assert.NotEqual(Id(fleet, leader), fleet[leader].Store.Status.LeaderId);
        Volatile.Write(ref handedOver, true);
        Assert.InRange(await writing, 0, 1);
    }

    [Fact]
    public async Task A_node_that_lost_its_directory_does_not_vote_again()
    {
        await using var fleet = await Fleet.FormAsync("", Three);
        await fleet.PutAsync("a", "key", "1");
        await fleet.StopAsync("c");
        fleet.Wipe("c");
        fleet.Start("c", Three);
        var reason = await fleet.FailureAsync("c");
        Assert.Contains("has voted before", reason, StringComparison.Ordinal);
        Assert.Contains("--initial-cluster-state existing", reason, StringComparison.Ordinal);
        await fleet.StopAsync("c");

        // Neither does it under its old name in a cluster that exists.
        fleet.Wipe("c");
        fleet.Start("c", Three, existing: true);
        Assert.Contains("has run before with another data directory", await fleet.FailureAsync("c"), StringComparison.Ordinal);
        await fleet.StopAsync("c");

        // The way back that the text names.
        fleet.Wipe("c");
        await fleet["a"].Admin.RemoveMemberAsync(Member(fleet, "a", "c"), fleet.End);
        await fleet.JoinAsync("c", "a");
        await fleet.ReadyAsync("c");
        await Voters(fleet, "c", 3);
        Assert.Equal("1", fleet.Local("c", "key"));
    }

    [Fact]
    public async Task An_observer_has_no_vote_until_it_is_given_one()
    {
        await using var fleet = await Fleet.FormAsync("", "a");
        var id = await fleet.JoinAsync("o", "a", observer: true);
        await fleet.ReadyAsync("o");
        await fleet.FillAsync("o", "k", 100);
        Assert.True(fleet["o"].Store.Status.IsObserver);
        await Voters(fleet, "a", 1);
        Assert.Equal(KvErrorCode.TooManyObservers, await CodeAsync(async () => await fleet["a"].Admin.AddMemberAsync("http://127.0.0.1:1", true, fleet.End)));
        Assert.Equal(KvErrorCode.PeerUrlExists, await CodeAsync(async () => await fleet["a"].Admin.AddMemberAsync(fleet.PeerUrl("a"), false, fleet.End)));
        Assert.Equal(KvErrorCode.MemberNotFound, await CodeAsync(() => fleet["a"].Admin.PromoteMemberAsync(99, fleet.End)));

        await fleet["o"].Admin.PromoteMemberAsync(id, fleet.End);
        await Voters(fleet, "a", 2);
        Assert.Equal(KvErrorCode.MemberNotObserver, await CodeAsync(() => fleet["a"].Admin.PromoteMemberAsync(id, fleet.End)));
        await fleet.EventuallyAsync("it has a vote", () => !fleet["o"].Store.Status.IsObserver);
        await fleet.PutAsync("o", "after", "1");
    }

    [Fact]
    public async Task An_observer_that_never_started_can_not_be_promoted()
    {
        await using var fleet = await Fleet.FormAsync("", "a");
        var id = (await fleet["a"].Admin.AddMemberAsync(fleet.PeerUrl("o"), true, fleet.End)).Id;
        Assert.Equal(KvErrorCode.ObserverNotReady, await CodeAsync(() => fleet["a"].Admin.PromoteMemberAsync(id, fleet.End)));
        await fleet.PutAsync("a", "key", "1");
    }

    [Fact]
    public async Task Two_changes_at_once_both_come_about()
    {
        await using var fleet = await Fleet.FormAsync("", Three);
        var added = fleet["a"].Admin.AddMemberAsync(fleet.PeerUrl("d"), true, fleet.End).AsTask();
        var removed = fleet["b"].Admin.RemoveMemberAsync(Id(fleet, "c"), fleet.End).AsTask();
        await Task.WhenAll(added, removed);
        await fleet.EventuallyAsync("both are in force", () =>
            fleet["a"].Store.Status.Members.Select(m => m.Id).Order().SequenceEqual(((ulong[])[Id(fleet, "a"), Id(fleet, "b"), added.Result.Id]).Order()));
        Assert.Contains("was removed", await fleet.FailureAsync("c"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_member_moves_to_another_address_with_all_it_has()
    {
        await using var fleet = await Fleet.FormAsync(Often, Three);
        await fleet.FillUntilCutAsync("a");
        var id = Id(fleet, "c");
        await fleet.StopAsync("c");
        await fleet["a"].Admin.UpdateMemberAsync(id, fleet.Move("c"), fleet.End);
        await fleet.FillAsync("a", "m", 10);
        fleet.Start("c", Three, existing: true);
        await fleet.ReadyAsync("c");
        Assert.Equal(id, Id(fleet, "c"));
        Assert.Contains(fleet.LogOf("c"), l => l.StartsWith("snapshot loaded", StringComparison.Ordinal));
        await fleet.EqualDigestsAsync();
        Assert.Equal(fleet.PeerUrl("c"), fleet["a"].Store.Status.Members.Single(m => m.Id == id).PeerUrls[0]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_lone_node_moves_to_another_address_with_all_it_has(bool cut)
    {
        await using var fleet = await Fleet.FormAsync(Often, "a");
        await fleet.PutAsync("a", "k0", "0");
        if (cut) await fleet.FillUntilCutAsync("a");
        await fleet["a"].Admin.UpdateMemberAsync(Id(fleet, "a"), fleet.Move("a"), fleet.End);
        await fleet.StopAsync("a");
        fleet.Start("a", ["a"]);
        await fleet.ReadyAsync("a");
        Assert.Equal("0", fleet.Local("a", "k0"));
    }

    private static ulong Id(Fleet fleet, string name) => fleet[name].Store.Status.MemberId;

    private static ulong Member(Fleet fleet, string via, string name) => fleet[via].Store.Status.Members.Single(m => m.Name == name).Id;

    private static string[] Others(string name) => [.. Three.Where(n => n != name)];

    private static Task Voters(Fleet fleet, string name, int count) =>
        fleet.EventuallyAsync($"{count} voters", () => fleet[name].Store.Status.Members.Count(m => !m.IsObserver) == count);

    private static async Task<KvErrorCode> CodeAsync(Func<ValueTask> action) => (await Assert.ThrowsAsync<KvException>(async () => await action())).Code;

    private static async Task<int> WriteAsync(Fleet fleet, string name, CancellationToken enough)
    {
        for (var i = 0; ; i++)
        {
            if (enough.IsCancellationRequested) return i;
            await fleet.PutAsync(name, $"w{i}", $"{i}");
        }
    }
}

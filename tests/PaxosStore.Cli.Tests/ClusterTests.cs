using System.Text.Json;
using Etcdserverpb;
using Google.Protobuf;
using PaxosStore.Kv;
using PaxosStore.Testing;

namespace PaxosStore.Cli.Tests;

/// <summary>What operators do with a cluster that runs.</summary>
public sealed class ClusterTests : IAsyncLifetime
{
    private DoorHost door = null!;

    public async Task InitializeAsync() => door = await DoorHost.StartAsync();

    public async Task DisposeAsync() => await door.DisposeAsync();

    [Fact]
    public async Task Status_shows_every_endpoint_also_one_that_is_down()
    {
        var lines = (await Run.Async(door, "status")).Done().Lines;
        Assert.Equal($"127.0.0.1:{door.Port} 22 3.5.21 leader 22 7 1 1 1 4096 1024 0 -", lines[1]);

        var down = FreePorts.One();
        var run = await Run.Async("status", "--endpoints", $"127.0.0.1:{down},127.0.0.1:{door.Port}");
        Assert.Equal(Ctl.Failure, run.Code);
        Assert.StartsWith($"127.0.0.1:{down} - - unreachable", run.Lines[1], StringComparison.Ordinal);
        Assert.Contains("leader", run.Lines[2], StringComparison.Ordinal);

        await AlarmAsync();
        run = await Run.Async(door, "status", "-w", "json");
        Assert.Equal(Ctl.Failure, run.Code);
        var row = Assert.Single(JsonDocument.Parse(run.Output).RootElement.EnumerateArray());
        Assert.Equal(("22", 1L), (row.GetProperty("id").GetString(), row.GetProperty("revision").GetInt64()));
        Assert.Equal("memberID:34 alarm:NOSPACE", row.GetProperty("errors").GetString());
    }

    [Fact]
    public async Task An_endpoint_that_is_down_or_has_no_vote_is_passed_over()
    {
        await using var observer = await DoorHost.StartAsync();
        observer.Store.IsObserver = true;
        var endpoints = $"127.0.0.1:{FreePorts.One()},http://127.0.0.1:{observer.Port},127.0.0.1:{door.Port}";
        var environment = new Dictionary<string, string> { ["PAXOSCTL_ENDPOINTS"] = endpoints };
        Assert.Equal("22 one http://127.0.0.1:2380 http://127.0.0.1:2379 yes yes", (await Run.WithAsync(environment, null, "member", "list")).Done().Lines[1]);
        (await Run.Async(observer, "member", "list")).Failed(Ctl.Failure, "this member has no vote: name others with --endpoints");
    }

    [Fact]
    public async Task When_nobody_answers_each_reason_is_told()
    {
        var ports = FreePorts.Take(2);
        var run = await Run.Async("member", "list", "--endpoints", $"127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}");
        run.Failed(Ctl.Failure, $"no member answers (127.0.0.1:{ports[0]}: Connection refused; 127.0.0.1:{ports[1]}: Connection refused): are they running?");
    }

    [Theory]
    [InlineData(false, "It gets its vote by itself once it has caught up")]
    [InlineData(true, "It stays without a vote until: paxosctl member promote 100")]
    public async Task A_member_is_added_with_the_command_that_starts_it(bool learner, string then)
    {
        string[] flag = learner ? ["--learner"] : [];
        var output = (await Run.Async(door, ["member", "add", "http://127.0.0.1:2390", .. flag])).Done().Output;
        Assert.StartsWith("added member 100 at http://127.0.0.1:2390", output, StringComparison.Ordinal);
        Assert.Contains("--initial-cluster-state existing", output, StringComparison.Ordinal);
        Assert.Contains("--initial-cluster one=http://127.0.0.1:2380,<NAME>=http://127.0.0.1:2390", output, StringComparison.Ordinal);
        Assert.Contains(then, output, StringComparison.Ordinal);
        Assert.Equal("100 - http://127.0.0.1:2390 - no no", (await Run.Async(door, "member", "list")).Done().Lines[2]);
    }

    [Fact]
    public async Task A_member_changes_and_goes_and_refusals_name_the_next_step()
    {
        (await Run.Async(door, "member", "add", "http://127.0.0.1:2390")).Done();
        (await Run.Async(door, "member", "update", "0x100", "http://127.0.0.1:2391/")).Done();
        Assert.Equal("http://127.0.0.1:2391", door.Store.Members[1].PeerUrls[0]);
        (await Run.Async(door, "member", "promote", "100")).Failed(Ctl.Failure, "which is in sync with leader: start it if it does not run, and wait until");
        (await Run.Async(door, "member", "add", "http://127.0.0.1:2392")).Failed(
            Ctl.Failure, "too many learner members in cluster: promote or remove the one there is");
        (await Run.Async(door, "member", "remove", "22")).Failed(Ctl.Failure, "not enough started members: start the members that are down");
        (await Run.Async(door, "member", "remove", "5")).Failed(Ctl.Failure, "member not found: 'paxosctl member list' shows the ids");
        door.Store.Members = [.. door.Store.Members.Select(m => m with { Name = "started" })];
        (await Run.Async(door, "member", "promote", "100")).Done();
        (await Run.Async(door, "member", "remove", "100")).Done();
        Assert.Single(door.Store.Members);
    }

    [Fact]
    public async Task The_leader_is_found_to_hand_over()
    {
        await using var leader = await DoorHost.StartAsync();
        leader.Store.Members = [.. leader.Store.Members, new MemberInfo(0x44, "four", ["http://127.0.0.1:1"], [], false)];
        door.Store.LeaderId = 0x33;
        door.Store.Members = [.. door.Store.Members, new MemberInfo(0x33, "lead", ["http://127.0.0.1:2"], [leader.Endpoint], false)];
        Assert.Equal("leadership moved from 33 to 44\n", (await Run.Async(door, "move-leader", "44")).Done().Output);
        Assert.Equal(0x44ul, leader.Store.LeaderId);
        Assert.Equal("33 leads already\n", (await Run.Async(door, "move-leader", "33")).Done().Output);
        (await Run.Async(leader, "move-leader", "55")).Failed(Ctl.Failure, "has not told where clients reach it");
        leader.Store.LeaderId = InMemoryKvStore.Self;
        (await Run.Async(leader, "move-leader", "55")).Failed(Ctl.Failure, "bad leader transferee: only a member with a vote can lead");
    }

    [Fact]
    public async Task Alarms_are_shown_and_disarmed()
    {
        Assert.Equal("no alarm is up\n", (await Run.Async(door, "alarm", "list")).Done().Output);
        await AlarmAsync();
        Assert.Equal(["member alarm", "22 NOSPACE"], (await Run.Async(door, "alarm", "list")).Done().Lines);
        Assert.Equal("disarmed NOSPACE of 22\n", (await Run.Async(door, "alarm", "disarm")).Done().Output);
        Assert.Empty(door.Store.View.Alarms);
        Assert.Equal("[]\n", (await Run.Async(door, "alarm", "list", "-w", "json")).Done().Output);
    }

    [Fact]
    public async Task History_is_compacted_and_free_space_given_back()
    {
        await PutAsync(door, "a");
        (await Run.Async(door, "compact", "2")).Done();
        Assert.Equal(2, door.Store.View.CompactRevision);
        (await Run.Async(door, "compact", "2")).Failed(Ctl.Failure, "has been compacted: 'paxosctl status' shows the current revision");
        var down = FreePorts.One();
        var run = await Run.Async("defrag", "--endpoints", $"127.0.0.1:{down},127.0.0.1:{door.Port}");
        run.Failed(Ctl.Failure, $"error: 127.0.0.1:{down}:");
        Assert.Equal($"127.0.0.1:{door.Port}: done\n", run.Output);
        Assert.Equal(1, door.Store.Defragmentations);
    }

    [Fact]
    public async Task Members_that_differ_are_told_apart_from_members_that_are_behind()
    {
        await using var other = await DoorHost.StartAsync();
        var endpoints = $"--endpoints=127.0.0.1:{door.Port},127.0.0.1:{other.Port}";
        await PutAsync(door, "a");
        await PutAsync(door, "b");
        await PutAsync(other, "a");
        (await Run.Async("hashkv", endpoints, "--rev", "1")).Done();
        (await Run.Async("hashkv", endpoints, "--rev", "3")).Failed(Ctl.Failure, "");
        await PutAsync(other, "c");
        (await Run.Async("hashkv", endpoints)).Failed(Ctl.Failure, "members differ at the same revision");
        (await Run.Async(other, "compact", "3")).Done();
        (await Run.Async("hashkv", endpoints)).Failed(Ctl.Failure, "a compaction came between the answers");
    }

    [Fact]
    public async Task An_answer_that_does_not_come_is_not_waited_for_for_ever()
    {
        door.Store.Stall = new TaskCompletionSource();
        (await Run.Async(door, "compact", "1", "--timeout", "1")).Failed(Ctl.Failure, "no answer in time");
        door.Store.Stall.SetResult();
    }

    private async Task AlarmAsync() =>
        await door.Client.Maintenance.AlarmAsync(
            new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Activate, Alarm = AlarmType.Nospace, MemberID = InMemoryKvStore.Self });

    private static async Task PutAsync(DoorHost door, string key) => await door.Client.Kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8(key) });
}

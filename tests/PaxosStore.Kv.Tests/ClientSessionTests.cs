using CsCheck;

namespace PaxosStore.Kv.Tests;

public class ClientSessionTests
{
    private static byte[] Put(ulong client, long number, long acknowledgedBelow, string key = "k", string value = "v") =>
        CommandCodec.Encode(client, number, acknowledgedBelow, new WriteCommand(new PutOp(Bytes.Of(key), Bytes.Of(value)) { PreviousKv = true }));

    private static byte[] OpenSession(ulong client) => CommandCodec.Encode(client, 0, 0, new OpenClientSessionCommand());

    [Fact]
    public void A_command_without_a_session_changes_nothing()
    {
        var machine = new Machine();
        var applied = machine.Apply(Put(99, 1, 0));
        Assert.True(applied[0] is { Repeat: false, Result: RefusedResult { Code: KvErrorCode.ClientSessionExpired } });
        Assert.Equal(1, machine.View.Revision);
        machine.Apply(OpenSession(99));
        Assert.IsType<WriteResult>(machine.Apply(Put(99, 1, 0))[0].Result);
    }

    [Fact]
    public void Opening_twice_keeps_what_is_remembered()
    {
        var machine = new Machine();
        machine.Apply(OpenSession(99), Put(99, 1, 0), OpenSession(99));
        Assert.True(machine.Apply(Put(99, 1, 0))[0].Repeat);
        Assert.Equal(2, machine.View.Revision);
    }

    [Fact]
    public void An_acknowledged_request_is_never_applied_again_though_its_result_is_gone()
    {
        var machine = new Machine();
        machine.Apply(OpenSession(99), Put(99, 1, 0), Put(99, 2, 2));
        var late = machine.Apply(Put(99, 1, 0))[0];
        Assert.True(late is { Repeat: true, Result: RefusedResult });
        Assert.Equal(3, machine.View.Revision);
        Assert.IsType<WriteResult>(machine.Apply(Put(99, 2, 0))[0].Result);
    }

    [Fact]
    public void A_refusal_is_remembered_like_any_result()
    {
        var machine = new Machine();
        machine.Apply(OpenSession(99));
        var revoke = CommandCodec.Encode(99, 1, 0, new LeaseRevokeCommand(5));
        machine.Apply(revoke);
        machine.Apply(CommandCodec.Encode(99, 2, 0, new LeaseGrantCommand(5, 100)));
        Assert.True(machine.Apply(revoke)[0] is { Repeat: true, Result: RefusedResult { Code: KvErrorCode.LeaseNotFound } });
        Assert.NotNull(machine.View.Lease(5));
    }

    /// <summary>
    /// Requests delivered any number of times in any order, with acknowledgements in any state: each takes effect once, with one result.
    /// </summary>
    [Fact]
    public void Each_request_takes_effect_exactly_once() =>
        Gen.Select(Gen.Long[1, 200], Gen.Int[0, 150], Gen.Bool).Array[1, 300].Sample(
            deliveries =>
            {
                var machine = new Machine();
                machine.Apply(OpenSession(99));
                var results = new Dictionary<long, string>();
                var acknowledged = 0L;
                foreach (var (number, behind, late) in deliveries)
                {
                    var below = Math.Min(number, Math.Max(0, number - 50 - behind));
                    var applied = machine.Apply(Put(99, number, below, "k" + number))[0];
                    var known = results.TryGetValue(number, out var result);
                    Assert.Equal(known || number < acknowledged, applied.Repeat);
                    if (known && number >= acknowledged) Assert.Equal(result, Bytes.Hex(applied.Result));
                    if (!applied.Repeat) results.Add(number, Bytes.Hex(applied.Result));
                    acknowledged = Math.Max(acknowledged, below);
                    if (late) machine.Tick(1);
                }

                Assert.Equal(1 + results.Count, machine.View.Revision);
                Assert.All(results.Keys, number => Assert.Equal(1, machine.Get("k" + number).Kvs[0].Version));
            },
            iter: 200, threads: 2);

    [Fact]
    public void A_session_ends_after_an_hour_of_log_time_without_use_and_not_before()
    {
        var machine = new Machine();
        machine.Apply(OpenSession(99));
        for (var i = 1; i <= 3; i++)
        {
            machine.Tick(3599);
            Assert.IsType<WriteResult>(machine.Apply(Put(99, i, 0))[0].Result);
        }

        machine.Tick(3600);
        Assert.IsType<RefusedResult>(machine.Apply(Put(99, 4, 0))[0].Result);
        Assert.Equal(4, machine.View.Revision);
        Assert.DoesNotContain(99UL, machine.View.Sessions.Keys);
    }

    [Fact]
    public void The_sessions_unused_for_longest_end_and_no_others()
    {
        var machine = new Machine();
        machine.Apply(OpenSession(98), OpenSession(99));
        machine.Tick(1800);
        machine.Apply(Put(98, 1, 0));
        machine.Tick(1800);
        Assert.Equal([98UL], machine.View.Sessions.Keys);
        machine.Tick(1800);
        Assert.Empty(machine.View.Sessions);
    }

    /// <summary>However many clients leave at once, no batch takes long for it.</summary>
    [Fact]
    public void A_batch_ends_a_bounded_number_of_sessions()
    {
        var machine = new Machine();
        machine.Apply([.. Enumerable.Range(0, ClientSessions.MostExpiriesPerBatch + 5).Select(i => OpenSession(100 + (ulong)i))]);
        machine.Tick(3600);
        Assert.Equal(6, machine.View.Sessions.Count);
        Assert.DoesNotContain(100UL, machine.View.Sessions.Keys);
        machine.Tick(0);
        Assert.Empty(machine.View.Sessions);
    }

    [Fact]
    public void The_memory_of_one_session_is_bounded()
    {
        var machine = new Machine();
        machine.Apply(OpenSession(99));
        machine.Apply(Put(99, 1, 0));
        for (var number = 2; number <= ClientSession.MostResults + 100; number += 100)
        {
            var commands = new ReadOnlyMemory<byte>[100];
            for (var i = 0; i < 100; i++) commands[i] = Put(99, number + i, 0);
            machine.Apply(commands);
        }

        Assert.True(machine.Apply(Put(99, 1, 0))[0] is { Repeat: true, Result: RefusedResult });
        Assert.InRange(machine.View.Sessions[99].Results().Count(), ClientSession.MostResults - 1, ClientSession.MostResults);
        machine.Apply(Put(99, 1L << 60, 0));
        Assert.Single(machine.View.Sessions[99].Results());
    }

    [Fact]
    public void The_oldest_session_makes_room_when_there_are_too_many()
    {
        var machine = new Machine();
        for (var client = 100UL; client < 100 + ClientSessions.MostSessions; client += 1000)
        {
            var commands = new ReadOnlyMemory<byte>[1000];
            for (var i = 0; i < commands.Length; i++) commands[i] = OpenSession(client + (ulong)i);
            machine.Time += TimeSpan.FromMilliseconds(1);
            machine.Apply(commands);
        }

        Assert.Equal(ClientSessions.MostSessions, machine.View.Sessions.Count);
        Assert.False(machine.View.Sessions.ContainsKey(Machine.Client));
        Assert.True(machine.View.Sessions.ContainsKey(100));
    }

    /// <summary>A view keeps the table it was taken with, though the applier changes sessions in place within a batch.</summary>
    [Fact]
    public void A_view_keeps_its_sessions()
    {
        var machine = new Machine();
        machine.Apply(OpenSession(99), Put(99, 1, 0));
        var view = machine.View;
        var digest = view.ComputeDigest();
        for (var number = 2; number < 200; number++) machine.Apply(Put(99, number, number - 3));
        Assert.Single(view.Sessions[99].Results());
        Assert.Equal(digest, view.ComputeDigest());
    }
}

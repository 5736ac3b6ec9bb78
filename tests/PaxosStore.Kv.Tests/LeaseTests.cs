namespace PaxosStore.Kv.Tests;

public class LeaseTests
{
    [Fact]
    public void A_lease_lapses_at_its_deadline_in_log_time_and_its_keys_go_in_one_revision()
    {
        var machine = new Machine();
        machine.Run(new LeaseGrantCommand(5, 10));
        machine.Put("b", "v", 5);
        machine.Put("a", "v", 5);
        using var watcher = machine.State.Watches.Open(new WatchSpec(Bytes.Everything, 0));
        Assert.Equal(TimeSpan.FromSeconds(10), machine.View.NextLeaseDeadline);
        machine.Tick(9.999);
        Assert.Equal(0, machine.View.Lease(5)!.RemainingSeconds);
        Assert.Equal(2, machine.All().Count);
        machine.Tick(0.001);
        Assert.Null(machine.View.Lease(5));
        Assert.Null(machine.View.NextLeaseDeadline);
        Assert.Equal((4L, 0L), (machine.View.Revision, machine.All().Count));
        Assert.Equal([("a", 4L), ("b", 4L)], watcher.TryRead(1000).Events.Select(e => (Bytes.Text(e.Kv.Key), e.Kv.ModRevision)));
    }

    [Fact]
    public void Log_time_that_steps_back_stands_still()
    {
        var machine = new Machine();
        machine.Tick(100);
        machine.Run(new LeaseGrantCommand(5, 10));
        machine.Time = TimeSpan.FromSeconds(3);
        machine.Tick(0);
        Assert.Equal((100.0, 10L), (machine.View.LogTime.TotalSeconds, machine.View.Lease(5)!.RemainingSeconds));
    }

    [Fact]
    public void Keep_alive_starts_the_time_anew_and_answers_zero_for_the_unknown()
    {
        var machine = new Machine();
        machine.Run(new LeaseGrantCommand(5, 10));
        for (var i = 0; i < 5; i++)
        {
            machine.Tick(9);
            Assert.Equal([10L, 0L], ((LeaseKeepAliveResult)machine.Run(new LeaseKeepAliveCommand([5, 6]))).TtlSeconds.ToArray());
        }

        Assert.Equal(10, machine.View.Lease(5)!.RemainingSeconds);
        machine.Tick(10);
        Assert.Equal([0L], ((LeaseKeepAliveResult)machine.Run(new LeaseKeepAliveCommand([5]))).TtlSeconds.ToArray());
    }

    [Fact]
    public void Leases_that_lapse_together_go_in_order_of_deadline_then_id_one_revision_each()
    {
        var machine = new Machine();
        foreach (var (id, ttl) in new[] { (3L, 5L), (2L, 4L), (1L, 5L), (4L, 5L) })
        {
            machine.Run(new LeaseGrantCommand(id, ttl));
            if (id != 4) machine.Put("k" + id, "v", id);
        }

        using var watcher = machine.State.Watches.Open(new WatchSpec(Bytes.Everything, 0));
        machine.Tick(60);
        Assert.Equal([("k2", 5L), ("k1", 6L), ("k3", 7L)], watcher.TryRead(1000).Events.Select(e => (Bytes.Text(e.Kv.Key), e.Kv.ModRevision)));
        Assert.Equal(7, machine.View.Revision);
    }

    [Fact]
    public void A_flood_of_lapsed_leases_is_worked_off_a_bounded_number_at_a_time()
    {
        var machine = new Machine();
        machine.RunAll([.. Enumerable.Range(1, 2500).Select(i => (KvCommand)new LeaseGrantCommand(i, 1))]);
        machine.Tick(1);
        Assert.Equal(1500, machine.View.LeaseIds().Count);
        machine.Tick(0);
        machine.Tick(0);
        Assert.Empty(machine.View.LeaseIds());
    }

    [Fact]
    public void A_key_belongs_to_the_lease_of_its_last_put()
    {
        var machine = new Machine();
        machine.Run(new LeaseGrantCommand(1, 10));
        machine.Run(new LeaseGrantCommand(2, 10));
        machine.Put("a", "v", 1);
        machine.Put("b", "v", 1);
        machine.Put("c", "v", 1);
        machine.Put("a", "v", 2);
        machine.Put("b", "v");
        machine.Delete("c");
        Assert.Empty(machine.View.Lease(1)!.Keys);
        Assert.Equal(["a"], machine.View.Lease(2)!.Keys.Select(Bytes.Text));
        machine.Run(new WriteCommand(new PutOp(Bytes.Of("a"), Bytes.Of("w")) { IgnoreLease = true }));
        Assert.Equal(2, machine.Get("a").Kvs[0].Lease);
        Assert.Equal(1, ((LeaseRevokeResult)machine.Run(new LeaseRevokeCommand(2))).DeletedKeys);
        var before = machine.View.Revision;
        Assert.Equal(0, ((LeaseRevokeResult)machine.Run(new LeaseRevokeCommand(1))).DeletedKeys);
        Assert.Equal((before, 1L), (machine.View.Revision, machine.All().Count));
    }

    [Fact]
    public void An_unknown_lease_refuses_the_whole_transaction()
    {
        var machine = new Machine();
        KvOp[] ops = [new PutOp(Bytes.Of("a"), default), new PutOp(Bytes.Of("b"), default) { Lease = 9 }];
        Assert.Equal(KvErrorCode.LeaseNotFound, ((RefusedResult)machine.Run(new WriteCommand(new TxnOp([], [.. ops], [])))).Code);
        Assert.Equal((1L, 0L), (machine.View.Revision, machine.All().Count));
    }

    [Fact]
    public void Picked_ids_are_positive_unlike_and_the_same_on_every_node()
    {
        var (one, other) = (new Machine(), new Machine());
        var ids = new HashSet<long>();
        for (var i = 0; i < 300; i++)
        {
            KvCommand[] grants = [new LeaseGrantCommand(0, 1000), new LeaseGrantCommand(0, 1000)];
            var picked = one.RunAll(grants).Select(a => ((LeaseGrantResult)a.Result).Id).ToList();
            Assert.Equal(picked, other.RunAll(grants).Select(a => ((LeaseGrantResult)a.Result).Id));
            Assert.All(picked, id => Assert.True(id > 0 && ids.Add(id)));
        }

        Assert.IsType<RefusedResult>(one.Run(new LeaseGrantCommand(ids.First(), 5)));
        Assert.Equal(ids.Order(), one.View.LeaseIds());
    }

    [Fact]
    public void A_huge_time_to_live_does_not_overflow()
    {
        var machine = new Machine();
        machine.Tick(1000);
        machine.Run(new LeaseGrantCommand(1, long.MaxValue));
        machine.Run(new LeaseGrantCommand(2, long.MinValue));
        machine.Tick(1);
        Assert.Equal([1L], machine.View.LeaseIds());
    }
}

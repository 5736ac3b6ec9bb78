namespace PaxosStore.Kv.Tests;

public class AlarmTests
{
    private static readonly PutOp Put = new(Bytes.Of("k"), Bytes.Of("v"));
    private static readonly DeleteRangeOp Delete = new(KeyRange.SingleKey(Bytes.Of("a")));

    private static AlarmInfo[] Run(Machine machine, bool raise, ulong member, AlarmKind kind) =>
        [.. ((AlarmResult)machine.Run(new AlarmCommand(raise, member, kind))).Changed];

    private static KvErrorCode Refusal(Machine machine, KvCommand command) => machine.Run(command) is RefusedResult refused ? refused.Code : KvErrorCode.None;

    [Fact]
    public void Alarms_are_raised_once_and_disarmed_by_member_or_for_all()
    {
        var machine = new Machine();
        Assert.Empty(machine.View.Alarms);
        Assert.Equal([new AlarmInfo(2, AlarmKind.NoSpace)], Run(machine, true, 2, AlarmKind.NoSpace));
        Assert.Equal([new AlarmInfo(2, AlarmKind.NoSpace)], Run(machine, true, 2, AlarmKind.NoSpace));
        Run(machine, true, 1, AlarmKind.NoSpace);
        Run(machine, true, 1, AlarmKind.Corrupt);
        Run(machine, true, 0, AlarmKind.NoSpace);
        Assert.Equal(
            [new(0, AlarmKind.NoSpace), new(1, AlarmKind.NoSpace), new(1, AlarmKind.Corrupt), new AlarmInfo(2, AlarmKind.NoSpace)], machine.View.Alarms);

        Assert.Empty(Run(machine, false, 3, AlarmKind.NoSpace));
        Assert.Empty(Run(machine, false, 0, AlarmKind.None));
        Assert.Empty(Run(machine, true, 0, AlarmKind.None));
        Assert.Equal([new AlarmInfo(2, AlarmKind.NoSpace)], Run(machine, false, 2, AlarmKind.NoSpace));
        Assert.Equal([new(0, AlarmKind.NoSpace), new AlarmInfo(1, AlarmKind.NoSpace)], Run(machine, false, 0, AlarmKind.NoSpace));
        Assert.Equal([new AlarmInfo(1, AlarmKind.Corrupt)], machine.View.Alarms);
        Assert.Equal(1, machine.View.Revision);
    }

    /// <summary>As etcd 3.4 answers, but that one lets a put inside a nested transaction through.</summary>
    [Fact]
    public void Without_space_only_what_adds_data_is_refused()
    {
        var machine = new Machine();
        machine.Run(new LeaseGrantCommand(5, 60));
        machine.Put("a", "1");
        machine.Put("b", "1", lease: 5);
        Run(machine, true, 1, AlarmKind.NoSpace);
        TxnOp nested = new([], [new TxnOp([], [], [Put])], []);
        KvCommand[] refused =
        [
            new WriteCommand(Put), new LeaseGrantCommand(6, 60), new WriteCommand(new TxnOp([], [Delete, Put], [])),
            new WriteCommand(new TxnOp([], [Delete], [Put])), new WriteCommand(nested), new WriteCommand(Put with { Lease = 99 }),
        ];
        foreach (var command in refused) Assert.Equal(KvErrorCode.NoSpace, Refusal(machine, command));
        Assert.Equal(3, machine.View.Revision);
        KvCommand[] allowed =
        [
            new WriteCommand(Delete), new WriteCommand(new TxnOp([], [Delete], [new RangeOp(Bytes.Everything)])), new CompactCommand(3),
            new LeaseKeepAliveCommand([5]), new LeaseRevokeCommand(5), new PublishMemberCommand(1, "n", []),
        ];
        foreach (var command in allowed) Assert.Equal(KvErrorCode.None, Refusal(machine, command));
        Assert.Equal(0, machine.All().Count);

        Run(machine, false, 1, AlarmKind.NoSpace);
        foreach (var command in refused[..^1]) Assert.Equal(KvErrorCode.None, Refusal(machine, command));
    }

    [Fact]
    public void A_suspect_state_refuses_all_writes_and_holds_still_until_the_alarm_is_disarmed()
    {
        var machine = new Machine();
        machine.Run(new LeaseGrantCommand(5, 10));
        machine.Run(new LeaseGrantCommand(6, 10));
        machine.Put("a", "1", lease: 5);
        machine.Put("b", "1", lease: 6);
        Run(machine, true, 1, AlarmKind.NoSpace);
        Run(machine, true, 1, AlarmKind.Corrupt);
        KvCommand[] refused =
        [
            new WriteCommand(Put), new WriteCommand(Delete), new WriteCommand(new TxnOp([], [], [])), new WriteCommand(new RangeOp(Bytes.Everything)),
            new CompactCommand(2), new LeaseGrantCommand(7, 10), new LeaseRevokeCommand(5),
        ];
        foreach (var command in refused) Assert.Equal(KvErrorCode.Corrupt, Refusal(machine, command));
        Assert.IsType<DoneResult>(machine.Run(new PublishMemberCommand(1, "n", [])));

        // Keep-alives go on, as in etcd, and what is due waits.
        machine.Tick(8);
        Assert.Equal(10, Assert.Single(((LeaseKeepAliveResult)machine.Run(new LeaseKeepAliveCommand([6]))).TtlSeconds));
        machine.Tick(4);
        Assert.Equal((3L, 2L, (TimeSpan?)null), (machine.View.Revision, machine.All().Count, machine.View.NextLeaseDeadline));
        Run(machine, false, 1, AlarmKind.Corrupt);
        Assert.Equal(TimeSpan.FromSeconds(10), machine.View.NextLeaseDeadline);
        machine.Tick(0);
        Assert.Equal("b", Bytes.Text(Assert.Single(machine.All().Kvs).Key));
    }

    [Fact]
    public void A_member_keeps_the_first_incarnation_it_published()
    {
        var machine = new Machine();
        Assert.IsType<DoneResult>(machine.Run(new PublishMemberCommand(1, "old", ["u"])));
        Assert.Equal(0UL, machine.View.Members[1].Incarnation);
        machine.Run(new PublishMemberCommand(1, "n", ["u"], 7));
        Assert.Equal(KvErrorCode.WrongIncarnation, Refusal(machine, new PublishMemberCommand(1, "other", [], 8)));
        Assert.Equal(new MemberAttributes("n", ["u"], 7), machine.View.Members[1]);
        machine.Run(new PublishMemberCommand(1, "n2", [], 7));
        machine.Run(new PublishMemberCommand(1, "n3", [], 0));
        Assert.Equal(new MemberAttributes("n3", [], 7), machine.View.Members[1]);
        Assert.IsType<DoneResult>(machine.Run(new PublishMemberCommand(2, "n", [], 8)));
    }
}

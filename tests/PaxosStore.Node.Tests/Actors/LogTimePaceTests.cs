using PaxosStore.Kv;
using PaxosStore.Node.Actors;

namespace PaxosStore.Node.Tests.Actors;

/// <summary>Two key leases, of 2 and 5 seconds, both granted at log time 0.</summary>
public sealed class LogTimePaceTests
{
    private readonly KvStateMachine _state = new();
    private readonly LogTimePace _pace = new();
    private long _slot;

    public LogTimePaceTests()
    {
        Apply(0, new OpenClientSessionCommand(), new LeaseGrantCommand(7, 2), new LeaseGrantCommand(8, 5));
        Assert.Equal(Seconds(2), _state.View.NextLeaseDeadline);
    }

    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    private void Apply(double logTime, params KvCommand[] commands)
    {
        var encoded = commands.Select((command, i) => (ReadOnlyMemory<byte>)CommandCodec.Encode(1, i, 0, command));
        _state.Apply(new LogBatch(++_slot, 1, Seconds(logTime), 0, [.. encoded]));
    }

    private bool IsDueAt(double logTime) => _pace.IsDue(Seconds(logTime), _state.View);

    [Fact]
    public void Log_time_is_written_down_each_second_while_there_are_leases()
    {
        Assert.False(IsDueAt(0.9));
        Assert.True(IsDueAt(1));
        Apply(1);
        Assert.False(IsDueAt(1.9));
    }

    [Fact]
    public void A_lease_that_lapses_moves_it_on_at_once()
    {
        Apply(1.5);
        Assert.False(IsDueAt(1.9));
        Assert.True(IsDueAt(2));
        Apply(2);
        Assert.Equal(Seconds(5), _state.View.NextLeaseDeadline);
    }

    /// <summary>Simulator seed 1000021973 of <c>--whole</c>: such a leader lengthened the log faster than a slow disk could follow.</summary>
    [Fact]
    public void A_leader_that_lags_behind_its_own_log_adds_no_more_than_one_batch_a_second()
    {
        Apply(1.5);
        Assert.True(IsDueAt(2));
        Assert.All([2.01, 2.1, 2.5, 2.99], later => Assert.False(IsDueAt(later)));
        Assert.True(IsDueAt(3));
        Assert.False(IsDueAt(3.9));
    }

    [Fact]
    public void The_next_lease_does_not_wait_once_the_batch_before_is_applied()
    {
        Apply(0.1, new LeaseGrantCommand(9, 2));
        Apply(1.5);
        Assert.True(IsDueAt(2));
        Apply(2);
        Assert.False(IsDueAt(2.05));
        Assert.True(IsDueAt(2.1));
    }

    [Fact]
    public void Who_leads_again_owes_nothing_for_what_was_said_before()
    {
        Apply(1.5);
        Assert.True(IsDueAt(2.5));
        Assert.False(_pace.IsDue(null, _state.View));
        Assert.True(IsDueAt(2.2));
    }
}

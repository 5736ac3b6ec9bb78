using PaxosStore.Node.Actors;

namespace PaxosStore.Node.Tests.Actors;

/// <summary>The log may weigh half of the state, at least 8 MiB.</summary>
public sealed class SnapshotTriggerTests
{
    private const long MiB = 1 << 20;

    [Fact]
    public void A_small_state_waits_for_eight_mebibytes()
    {
        var trigger = new SnapshotTrigger(mostSlots: 1_000_000, bytes: 0);
        trigger.Applied(8 * MiB - 1);
        Assert.False(trigger.Due(0));
        trigger.Applied(1);
        Assert.True(trigger.Due(0));
    }

    [Fact]
    public void A_large_one_waits_for_half_its_weight()
    {
        var trigger = new SnapshotTrigger(mostSlots: 1_000_000, bytes: 0);
        trigger.Applied(49 * MiB);
        Assert.False(trigger.Due(100 * MiB));
        trigger.Applied(1 * MiB);
        Assert.True(trigger.Due(100 * MiB));
    }

    [Fact]
    public void Many_slots_need_only_an_eighth()
    {
        var trigger = new SnapshotTrigger(mostSlots: 10, bytes: 0);
        for (var i = 0; i < 9; i++) trigger.Applied(2 * MiB);
        Assert.False(trigger.Due(80 * MiB));
        trigger.Applied(2 * MiB);
        Assert.True(trigger.Due(80 * MiB));
        Assert.False(trigger.Due(800 * MiB));
    }

    [Fact]
    public void The_last_snapshots_size_counts_when_the_state_has_shrunk_since()
    {
        var trigger = new SnapshotTrigger(mostSlots: 1_000_000, bytes: 100 * MiB);
        trigger.Applied(20 * MiB);
        Assert.False(trigger.Due(1 * MiB));
    }

    [Fact]
    public void One_at_a_time_and_what_comes_meanwhile_counts_for_the_next()
    {
        var trigger = new SnapshotTrigger(mostSlots: 1_000_000, bytes: 0);
        trigger.Applied(9 * MiB);
        trigger.Begun();
        trigger.Applied(9 * MiB);
        Assert.False(trigger.Due(0));
        trigger.Taken(size: 0);
        Assert.True(trigger.Due(0));
    }
}

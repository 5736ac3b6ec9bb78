using PaxosStore.Node.Storage;

namespace PaxosStore.Node.Tests.Storage;

/// <summary>There is room while more than the reserve is free, as of a moment ago.</summary>
public sealed class DiskSpaceTests
{
    private readonly Clock _time = new();
    private long _available = DiskSpace.Reserve + 1_000;
    private int _lookUps;

    [Fact]
    public void The_reserve_is_never_given_away()
    {
        var space = Space();
        Assert.True(space.HasRoom(1_000));
        Assert.False(space.HasRoom(1_001));
    }

    [Fact]
    public void The_disk_is_looked_at_a_few_times_a_second_at_most()
    {
        var space = Space();
        Assert.True(space.HasRoom(0));
        _available = 0;
        _time.Passed(TimeSpan.FromMilliseconds(199));
        Assert.True(space.HasRoom(0));
        _time.Passed(TimeSpan.FromMilliseconds(1));
        Assert.False(space.HasRoom(0));
        _available = long.MaxValue;
        _time.Passed(TimeSpan.FromMilliseconds(200));
        Assert.True(space.HasRoom(1L << 40));
        Assert.Equal(3, _lookUps);
    }

    [Fact]
    public void A_real_directory_has_as_much_as_its_file_system()
    {
        var space = new DiskSpace(Path.GetTempPath(), TimeProvider.System);
        Assert.True(space.HasRoom(0));
        Assert.False(space.HasRoom(long.MaxValue / 2));
    }

    private DiskSpace Space() => new(_time, () =>
    {
        _lookUps++;
        return _available;
    });

    private sealed class Clock : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now;

        public void Passed(TimeSpan time) => _now += time.Ticks;
    }
}

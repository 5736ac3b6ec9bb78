using Microsoft.Extensions.Logging.Abstractions;
using PaxosStore.Gateways.Etcd.Compaction;
using PaxosStore.Kv;
using PaxosStore.Testing;

namespace PaxosStore.Gateways.Tests.Etcd;

/// <summary>History is bounded by what the operator asked for: never shorter, hardly longer.</summary>
public sealed class AutoCompactionTests
{
    public static TheoryData<string, string, AutoCompaction> Settings => new()
    {
        { "periodic", "0", new AutoCompaction.Off() },
        { "revision", "0", new AutoCompaction.Off() },
        { "periodic", "0h", new AutoCompaction.Off() },
        { "periodic", "8", new AutoCompaction.Periodic(TimeSpan.FromHours(8)) },
        { "periodic", "30m", new AutoCompaction.Periodic(TimeSpan.FromMinutes(30)) },
        { "periodic", "1h30m5.5s", new AutoCompaction.Periodic(TimeSpan.FromSeconds(5405.5)) },
        { "periodic", "1500ms", new AutoCompaction.Periodic(TimeSpan.FromSeconds(1.5)) },
        { "revision", "1000", new AutoCompaction.Revision(1000) },
    };

    [Theory]
    [MemberData(nameof(Settings))]
    public void Both_options_are_read_as_etcd_reads_them(string mode, string retention, AutoCompaction expected) =>
        Assert.Equal(expected, AutoCompaction.Parse(mode, retention));

    [Theory]
    [InlineData("daily", "1")]
    [InlineData("periodic", "")]
    [InlineData("periodic", "-1")]
    [InlineData("periodic", "1d")]
    [InlineData("periodic", "10ms")]
    [InlineData("periodic", "99999999")]
    [InlineData("periodic", "99999999999999999999")]
    [InlineData("revision", "30m")]
    [InlineData("revision", "-5")]
    public void What_can_not_be_read_is_refused(string mode, string retention) =>
        Assert.Throws<FormatException>(() => AutoCompaction.Parse(mode, retention));

    [Theory]
    [InlineData(5, 1)]
    [InlineData(600, 60)]
    [InlineData(3600, 360)]
    [InlineData(36000, 360)]
    public void Revisions_are_written_down_ten_times_per_retention(int retention, int interval) =>
        Assert.Equal(TimeSpan.FromSeconds(interval), new PeriodicRule(TimeSpan.FromSeconds(retention)).Interval);

    [Theory]
    [InlineData(5)]
    [InlineData(600)]
    [InlineData(36000)]
    public void No_revision_goes_before_its_time_and_all_go_soon_after(int seconds)
    {
        var retention = TimeSpan.FromSeconds(seconds);
        var rule = new PeriodicRule(retention);
        var written = new List<TimeSpan>();
        for (var i = 0; i < 1000; i++)
        {
            // One write, then a look.
            var now = rule.Interval * i;
            written.Add(now);
            var target = rule.Target(now, written.Count);
            Assert.Equal(written.Count(at => now - at >= retention), target);
        }
    }

    [Fact]
    public void Being_asked_too_often_costs_no_memory_and_changes_nothing()
    {
        var rule = new PeriodicRule(TimeSpan.FromSeconds(100));
        for (var i = 0; i < 100_000; i++) Assert.Equal(0, rule.Target(TimeSpan.FromMilliseconds(i), 5));
        Assert.Equal(5, rule.Target(TimeSpan.FromSeconds(100), 9));
    }

    [Fact]
    public void The_newest_revisions_stay()
    {
        var rule = new RevisionRule(100);
        Assert.Equal(0, rule.Target(TimeSpan.Zero, 1));
        Assert.Equal(0, rule.Target(TimeSpan.Zero, 100));
        Assert.Equal(23, rule.Target(TimeSpan.Zero, 123));
    }

    [Fact]
    public async Task The_leader_compacts_by_itself_and_nobody_else()
    {
        using var store = new InMemoryKvStore { LeaderId = 5 };
        for (var i = 0; i < 50; i++) await PutAsync(store);
        var time = new ManualTime();
        using var compactor = new AutoCompactor(store, new AutoCompaction.Revision(10), NullLogger<AutoCompactor>.Instance, time);
        await compactor.StartAsync(default);
        time.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(-1, store.View.CompactRevision);
        store.LeaderId = InMemoryKvStore.Self;
        await WaitAsync(() => store.View.CompactRevision == 41, time);
        await PutAsync(store);
        await WaitAsync(() => store.View.CompactRevision == 42, time);

        // A failure is tried again.
        await PutAsync(store);
        store.Fault = new KvException(KvErrorCode.Timeout);
        time.Advance(TimeSpan.FromSeconds(3));
        store.Fault = null;
        await WaitAsync(() => store.View.CompactRevision == 43, time);
        await compactor.StopAsync(default);
    }

    private static async Task PutAsync(InMemoryKvStore store) =>
        await store.ExecuteAsync(new WriteCommand(new PutOp("k"u8.ToArray(), "v"u8.ToArray())), default);

    // The loop runs on other threads; time goes on until it has done what it is to do.
    private static async Task WaitAsync(Func<bool> condition, ManualTime time)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (!condition())
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(5, limit.Token);
        }
    }
}

using PaxosStore.Cluster.Tests.History;

namespace PaxosStore.Cluster.Tests.Judges;

/// <summary>The watch witness accepts what a watcher may be told and rejects each way of telling it wrongly.</summary>
public class WatchWitnessTests
{
    private static readonly LogDump Log = Make.Log("2 a v1", "3 a v2", "4 a", "4 b v3", "5 b v4");
    private static readonly IReadOnlyList<SeenEvent> Events = new Replay(Log).Events;

    [Fact]
    public void The_log_itself_is_accepted() => Assert.True(WatchWitness.Check(Log.Changes, Log).IsClean);

    [Theory]
    [InlineData("reliable", "2 a v1", "4 a", "4 b v3", "5 b v4")]
    [InlineData("reliable", "2 a v1", "3 a v2", "4 a", "4 b v3")]
    [InlineData("resumable", "3 a v2", "4 a", "4 b v3", "5 b v4")]
    [InlineData("unique", "2 a v1", "3 a v2", "3 a v2", "4 a", "4 b v3", "5 b v4")]
    [InlineData("ordered", "2 a v1", "3 a v2", "5 b v4", "4 a", "4 b v3")]
    [InlineData("false", "2 a v1", "3 a v9", "4 a", "4 b v3", "5 b v4")]
    [InlineData("false", "2 a v1", "3 a v2", "4 a", "4 b v3", "5 b v4", "6 b v5")]
    public void Any_other_sequence_is_rejected(string because, params string[] seen) => AssertRejected(because, WatchWitness.Check(Make.Log(seen).Changes, Log));

    [Fact]
    public void A_resumed_watch_that_was_told_all_is_accepted() =>
        AssertAccepted(Watch(new Subscription(1, "") { ToTheEnd = true }, Stream(2, Told(0, 1)), Stream(4, Told(2, 3), Progress(4), Told(4), Progress(5))));

    [Fact]
    public void A_watch_from_now_on_begins_behind_its_creation() => AssertAccepted(Watch(new Subscription(1, ""), Stream(0, Created(3), Told(2, 3), Told(4))));

    [Fact]
    public void An_event_left_out_at_a_resume_is_rejected() => AssertRejected("resumable", Watch(new Subscription(1, ""), Stream(2, Told(0)), Stream(3, Told(2, 3))));

    [Fact]
    public void An_event_from_before_the_start_is_rejected() => AssertRejected("resumable", Watch(new Subscription(1, ""), Stream(3, Told(0), Told(1))));

    [Fact]
    public void An_event_told_again_after_a_resume_is_rejected() => AssertRejected("resumable", Watch(new Subscription(1, ""), Stream(2, Told(0, 1)), Stream(4, Told(1), Told(2, 3))));

    [Fact]
    public void A_revision_in_two_replies_is_rejected() => AssertRejected("atomic", Watch(new Subscription(1, ""), Stream(4, Told(2), Told(3))));

    [Fact]
    public void A_revision_in_two_fragments_is_accepted() =>
        AssertAccepted(Watch(new Subscription(1, "", fragment: true), Stream(4, Told(2) with { IsFragment = true }, Told(3))));

    [Fact]
    public void A_part_of_a_revision_is_rejected() => AssertRejected("reliable", Watch(new Subscription(1, ""), Stream(3, Told(1), Told(2), Told(4))));

    [Fact]
    public void Progress_ahead_of_an_event_is_rejected() => AssertRejected("bookmarkable", Watch(new Subscription(1, ""), Stream(2, Told(0), Progress(3), Told(1))));

    [Fact]
    public void Progress_ahead_of_an_event_that_never_came_is_rejected() => AssertRejected("bookmarkable", Watch(new Subscription(1, ""), Stream(2, Told(0), Progress(3))));

    [Fact]
    public void A_header_below_its_events_is_rejected() => AssertRejected("bookmarkable", Watch(new Subscription(1, ""), Stream(2, Told(0, 1) with { Revision = 2 })));

    [Fact]
    public void Progress_that_goes_back_is_rejected() => AssertRejected("progress", Watch(new Subscription(1, ""), Stream(2, Told(0, 1), Progress(3), Progress(2))));

    [Fact]
    public void Progress_ahead_of_the_store_is_rejected() => AssertRejected("progress", Watch(new Subscription(1, ""), Stream(2, Told(0, 1, 2, 3, 4), Progress(6))));

    [Fact]
    public void A_wrong_value_before_is_rejected() => AssertRejected("prev_kv", Watch(new Subscription(1, "", previous: true), Stream(3, Reply(Events[1] with { Previous = "v7" }))));

    [Fact]
    public void A_missing_value_before_is_rejected() => AssertRejected("prev_kv", Watch(new Subscription(1, "", previous: true), Stream(3, Reply(Events[1] with { Previous = null }))));

    [Fact]
    public void A_value_before_that_nobody_asked_for_is_rejected() => AssertRejected("prev_kv", Watch(new Subscription(1, ""), Stream(3, Reply(Events[1]))));

    [Fact]
    public void A_value_before_may_be_gone_with_history() =>
        AssertAccepted(WatchWitness.Check(
            [With(new Subscription(1, "", previous: true), Stream(3, Reply(Events[1] with { Previous = null })))], Log with { Compactions = [new Compaction(0, 3)] }));

    [Fact]
    public void A_wrong_version_is_rejected() => AssertRejected("version", Watch(new Subscription(1, ""), Stream(3, Reply(Events[1] with { Previous = null, Version = 1 }))));

    [Theory]
    [InlineData("b", false, false)]
    [InlineData("", true, false)]
    public void An_event_nobody_asked_for_is_rejected(string prefix, bool noPut, bool noDelete) =>
        AssertRejected("filter", Watch(new Subscription(1, prefix, noPut: noPut, noDelete: noDelete), Stream(2, Told(0))));

    [Fact]
    public void A_delete_nobody_asked_for_is_rejected() => AssertRejected("filter", Watch(new Subscription(1, "a", noDelete: true), Stream(4, Told(2))));

    [Fact]
    public void History_that_was_compacted_may_be_left_out() =>
        AssertAccepted(WatchWitness.Check([With(new Subscription(1, ""), Stream(2, Canceled(4)), Stream(4, Told(2, 3)))], Log with { Compactions = [new Compaction(0, 4)] }));

    [Fact]
    public void A_compaction_nobody_asked_for_is_rejected() => AssertRejected("resumable", Watch(new Subscription(1, ""), Stream(2, Canceled(4))));

    private static WatchReply Told(params int[] events) => Reply([.. events.Select(i => Events[i] with { Previous = null })]);

    private static WatchReply Reply(params SeenEvent[] events) => new(0, WatchReplyKind.Events, 5, events);

    private static WatchReply Created(long revision) => new(0, WatchReplyKind.Created, revision, []);

    private static WatchReply Progress(long revision) => new(0, WatchReplyKind.Progress, revision, []);

    private static WatchReply Canceled(long compacted) => new(0, WatchReplyKind.Canceled, 5, [], CompactRevision: compacted);

    private static WatchStream Stream(long start, params WatchReply[] replies) => new("n1", start, 0) { Replies = [.. replies] };

    private static Subscription With(Subscription subscription, params WatchStream[] streams)
    {
        subscription.Streams.AddRange(streams);
        return subscription;
    }

    private static Verdict Watch(Subscription subscription, params WatchStream[] streams) => WatchWitness.Check([With(subscription, streams)], Log);

    private static void AssertAccepted(Verdict verdict) => Assert.Equal("clean", verdict.ToString());

    private static void AssertRejected(string because, Verdict verdict) =>
        Assert.Contains(verdict.Violations, v => v.StartsWith(because + ":", StringComparison.Ordinal));
}

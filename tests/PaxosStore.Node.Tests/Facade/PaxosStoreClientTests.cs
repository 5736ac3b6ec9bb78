using Akka.Actor;
using PaxosStore.Node.Facade;
using PaxosStore.Testing;
using static PaxosStore.Node.Tests.MultiNode.Commands;

namespace PaxosStore.Node.Tests.Facade;

/// <summary>What the client repeats, what it does not, and what it says then; the member is the test, and so is the clock.</summary>
public sealed class PaxosStoreClientTests : PatientTestKit
{
    private readonly Address _member;
    private readonly ManualTime _time = new();
    private readonly PaxosStoreClientOptions _options = new()
    {
        RequestTimeout = TimeSpan.FromSeconds(2),
        AttemptTimeout = TimeSpan.FromMilliseconds(300),
        WatchKeepAlive = TimeSpan.FromMilliseconds(200),
        MaxPendingRequests = 2,
    };

    private readonly PaxosStoreClient _client;

    public PaxosStoreClientTests()
    {
        _member = ((ExtendedActorSystem)Sys).Provider.DefaultAddress;
        Sys.ActorOf(Props.Create(() => new Root(TestActor)), AkkaConfig.RootActor);
        AwaitAssert(() =>
        {
            Sys.ActorSelection("/user/paxosstore/kv").Tell(new Identify(1), TestActor);
            Assert.NotNull(ExpectMsg<ActorIdentity>().Subject);
        });
        _client = new PaxosStoreClient(Sys, [_member], _options, _time);
    }

    [Fact]
    public async Task A_write_without_an_answer_is_unknown_and_not_repeated()
    {
        var write = _client.ExecuteAsync(Put("key", "value"));
        Expect<FacadeExecute>();
        Pass(_options.RequestTimeout);
        var error = await Assert.ThrowsAsync<KvException>(() => write);
        Assert.Equal((KvErrorCode.Timeout, KvOutcome.Unknown), (error.Code, error.Outcome));
        ExpectNoMsg(TimeSpan.FromMilliseconds(50));
    }

    [Fact]
    public async Task A_write_that_did_not_happen_is_tried_again_and_one_that_may_have_is_not()
    {
        var write = _client.ExecuteAsync(Put("key", "value"));
        Reply(new FacadeFailure(Expect<FacadeExecute>().Id, KvErrorCode.NoLeader, KvOutcome.DidNotHappen, 0));
        Pass(TimeSpan.FromMilliseconds(100));
        Reply(Done(Expect<FacadeExecute>().Id));
        Assert.Equal(9, (await write).Revision);

        write = _client.ExecuteAsync(Put("key", "value"));
        Reply(new FacadeFailure(Expect<FacadeExecute>().Id, KvErrorCode.Stopped, KvOutcome.Unknown, 0));
        Assert.Equal(KvOutcome.Unknown, (await Assert.ThrowsAsync<KvException>(() => write)).Outcome);
        ExpectNoMsg(TimeSpan.FromMilliseconds(50));
    }

    [Theory]
    [InlineData(KvErrorCode.Compacted)]
    [InlineData(KvErrorCode.Overloaded)]
    [InlineData(KvErrorCode.LeaseNotFound)]
    public async Task What_another_member_would_say_too_is_passed_on(KvErrorCode code)
    {
        var read = _client.RangeAsync(Range("key"));
        Reply(new FacadeFailure(Expect<FacadeRead>().Id, code, KvOutcome.DidNotHappen, 4));
        var error = await Assert.ThrowsAsync<KvException>(() => read);
        Assert.Equal((code, 4L), (error.Code, error.CompactRevision));
    }

    [Fact]
    public async Task A_read_is_repeated_until_it_is_answered_or_time_is_up()
    {
        var read = _client.RangeAsync(Range("key"));
        Expect<FacadeRead>();
        Pass(_options.AttemptTimeout);
        Expect<FacadeRead>();
        Pass(_options.AttemptTimeout);
        Reply(new FacadeResult(Expect<FacadeRead>().Id, new WriteResult(new RangeResult([], false, 0)) { Revision = 9, Term = 1 }));
        Assert.Equal(9, (await read).Revision);

        var start = _time.GetTimestamp();
        Assert.Equal(KvErrorCode.Timeout, (await FailureAsync(_client.RangeAsync(Range("key")), _time)).Code);
        Assert.Equal(_options.RequestTimeout, _time.GetElapsedTime(start));
    }

    [Fact]
    public async Task A_transaction_goes_as_a_read_when_it_writes_nothing()
    {
        var reading = _client.TxnAsync(new TxnOp([], [Range("key")], []));
        Reply(new FacadeResult(Expect<FacadeRead>().Id, new WriteResult(new TxnResult(true, [])) { Revision = 9, Term = 1 }));
        Assert.True((await reading).Result.Succeeded);
        var writing = _client.TxnAsync(new TxnOp([], [new PutOp(Bytes("key"), Bytes("value"))], []));
        Reply(new FacadeResult(Expect<FacadeExecute>().Id, new WriteResult(new TxnResult(true, [])) { Revision = 9, Term = 1 }));
        Assert.True((await writing).Result.Succeeded);
    }

    [Fact]
    public async Task Too_many_and_too_large_requests_are_refused_here()
    {
        using var giveUp = new CancellationTokenSource();
        Task[] pending = [_client.ExecuteAsync(Put("a", "1"), giveUp.Token), _client.RangeAsync(Range("b"), cancellationToken: giveUp.Token)];
        Assert.Equal(KvErrorCode.Overloaded, (await Assert.ThrowsAsync<KvException>(() => _client.RangeAsync(Range("c")))).Code);
        await giveUp.CancelAsync();
        foreach (var task in pending) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
        var large = await Assert.ThrowsAsync<KvException>(() => _client.ExecuteAsync(Put("key", new string('x', 2 << 20))));
        Assert.Equal((KvErrorCode.RequestTooLarge, KvOutcome.DidNotHappen), (large.Code, large.Outcome));
    }

    [Fact]
    public async Task A_watch_asks_for_one_batch_at_a_time_and_shows_that_it_lives()
    {
        var (id, watch) = await OpenAsync();
        _time.Advance(_options.WatchKeepAlive);
        ExpectNoMsg(TimeSpan.FromMilliseconds(50));
        var next = watch.NextAsync();
        Assert.Equal(id, Expect<FacadeWatchNext>().Id);
        Reply(new FacadeEvents(id, 10, 11, []));
        Pass(_options.WatchKeepAlive);
        Assert.Equal(id, Expect<FacadeWatchNext>().Id);
        Reply(new FacadeEvents(id, 11, 12, [EventAt(12)]));
        Assert.Equal(12, (await next).Revision);
        _time.Advance(_options.WatchKeepAlive);
        ExpectNoMsg(TimeSpan.FromMilliseconds(50));
        await watch.DisposeAsync();
        Assert.Equal(id, Expect<FacadeWatchCancel>().Id);
    }

    [Fact]
    public async Task A_batch_a_keep_alive_brought_in_excess_is_delivered_without_another_demand()
    {
        var (id, watch) = await OpenAsync();
        var next = watch.NextAsync();
        Expect<FacadeWatchNext>();
        Reply(new FacadeEvents(id, 10, 11, [EventAt(11)]));
        Assert.Equal(11, (await next).Revision);
        Reply(new FacadeEvents(id, 11, 12, [EventAt(12)]));
        AwaitAssert(() => Assert.True(watch.HasBuffered));
        Assert.Equal(12, (await watch.NextAsync()).Revision);
        ExpectNoMsg(TimeSpan.FromMilliseconds(50));
    }

    [Fact]
    public async Task A_gap_makes_the_watch_begin_anew_where_it_is()
    {
        var (id, watch) = await OpenAsync();
        var next = watch.NextAsync();
        Expect<FacadeWatchNext>();
        Reply(new FacadeEvents(id, 15, 16, [EventAt(16)]));
        await ReopenedAsync(id, next);
    }

    [Fact]
    public async Task A_forgotten_watch_begins_anew_where_it_is()
    {
        var (id, watch) = await OpenAsync();
        var next = watch.NextAsync();
        Expect<FacadeWatchNext>();
        Reply(new FacadeFailure(id, KvErrorCode.Stopped, KvOutcome.DidNotHappen, 0));
        await ReopenedAsync(id, next);
    }

    [Fact]
    public async Task A_silent_member_makes_the_watch_begin_anew_where_it_is()
    {
        var (id, watch) = await OpenAsync();
        var next = watch.NextAsync();
        Expect<FacadeWatchNext>();
        Pass(_options.AttemptTimeout);
        await ReopenedAsync(id, next);
    }

    [Fact]
    public async Task Compacted_history_ends_the_watch()
    {
        var (id, watch) = await OpenAsync();
        var next = watch.NextAsync();
        Expect<FacadeWatchNext>();
        Reply(new FacadeFailure(id, KvErrorCode.Compacted, KvOutcome.DidNotHappen, 20));
        Assert.Equal(20, (await Assert.ThrowsAsync<KvException>(() => next)).CompactRevision);
    }

    [Fact]
    public async Task A_lease_is_lost_when_the_store_says_so()
    {
        var granting = _client.GrantLeaseAsync(TimeSpan.FromSeconds(2));
        Reply(new FacadeResult(Expect<FacadeExecute>().Id, new LeaseGrantResult(77, 2) { Revision = 1, Term = 1 }));
        await using var lease = await granting;
        Assert.True(lease.IsHeld);
        Pass(lease.Ttl / 4);
        var renewal = Expect<FacadeExecute>();
        Assert.Equal(77L, Assert.Single(Assert.IsType<LeaseKeepAliveCommand>(renewal.Command).Ids));
        Reply(new FacadeResult(renewal.Id, new LeaseKeepAliveResult([0]) { Revision = 1, Term = 1 }));
        AwaitCondition(() => lease.Lost.IsCancellationRequested);
        Assert.False(lease.IsHeld);
    }

    [Fact]
    public async Task A_lease_that_cannot_be_renewed_is_given_up_before_its_time_is_up()
    {
        var granting = _client.GrantLeaseAsync(TimeSpan.FromSeconds(2));
        Reply(new FacadeResult(Expect<FacadeExecute>().Id, new LeaseGrantResult(77, 2) { Revision = 1, Term = 1 }));
        await using var lease = await granting;

        // A renewal that works counts from when it was sent, not from when its reply came.
        Pass(lease.Ttl / 4);
        var renewal = Expect<FacadeExecute>();
        _time.Advance(TimeSpan.FromMilliseconds(200));
        Reply(new FacadeResult(renewal.Id, new LeaseKeepAliveResult([2]) { Revision = 1, Term = 1 }));
        AwaitCondition(() => _time.Next == lease.Ttl / 4);

        _time.Advance((lease.Ttl * 0.9) - TimeSpan.FromMilliseconds(201));
        Assert.True(lease.IsHeld);
        Assert.False(lease.Lost.IsCancellationRequested);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.False(lease.IsHeld);
        Assert.True(lease.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task Without_a_member_nothing_happens_and_that_is_said()
    {
        var hasty = _options with { RequestTimeout = TimeSpan.FromMilliseconds(300) };
        await using var nobody = new PaxosStoreClient(Sys, [Address.Parse("akka://elsewhere")], hasty, _time);
        Assert.Equal(KvErrorCode.Timeout, (await FailureAsync(nobody.RangeAsync(Range("key")), _time)).Code);
        Assert.Equal(KvErrorCode.Timeout, (await FailureAsync(nobody.OpenWatchAsync(new WatchSpec(Prefix("w/"), 0)), _time)).Code);
    }

    protected override void AfterAll()
    {
        _client.DisposeAsync().AsTask().GetAwaiter().GetResult();
        base.AfterAll();
    }

    private async Task<(long Id, PaxosStoreWatch Watch)> OpenAsync()
    {
        var opening = _client.OpenWatchAsync(new WatchSpec(Prefix("w/"), 0));
        var id = Expect<FacadeWatch>().Id;
        Reply(new FacadeEvents(id, 10, 10, []));
        var watch = await opening;
        Assert.Equal(10, watch.Revision);
        return (id, watch);
    }

    private async Task ReopenedAsync(long former, Task<KvEventBatch> next)
    {
        Assert.Equal(former, Expect<FacadeWatchCancel>().Id);
        var anew = Expect<FacadeWatch>();
        Assert.NotEqual(former, anew.Id);
        Assert.Equal(11, anew.Spec.StartRevision);
        Reply(new FacadeEvents(anew.Id, 10, 10, []));
        Assert.Equal(anew.Id, Expect<FacadeWatchNext>().Id);
        Reply(new FacadeEvents(anew.Id, 10, 11, [EventAt(11)]));
        Assert.Equal(11, (await next).Revision);
    }

    private T Expect<T>() where T : FacadeRequest => ExpectMsg<T>();

    /// <summary>Lets time pass once the client has begun to wait for it.</summary>
    private void Pass(TimeSpan time)
    {
        AwaitCondition(() => _time.Next <= time);
        _time.Advance(time);
    }

    /// <summary>Lets time pass from timer to timer until a request has failed.</summary>
    private static async Task<KvException> FailureAsync(Task request, ManualTime time)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!request.IsCompleted)
        {
            if (time.Next is { } next) time.Advance(next);
            await Task.Delay(1, limit.Token);
        }

        return await Assert.ThrowsAsync<KvException>(() => request);
    }

    private void Reply(FacadeReply reply) => LastSender.Tell(reply);

    private static FacadeResult Done(long id) => new(id, new WriteResult(new PutResult(null)) { Revision = 9, Term = 1 });

    private static KvEvent EventAt(long revision) => new(false, new KeyValue(Bytes("w/1"), Bytes("x"), revision, revision, 1, 0), null);

    /// <summary>Stands where a member has its facade, and hands everything to the test.</summary>
    private sealed class Root : UntypedActor
    {
        public Root(IActorRef test) => Context.ActorOf(Props.Create(() => new Kv(test)), "kv");

        protected override void OnReceive(object message) => Unhandled(message);
    }

    private sealed class Kv(IActorRef test) : UntypedActor
    {
        protected override void OnReceive(object message) => test.Forward(message);
    }
}

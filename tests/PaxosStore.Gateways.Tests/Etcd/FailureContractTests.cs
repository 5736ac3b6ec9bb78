using Etcdserverpb;
using Grpc.Core;
using PaxosStore.Kv;
using PaxosStore.Testing;
using static PaxosStore.Gateways.Tests.Etcd.Expect;

namespace PaxosStore.Gateways.Tests.Etcd;

/// <summary>What clients are told when the store can't serve them.</summary>
public sealed class FailureContractTests : IAsyncLifetime
{
    private static readonly Metadata RequireLeader = new() { { "hasleader", "true" } };

    private DoorHost door = null!;

    public async Task InitializeAsync() => door = await DoorHost.StartAsync(o => o.LeaderLossGrace = TimeSpan.FromMilliseconds(300));

    public async Task DisposeAsync() => await door.DisposeAsync();

    [Theory]
    [InlineData(KvErrorCode.Overloaded, StatusCode.ResourceExhausted, "etcdserver: too many requests")]
    [InlineData(KvErrorCode.NoLeader, StatusCode.Unavailable, "etcdserver: no leader")]
    [InlineData(KvErrorCode.Timeout, StatusCode.Unavailable, "etcdserver: request timed out")]
    [InlineData(KvErrorCode.ClientSessionExpired, StatusCode.Unavailable, "etcdserver: request timed out")]
    [InlineData(KvErrorCode.LeaderChanged, StatusCode.Unavailable, "etcdserver: leader changed")]
    [InlineData(KvErrorCode.Stopped, StatusCode.Unavailable, "etcdserver: server stopped")]
    [InlineData(KvErrorCode.Corrupt, StatusCode.DataLoss, "etcdserver: corrupt cluster")]
    [InlineData(KvErrorCode.NoSpace, StatusCode.ResourceExhausted, "etcdserver: mvcc: database space exceeded")]
    [InlineData(KvErrorCode.RequestTooLarge, StatusCode.InvalidArgument, "etcdserver: request is too large")]
    public async Task Failures_of_the_store_have_etcds_words(KvErrorCode failure, StatusCode code, string text)
    {
        door.Store.Fault = new KvException(failure, KvOutcome.Unknown);
        await ErrorAsync(code, text, door.Client.Kv.PutAsync(new PutRequest { Key = Bytes("k") }));
        await ErrorAsync(code, text, door.Client.Kv.RangeAsync(new RangeRequest { Key = Bytes("k") }));
        await ErrorAsync(code, text, door.Client.Lease.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = 1 }));
        using var keepAlive = door.Client.Lease.LeaseKeepAlive();
        await keepAlive.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = 1 });
        await ErrorAsync(code, text, () => keepAlive.ResponseStream.MoveNext(default));

        // A serializable read needs nobody.
        await door.Client.Kv.RangeAsync(new RangeRequest { Key = Bytes("k"), Serializable = true });
    }

    [Fact]
    public async Task Every_error_code_of_the_store_has_an_answer()
    {
        foreach (var code in Enum.GetValues<KvErrorCode>().Where(c => c != KvErrorCode.None))
        {
            door.Store.Fault = new KvException(code);
            var error = await Assert.ThrowsAsync<RpcException>(() => door.Client.PutAsync("k"));

            // The one error whose code clients of etcd know as none.
            Assert.Equal(code == KvErrorCode.UnhealthyCluster, error.StatusCode == StatusCode.Unknown);
            Assert.StartsWith("etcdserver: ", error.Status.Detail, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_deadline_passes_as_such()
    {
        door.Store.Stall = new TaskCompletionSource();
        var put = door.Client.Kv.PutAsync(new PutRequest { Key = Bytes("k") }, deadline: DateTime.UtcNow.AddMilliseconds(200));
        var error = await Assert.ThrowsAsync<RpcException>(() => put.ResponseAsync);
        Assert.Equal(StatusCode.DeadlineExceeded, error.StatusCode);
        door.Store.Stall.SetResult();
    }

    [Fact]
    public async Task Calls_that_require_a_leader_fail_without_one()
    {
        door.Store.LeaderId = 0;
        const string text = "etcdserver: no leader";
        await ErrorAsync(
            StatusCode.Unavailable, text,
            door.Client.Kv.RangeAsync(new RangeRequest { Key = Bytes("k"), Serializable = true }, RequireLeader));
        using var watch = door.Client.Watch.Watch(RequireLeader);
        await ErrorAsync(StatusCode.Unavailable, text, () => watch.ResponseStream.MoveNext(default));
        var status = await door.Client.Maintenance.StatusAsync(new StatusRequest());
        Assert.Equal([text], status.Errors);
    }

    [Fact]
    public async Task Streams_that_require_a_leader_end_when_it_stays_away_and_others_stay()
    {
        using var strict = door.Client.Watch.Watch(RequireLeader);
        using var lenient = door.Client.Watch.Watch();
        foreach (var stream in (AsyncDuplexStreamingCall<WatchRequest, WatchResponse>[])[strict, lenient])
        {
            await stream.RequestStream.WriteAsync(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = Bytes("k") } });
            Assert.True(await stream.ResponseStream.MoveNext(default));
        }

        door.Store.LeaderId = 0;
        await ErrorAsync(StatusCode.Unavailable, "etcdserver: no leader", () => strict.ResponseStream.MoveNext(default));
        door.Store.LeaderId = 1;
        await door.Client.PutAsync("k");
        Assert.True(await lenient.ResponseStream.MoveNext(default));
    }

    [Fact]
    public async Task A_server_that_stops_tells_its_streams()
    {
        using var watch = door.Client.Watch.Watch();
        await watch.RequestStream.WriteAsync(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = Bytes("k") } });
        Assert.True(await watch.ResponseStream.MoveNext(default));
        var stop = door.StopAsync();
        var error = await Assert.ThrowsAsync<RpcException>(() => watch.ResponseStream.MoveNext(default).WaitAsync(TimeSpan.FromSeconds(5)));

        // .NET's client sometimes notices the connection's end before it has read the status that came ahead of it.
        Assert.True(
            (error.StatusCode, error.Status.Detail) == (StatusCode.Unavailable, "etcdserver: server stopped")
            || error.Status.Detail.Contains("NO_ERROR", StringComparison.Ordinal),
            error.ToString());
        await stop.WaitAsync(TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task Health_tells_why_not()
    {
        using var http = new HttpClient { BaseAddress = new Uri(door.Endpoint) };
        Assert.Equal("""{"health":"true","reason":""}""", await http.GetStringAsync("/health"));
        Assert.Equal("""{"etcdserver":"3.5.21","etcdcluster":"3.5.0"}""", await http.GetStringAsync("/version"));

        door.Store.Fault = new KvException(KvErrorCode.Timeout);
        var reply = await http.GetAsync("/health");
        Assert.Equal(503, (int)reply.StatusCode);
        Assert.Equal("""{"health":"false","reason":"RANGE ERROR:etcdserver: request timed out"}""", await reply.Content.ReadAsStringAsync());
        door.Store.LeaderId = 0;
        reply = await http.GetAsync("/health");
        Assert.Equal("""{"health":"false","reason":"RAFT NO LEADER"}""", await reply.Content.ReadAsStringAsync());
        Assert.Equal(200, (int)(await http.GetAsync("/health?serializable=true")).StatusCode);
    }
}

using Etcdserverpb;
using Grpc.Core;
using Grpc.Health.V1;
using PaxosStore.Testing;
using static PaxosStore.Gateways.Tests.Etcd.Expect;

namespace PaxosStore.Gateways.Tests.Etcd;

public sealed class LeaseContractTests : IAsyncLifetime
{
    private DoorHost door = null!;

    private Lease.LeaseClient Leases => door.Client.Lease;

    public async Task InitializeAsync() => door = await DoorHost.StartAsync();

    public async Task DisposeAsync() => await door.DisposeAsync();

    [Fact]
    public async Task Grants_keep_to_floor_and_ceiling()
    {
        Assert.Equal(2, (await Leases.LeaseGrantAsync(new LeaseGrantRequest { ID = 1, TTL = -3 })).TTL);
        Assert.Equal(9_000_000_000, (await Leases.LeaseGrantAsync(new LeaseGrantRequest { ID = 2, TTL = 9_000_000_000 })).TTL);
        Assert.True((await Leases.LeaseGrantAsync(new LeaseGrantRequest { TTL = 60 })).ID > 0);
        await ErrorAsync(
            StatusCode.OutOfRange, "etcdserver: too large lease TTL", Leases.LeaseGrantAsync(new LeaseGrantRequest { TTL = 9_000_000_001 }));
        await ErrorAsync(
            StatusCode.FailedPrecondition, "etcdserver: lease already exists", Leases.LeaseGrantAsync(new LeaseGrantRequest { ID = 1, TTL = 9 }));
        await ErrorAsync(
            StatusCode.NotFound, "etcdserver: requested lease not found", Leases.LeaseRevokeAsync(new LeaseRevokeRequest { ID = 77 }));
    }

    [Fact]
    public async Task A_lease_expires_with_its_keys_in_one_revision()
    {
        await Leases.LeaseGrantAsync(new LeaseGrantRequest { ID = 1, TTL = 2 });
        await door.Client.PutAsync("a", lease: 1);
        await door.Client.PutAsync("b", lease: 1);
        using var watch = door.Client.Watch.Watch();
        var create = new WatchCreateRequest { Key = Bytes("a"), RangeEnd = Bytes("c"), StartRevision = 4 };
        await watch.RequestStream.WriteAsync(new WatchRequest { CreateRequest = create });
        Assert.True(await watch.ResponseStream.MoveNext(default));
        Assert.True(await watch.ResponseStream.MoveNext(default).WaitAsync(TimeSpan.FromSeconds(10)));
        var events = watch.ResponseStream.Current.Events;
        Assert.Equal([4L, 4L], events.Select(e => e.Kv.ModRevision));
        Assert.Equal(-1, (await Leases.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = 1 })).TTL);
    }

    [Fact]
    public async Task Keep_alives_are_answered_in_order_and_end_with_the_clients_last_word()
    {
        await Leases.LeaseGrantAsync(new LeaseGrantRequest { ID = 1, TTL = 10 });
        await Leases.LeaseGrantAsync(new LeaseGrantRequest { ID = 2, TTL = 20 });
        using var call = Leases.LeaseKeepAlive();
        for (var i = 0; i < 3000; i++) await call.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = i % 3 });
        await call.RequestStream.CompleteAsync();
        var got = new List<(long, long)>();
        while (await call.ResponseStream.MoveNext(default)) got.Add((call.ResponseStream.Current.ID, call.ResponseStream.Current.TTL));
        Assert.Equal(Enumerable.Range(0, 3000).Select(i => ((long)(i % 3), (long)(i % 3 * 10))), got);
    }

    [Fact]
    public async Task Time_to_live_names_the_keys()
    {
        await Leases.LeaseGrantAsync(new LeaseGrantRequest { ID = 1, TTL = 100 });
        await door.Client.PutAsync("b", lease: 1);
        await door.Client.PutAsync("a", lease: 1);
        var reply = await Leases.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = 1, Keys = true });
        Assert.Equal((100L, new[] { Bytes("a"), Bytes("b") }), (reply.GrantedTTL, reply.Keys.ToArray()), (x, y) => x.Item1 == y.Item1 && x.Item2.SequenceEqual(y.Item2));
        Assert.InRange(reply.TTL, 90, 100);
        Assert.Equal([1L], (await Leases.LeaseLeasesAsync(new LeaseLeasesRequest())).Leases.Select(l => l.ID));
    }

    [Fact]
    public async Task Health_is_serving()
    {
        var reply = await door.Client.Health.CheckAsync(new HealthCheckRequest());
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, reply.Status);
        await ErrorAsync(StatusCode.NotFound, "unknown service", door.Client.Health.CheckAsync(new HealthCheckRequest { Service = "x" }));
    }
}

using Etcdserverpb;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using PaxosStore.Gateways.Etcd;
using PaxosStore.Gateways.Etcd.Json;
using PaxosStore.Testing;

namespace PaxosStore.Gateways.Tests.Etcd;

/// <summary>A stream that its client resets fails where it is read, sometimes before the call is known to be cancelled: it was logged as a fault of the server.</summary>
public sealed class ResetStreamTests
{
    [Fact]
    public async Task Counts_as_the_clients_going_and_not_as_a_fault()
    {
        await using var door = await DoorHost.StartAsync();
        var interceptor = door.Services.GetRequiredService<CallInterceptor>();
        var call = new GatewayCall("/etcdserverpb.Watch/Watch", new Microsoft.AspNetCore.Http.DefaultHttpContext(), "", CancellationToken.None);

        var error = await Assert.ThrowsAsync<RpcException>(() => interceptor.DuplexStreamingServerHandler<WatchRequest, WatchResponse>(
            null!, null!, call, (_, _, _) => throw new IOException("The client reset the request stream.")));

        Assert.Equal(StatusCode.Cancelled, error.StatusCode);
        Assert.Empty(door.Log.Lines);
    }

    [Fact]
    public async Task Does_not_hide_what_fails_on_a_disk()
    {
        await using var door = await DoorHost.StartAsync();
        var interceptor = door.Services.GetRequiredService<CallInterceptor>();
        var call = new GatewayCall("/etcdserverpb.Maintenance/Status", new Microsoft.AspNetCore.Http.DefaultHttpContext(), "", CancellationToken.None);

        var error = await Assert.ThrowsAsync<RpcException>(() => interceptor.UnaryServerHandler<StatusRequest, StatusResponse>(
            new StatusRequest(), call, (_, _) => throw new IOException("no space left on device")));

        Assert.Equal(StatusCode.Internal, error.StatusCode);
        Assert.Single(door.Log.Lines);
    }
}

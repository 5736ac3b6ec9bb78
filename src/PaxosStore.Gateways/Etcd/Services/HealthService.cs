using Grpc.Core;
using Grpc.Health.V1;

namespace PaxosStore.Gateways.Etcd.Services;

/// <summary>gRPC's standard health check. As in etcd, a process that answers at all is serving; <c>/health</c> looks deeper.</summary>
internal sealed class HealthService(StreamEnds ends) : Health.HealthBase
{
    /// <inheritdoc/>
    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context)
    {
        if (request.Service.Length > 0) throw new RpcException(new Status(StatusCode.NotFound, "unknown service"));
        return Task.FromResult(new HealthCheckResponse { Status = HealthCheckResponse.Types.ServingStatus.Serving });
    }

    /// <summary>Tells the status once, and again when the server stops.</summary>
    public override async Task Watch(
        HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream, ServerCallContext context)
    {
        using var end = ends.Begin(context);
        var known = request.Service.Length == 0;
        await responseStream.WriteAsync(new HealthCheckResponse
        {
            Status = known ? HealthCheckResponse.Types.ServingStatus.Serving : HealthCheckResponse.Types.ServingStatus.ServiceUnknown,
        });
        await Task.Delay(Timeout.InfiniteTimeSpan, end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (end.Reason() is null) return;
        await responseStream.WriteAsync(new HealthCheckResponse { Status = HealthCheckResponse.Types.ServingStatus.NotServing });
    }
}

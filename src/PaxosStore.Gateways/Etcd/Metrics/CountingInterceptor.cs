using System.Diagnostics;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace PaxosStore.Gateways.Etcd.Metrics;

/// <summary>Counts calls and how they ended. It is the outermost interceptor: what it sees is what the client is told.</summary>
internal sealed class CountingInterceptor(CallCounters counters) : Interceptor
{
    /// <inheritdoc/>
    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        ArgumentNullException.ThrowIfNull(context);
        var calls = counters.Of(context.Method, MethodType.Unary);
        calls.Start();
        var (begun, code) = (Stopwatch.GetTimestamp(), StatusCode.Unknown);
        try
        {
            var reply = await continuation(request, context);
            code = StatusCode.OK;
            return reply;
        }
        catch (RpcException e)
        {
            code = e.StatusCode;
            throw;
        }
        finally
        {
            calls.End(code, Stopwatch.GetElapsedTime(begun));
        }
    }

    /// <inheritdoc/>
    public override Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation) =>
        StreamAsync(MethodType.ServerStreaming, context, () => continuation(request, responseStream, context));

    /// <inheritdoc/>
    public override Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, IServerStreamWriter<TResponse> responseStream, ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation) =>
        StreamAsync(MethodType.DuplexStreaming, context, () => continuation(requestStream, responseStream, context));

    private async Task StreamAsync(MethodType type, ServerCallContext context, Func<Task> stream)
    {
        var calls = counters.Of(context.Method, type);
        calls.Start();
        var (begun, code) = (Stopwatch.GetTimestamp(), StatusCode.Unknown);
        try
        {
            await stream();
            code = StatusCode.OK;
        }
        catch (RpcException e)
        {
            code = e.StatusCode;
            throw;
        }
        finally
        {
            calls.End(code, Stopwatch.GetElapsedTime(begun));
        }
    }
}

using System.Buffers;
using Google.Protobuf;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using PaxosStore.Gateways.Etcd.Services;

namespace PaxosStore.Gateways.Etcd.Json;

/// <summary>One gRPC method, callable with JSON.</summary>
internal delegate Task GatewayMethod(GatewayExchange exchange);

/// <summary>Sends what a stream has written.</summary>
internal delegate ValueTask StreamFlush(CancellationToken cancellation);

/// <summary>
/// The methods of all bound services, called in this process. Each call passes the interceptors that one over gRPC passes, so that nothing is allowed
/// here that is refused there.
/// </summary>
internal sealed class GatewayMethods : ServiceBinderBase
{
    private readonly Dictionary<string, GatewayMethod> byName = new(StringComparer.Ordinal);

    // Innermost first.
    private readonly Interceptor[] interceptors;

    public GatewayMethods(IEnumerable<IBoundService> services, IOptions<GrpcServiceOptions> options, IServiceProvider provider)
    {
        interceptors = [.. options.Value.Interceptors.Select(registered => (Interceptor)provider.GetRequiredService(registered.Type)).Reverse()];
        foreach (var service in services) service.Bind(this);
    }

    /// <summary>Full names, without a leading slash.</summary>
    internal IEnumerable<string> Names => byName.Keys;

    /// <exception cref="InvalidOperationException">No service has it.</exception>
    internal GatewayMethod this[string name] =>
        byName.GetValueOrDefault(name) ?? throw new InvalidOperationException($"No service has the method {name}.");

    /// <inheritdoc/>
    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler)
    {
        ArgumentNullException.ThrowIfNull(method);
        var call = handler ?? throw new ArgumentNullException(nameof(handler));
        foreach (var interceptor in interceptors)
        {
            var inner = call;
            call = (request, context) => interceptor.UnaryServerHandler(request, context, inner);
        }

        Add(method, async exchange =>
        {
            var request = await exchange.ReadAsync<TRequest>(exchange.Call.CancellationToken) ?? Activator.CreateInstance<TRequest>();
            await exchange.ReplyAsync((IMessage)await call(request, exchange.Call));
        });
    }

    /// <inheritdoc/>
    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler)
    {
        ArgumentNullException.ThrowIfNull(method);
        var call = handler ?? throw new ArgumentNullException(nameof(handler));
        foreach (var interceptor in interceptors)
        {
            var inner = call;
            call = (request, writer, context) => interceptor.ServerStreamingServerHandler(request, writer, context, inner);
        }

        Add(method, async exchange =>
        {
            var request = await exchange.ReadAsync<TRequest>(exchange.Call.CancellationToken) ?? Activator.CreateInstance<TRequest>();
            await StreamAsync(exchange, () => call(request, new Writer<TResponse>(exchange, WriteMessage), exchange.Call));
        });
    }

    /// <inheritdoc/>
    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        AddDuplex<TRequest, TResponse>(method, (reader, writer, _, context) => handler(reader, writer, context), WriteMessage);
    }

    /// <summary>Adds a method of two streams whose handler flushes by itself, or whose replies are no generated messages.</summary>
    internal void AddDuplex<TRequest, TResponse>(
        IMethod method, Func<IAsyncStreamReader<TRequest>, IServerStreamWriter<TResponse>, StreamFlush, ServerCallContext, Task> handler,
        Action<IBufferWriter<byte>, TResponse> write)
        where TRequest : class
        where TResponse : class
    {
        Add(method, async exchange =>
        {
            DuplexStreamingServerMethod<TRequest, TResponse> call = (reader, writer, context) => handler(reader, writer, exchange.FlushAsync, context);
            foreach (var interceptor in interceptors)
            {
                var inner = call;
                call = (reader, writer, context) => interceptor.DuplexStreamingServerHandler(reader, writer, context, inner);
            }

            var requests = new Reader<TRequest>(exchange, await FirstAsync<TRequest>(exchange));
            await StreamAsync(exchange, () => call(requests, new Writer<TResponse>(exchange, write), exchange.Call));
        });
    }

    private void Add(IMethod method, GatewayMethod call) => byName.Add($"{method.ServiceName}/{method.Name}", call);

    private static void WriteMessage<TResponse>(IBufferWriter<byte> to, TResponse reply) => JsonWriter.Write(to, (IMessage)reply!);

    // The call begins with its first request; when that can't be read there is no call.
    private static async ValueTask<TRequest?> FirstAsync<TRequest>(GatewayExchange exchange) where TRequest : class
    {
        try
        {
            return await exchange.ReadAsync<TRequest>(exchange.Call.CancellationToken);
        }
        catch (JsonShapeException e)
        {
            throw new RpcException(new Status(StatusCode.Unknown, e.Message));
        }
    }

    private static async Task StreamAsync(GatewayExchange exchange, Func<Task> call)
    {
        try
        {
            await call();
            exchange.Begin();
            await exchange.FlushAsync(exchange.Call.CancellationToken);
        }
        catch (RpcException e)
        {
            await exchange.FailAsync(e.Status);
        }
    }

    /// <summary>The requests of a stream. What can't be read ends them, as if the client had no more to say: etcd's gateway does so.</summary>
    private sealed class Reader<TRequest>(GatewayExchange exchange, TRequest? first) : IAsyncStreamReader<TRequest> where TRequest : class
    {
        private TRequest? next = first;
        private bool ended = first is null;

        public TRequest Current { get; private set; } = null!;

        public async Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            if (ended) return false;
            try
            {
                var request = next ?? await exchange.ReadAsync<TRequest>(cancellationToken);
                next = null;
                ended = request is null;
                if (request is not null) Current = request;
            }
            catch (Exception e) when (e is JsonShapeException or IOException)
            {
                ended = true;
            }

            return !ended;
        }
    }

    /// <summary>The replies of a stream, each sent at once unless it says that more follow.</summary>
    private sealed class Writer<TResponse>(GatewayExchange exchange, Action<IBufferWriter<byte>, TResponse> write) : IServerStreamWriter<TResponse>
    {
        public WriteOptions? WriteOptions { get; set; }

        public Task WriteAsync(TResponse message) => WriteAsync(message, exchange.Call.CancellationToken);

        public Task WriteAsync(TResponse message, CancellationToken cancellationToken)
        {
            exchange.Write(message, write);
            return WriteOptions?.Flags.HasFlag(WriteFlags.BufferHint) == true ? Task.CompletedTask : exchange.FlushAsync(cancellationToken).AsTask();
        }
    }
}

using Google.Protobuf;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;
using PaxosStore.Gateways.Etcd.Json;
using PaxosStore.Gateways.Etcd.Metrics;

namespace PaxosStore.Gateways.Etcd.Services;

/// <summary>A service that the JSON gateway can call.</summary>
internal interface IBoundService
{
    /// <summary>Tells the gateway its methods.</summary>
    void Bind(GatewayMethods gateway);
}

/// <summary>
/// A generated service as the gRPC server gets to see it: the same methods, but a message that is no protobuf is the client's error. Requests of unary
/// calls are parsed before any interceptor runs, so there is no other place to say so.
/// </summary>
internal sealed class BoundService<TService>(TService service, Action<ServiceBinderBase, TService> bind, CallCounters counters)
    : IServiceMethodProvider<BoundService<TService>>, IBoundService
    where TService : class
{
    /// <inheritdoc/>
    public void Bind(GatewayMethods gateway) => bind(gateway, service);

    public void OnServiceMethodDiscovery(ServiceMethodProviderContext<BoundService<TService>> context) => bind(new Binder(context, counters), service);

    private sealed class Binder(ServiceMethodProviderContext<BoundService<TService>> context, CallCounters counters) : ServiceBinderBase
    {
        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler)
        {
            ArgumentNullException.ThrowIfNull(handler);
            context.AddUnaryMethod(Checked(method), [], (_, request, call) => handler(request, call));
        }

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler)
        {
            ArgumentNullException.ThrowIfNull(handler);
            context.AddServerStreamingMethod(Checked(method), [], (_, request, writer, call) => handler(request, writer, call));
        }

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler)
        {
            ArgumentNullException.ThrowIfNull(handler);
            context.AddDuplexStreamingMethod(Checked(method), [], (_, reader, writer, call) => handler(reader, writer, call));
        }

        private Method<TRequest, TResponse> Checked<TRequest, TResponse>(Method<TRequest, TResponse> method)
            where TRequest : class
            where TResponse : class
        {
            var (requests, replies) = (method.RequestMarshaller, method.ResponseMarshaller);
            return new Method<TRequest, TResponse>(
                method.Type, method.ServiceName, method.Name,
                Marshallers.Create(requests.ContextualSerializer, context => Parse(requests, context)),
                Marshallers.Create(Write, replies.ContextualDeserializer));
        }

        private TRequest Parse<TRequest>(Marshaller<TRequest> marshaller, DeserializationContext context)
        {
            counters.CountReceived(context.PayloadLength);
            try
            {
                return marshaller.ContextualDeserializer(context);
            }
            catch (InvalidProtocolBufferException)
            {
                throw EtcdErrors.BadMessage;
            }
        }

        // As generated code does it; the size is counted on the way.
        private void Write<TResponse>(TResponse reply, SerializationContext context)
        {
            var message = (IMessage)reply!;
            var size = message.CalculateSize();
            counters.CountSent(size);
            context.SetPayloadLength(size);
            message.WriteTo(context.GetBufferWriter());
            context.Complete();
        }
    }
}

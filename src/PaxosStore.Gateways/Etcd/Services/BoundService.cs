using Google.Protobuf;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;
using PaxosStore.Gateways.Etcd.Json;

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
internal sealed class BoundService<TService>(TService service, Action<ServiceBinderBase, TService> bind)
    : IServiceMethodProvider<BoundService<TService>>, IBoundService
    where TService : class
{
    /// <inheritdoc/>
    public void Bind(GatewayMethods gateway) => bind(gateway, service);

    public void OnServiceMethodDiscovery(ServiceMethodProviderContext<BoundService<TService>> context) => bind(new Binder(context), service);

    private sealed class Binder(ServiceMethodProviderContext<BoundService<TService>> context) : ServiceBinderBase
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

        private static Method<TRequest, TResponse> Checked<TRequest, TResponse>(Method<TRequest, TResponse> method)
            where TRequest : class
            where TResponse : class
        {
            var requests = method.RequestMarshaller;
            return new Method<TRequest, TResponse>(
                method.Type, method.ServiceName, method.Name,
                Marshallers.Create(requests.ContextualSerializer, context => Parse(requests, context)), method.ResponseMarshaller);
        }

        private static TRequest Parse<TRequest>(Marshaller<TRequest> marshaller, DeserializationContext context)
        {
            try
            {
                return marshaller.ContextualDeserializer(context);
            }
            catch (InvalidProtocolBufferException)
            {
                throw EtcdErrors.BadMessage;
            }
        }
    }
}

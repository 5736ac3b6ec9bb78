using System.Diagnostics.CodeAnalysis;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.AspNetCore.Server;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using PaxosStore.Gateways.Etcd.Callers;
using PaxosStore.Gateways.Etcd.Watching;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Services;

/// <summary>Watch streams. The method is bound by hand because replies are <see cref="WatchFrame"/>s, not generated messages.</summary>
internal sealed class WatchService(IKvStore store, Doorkeeper doorkeeper, Headers headers, IOptions<EtcdDoorOptions> options, StreamEnds ends, TimeProvider? time = null)
{
    private const int FlushBytes = 64 * 1024;

    private async Task WatchAsync(IAsyncStreamReader<WatchRequest> reader, IServerStreamWriter<WatchFrame> writer, ServerCallContext context)
    {
        using var end = ends.Begin(context);
        var sink = new FrameSink(writer, context.GetHttpContext().Response.BodyWriter, FlushBytes);
        try
        {
            var access = new WatchAccess(doorkeeper, context);
            await new WatchStream(store, access, headers, options.Value, sink).RunAsync(reader, time ?? TimeProvider.System, end);
        }
        catch (OperationCanceledException)
        {
            throw end.Reason() ?? EtcdErrors.WatchCanceled;
        }
    }

    /// <summary>Tells the gRPC server about the one method.</summary>
    [SuppressMessage("Performance", "CA1812", Justification = "Created by the service container.")]
    internal sealed class Binding : IServiceMethodProvider<WatchService>
    {
        private static readonly Method<WatchRequest, WatchFrame> Method = new(
            MethodType.DuplexStreaming, "etcdserverpb.Watch", "Watch",
            Marshallers.Create((_, _) => throw new NotSupportedException(), Read),
            Marshallers.Create<WatchFrame>(Write, _ => throw new NotSupportedException()));

        public void OnServiceMethodDiscovery(ServiceMethodProviderContext<WatchService> context) =>
            context.AddDuplexStreamingMethod(Method, [], (service, reader, writer, call) => service.WatchAsync(reader, writer, call));

        private static WatchRequest Read(DeserializationContext context)
        {
            try
            {
                return WatchRequest.Parser.ParseFrom(context.PayloadAsReadOnlySequence());
            }
            catch (InvalidProtocolBufferException)
            {
                throw EtcdErrors.BadMessage;
            }
        }

        private static void Write(WatchFrame frame, SerializationContext context)
        {
            context.SetPayloadLength(WatchFrameWriter.Size(frame));
            WatchFrameWriter.Write(frame, context.GetBufferWriter());
            context.Complete();
        }
    }
}

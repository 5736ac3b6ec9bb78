using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.AspNetCore.Server;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using PaxosStore.Gateways.Etcd.Callers;
using PaxosStore.Gateways.Etcd.Json;
using PaxosStore.Gateways.Etcd.Metrics;
using PaxosStore.Gateways.Etcd.Watching;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Services;

/// <summary>Watch streams. The method is bound by hand because replies are <see cref="WatchFrame"/>s, not generated messages.</summary>
internal sealed class WatchService(
    IKvStore store, Doorkeeper doorkeeper, Headers headers, IOptions<EtcdDoorOptions> options, StreamEnds ends, CallCounters counters, TimeProvider? time = null)
    : IBoundService
{
    private const int FlushBytes = 64 * 1024;

    private Method<WatchRequest, WatchFrame> Method => new(
        MethodType.DuplexStreaming, "etcdserverpb.Watch", "Watch",
        Marshallers.Create((_, _) => throw new NotSupportedException(), Read),
        Marshallers.Create<WatchFrame>(Write, _ => throw new NotSupportedException()));

    /// <inheritdoc/>
    public void Bind(GatewayMethods gateway) => gateway.AddDuplex<WatchRequest, WatchFrame>(Method, WatchAsync, WriteJson);

    private async Task WatchAsync(
        IAsyncStreamReader<WatchRequest> reader, IServerStreamWriter<WatchFrame> writer, StreamFlush flush, ServerCallContext context)
    {
        using var end = ends.Begin(context);
        var sink = new FrameSink(writer, flush, FlushBytes);
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

    private WatchRequest Read(DeserializationContext context)
    {
        counters.CountReceived(context.PayloadLength);
        try
        {
            return WatchRequest.Parser.ParseFrom(context.PayloadAsReadOnlySequence());
        }
        catch (InvalidProtocolBufferException)
        {
            throw EtcdErrors.BadMessage;
        }
    }

    private void Write(WatchFrame frame, SerializationContext context)
    {
        var size = WatchFrameWriter.Size(frame);
        counters.CountSent(size);
        context.SetPayloadLength(size);
        WatchFrameWriter.Write(frame, context.GetBufferWriter());
        context.Complete();
    }

    // JSON is written from generated messages, and the bytes of a frame are one.
    private static void WriteJson(IBufferWriter<byte> to, WatchFrame frame)
    {
        var bytes = new ArrayBufferWriter<byte>(WatchFrameWriter.Size(frame));
        WatchFrameWriter.Write(frame, bytes);
        JsonWriter.Write(to, WatchResponse.Parser.ParseFrom(bytes.WrittenSpan));
    }

    /// <summary>Tells the gRPC server about the one method.</summary>
    [SuppressMessage("Performance", "CA1812", Justification = "Created by the service container.")]
    internal sealed class Binding(WatchService watch) : IServiceMethodProvider<WatchService>
    {
        public void OnServiceMethodDiscovery(ServiceMethodProviderContext<WatchService> context) =>
            context.AddDuplexStreamingMethod(watch.Method, [], (service, reader, writer, call) =>
            {
                var body = call.GetHttpContext().Response.BodyWriter;
                return service.WatchAsync(reader, writer, async cancellation => await body.FlushAsync(cancellation), call);
            });
    }
}

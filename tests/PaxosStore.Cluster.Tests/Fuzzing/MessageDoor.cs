using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Net.Client;

namespace PaxosStore.Cluster.Tests.Fuzzing;

/// <summary>Well-formed gRPC calls of every method whose messages are anything between right and noise.</summary>
internal sealed class MessageDoor(Prey prey) : Door
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Glimpse = TimeSpan.FromMilliseconds(30);
    private static readonly Marshaller<byte[]> Raw = Marshallers.Create(bytes => bytes, bytes => bytes);
    private static readonly byte[][] Splinters =
        [[0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x07], [0x0B], [0x0C], [0xF8, 0x3F, 0x2A], [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1], [0x12, 0x80, 0x01]];

    private readonly GrpcChannel _channel = GrpcChannel.ForAddress(prey.Node.ClientUrl, new GrpcChannelOptions { MaxReceiveMessageSize = null });

    public override void Dispose()
    {
        _channel.Dispose();
        base.Dispose();
    }

    public override async Task<string?> AttackAsync(Random random)
    {
        var method = RandomMessages.Methods[random.Next(RandomMessages.Methods.Count)];
        var waits = RandomMessages.Waits(method);
        using var limit = new CancellationTokenSource(waits ? Glimpse : Patience);
        try
        {
            if (method.IsClientStreaming || method.IsServerStreaming)
                await StreamAsync(method, random, limit.Token);
            else
                await _channel.CreateCallInvoker().AsyncUnaryCall(Call(method, MethodType.Unary), null, new CallOptions(cancellationToken: limit.Token), Bytes(method, random));
        }
        catch (RpcException)
        {
            // An error is an answer; whether the server took it for one of its own is in its log.
        }

        return waits ? null : method.FullName;
    }

    private async Task StreamAsync(MethodDescriptor method, Random random, CancellationToken end)
    {
        using var call = _channel.CreateCallInvoker().AsyncDuplexStreamingCall(Call(method, MethodType.DuplexStreaming), null, new CallOptions(cancellationToken: end));
        for (var n = random.Next(1, 6); n > 0; n--)
            await call.RequestStream.WriteAsync(Bytes(method, random), end);
        if (random.Next(2) == 0)
            await call.RequestStream.CompleteAsync();
        while (await call.ResponseStream.MoveNext(CancellationToken.None))
        {
        }
    }

    private static Method<byte[], byte[]> Call(MethodDescriptor method, MethodType type) => new(type, method.Service.FullName, method.Name, Raw, Raw);

    private static byte[] Bytes(MethodDescriptor method, Random random) =>
        Damage.Do(RandomMessages.Create(method.InputType, random).ToByteArray(), random, most: 3, Splinters);
}

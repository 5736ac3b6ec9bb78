using System.Buffers;
using System.IO.Pipelines;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace PaxosStore.Gateways.Etcd.Json;

/// <summary>
/// One call's bodies: requests are read from one pipe, and replies written to another, which is the answer of an HTTP request or what a WebSocket sends.
/// </summary>
internal sealed class GatewayExchange(HttpContext http, PipeReader input, PipeWriter output, GatewayCall call, int maxMessageBytes)
{
    // Base64 and names make a message longer, but not twice as long where it is near the limit.
    private readonly JsonValues values = new(input, 2L * maxMessageBytes);

    internal GatewayCall Call { get; } = call;

    /// <summary>The next request; null at the end of the body.</summary>
    /// <exception cref="JsonShapeException">It can't be read.</exception>
    /// <exception cref="RpcException">It is larger than any message may be.</exception>
    internal async ValueTask<TRequest?> ReadAsync<TRequest>(CancellationToken cancellation) where TRequest : class
    {
        TRequest? message = null;
        try
        {
            var found = await values.ReadAsync(
                json =>
                {
                    message = Activator.CreateInstance<TRequest>();
                    JsonReader.Read(json, (IMessage)message);
                },
                cancellation);
            if (!found) return null;
        }
        catch (JsonTooLargeException e)
        {
            throw GatewayErrors.TooLarge(e.Bytes, maxMessageBytes);
        }

        var size = ((IMessage)message!).CalculateSize();
        return size <= maxMessageBytes ? message : throw GatewayErrors.TooLarge(size, maxMessageBytes);
    }

    /// <summary>Answers a call of one reply.</summary>
    internal async Task ReplyAsync(IMessage reply)
    {
        var body = new ArrayBufferWriter<byte>();
        JsonWriter.Write(body, reply);
        await SendAsync(StatusCodes.Status200OK, body);
    }

    /// <summary>Answers a call that failed.</summary>
    internal async Task RefuseAsync(Status status)
    {
        var body = new ArrayBufferWriter<byte>();
        GatewayErrors.WriteCall(body, status);
        await SendAsync(GatewayErrors.HttpCode(status.StatusCode), body);
    }

    /// <summary>Begins a stream of replies, unless it has begun.</summary>
    internal void Begin(int httpCode = StatusCodes.Status200OK)
    {
        if (Begun) return;
        Begun = true;
        if (http.Response.HasStarted) return;
        http.Response.StatusCode = httpCode;
        http.Response.ContentType = "application/json";
    }

    /// <summary>A reply of the stream has been written.</summary>
    internal bool Begun { get; private set; }

    /// <summary>Writes one reply of a stream.</summary>
    internal void Write<TReply>(TReply reply, Action<IBufferWriter<byte>, TReply> write)
    {
        Begin();
        output.Write("{\"result\":"u8);
        write(output, reply);
        output.Write("}\n"u8);
    }

    /// <summary>Ends a stream that failed.</summary>
    internal async Task FailAsync(Status status)
    {
        Begin(GatewayErrors.HttpCode(status.StatusCode));
        GatewayErrors.WriteStream(output, status);
        await FlushAsync(Call.CancellationToken);
    }

    /// <summary>Sends what was written; waiting for it is the back-pressure of a slow client.</summary>
    internal async ValueTask FlushAsync(CancellationToken cancellation)
    {
        var flushed = await output.FlushAsync(cancellation);
        if (flushed.IsCompleted) throw new OperationCanceledException("The client reads no more.");
    }

    private async Task SendAsync(int httpCode, ArrayBufferWriter<byte> body)
    {
        if (!http.Response.HasStarted)
        {
            http.Response.StatusCode = httpCode;
            http.Response.ContentType = "application/json";
            http.Response.ContentLength = body.WrittenCount;
        }

        await output.WriteAsync(body.WrittenMemory, Call.CancellationToken);
    }
}

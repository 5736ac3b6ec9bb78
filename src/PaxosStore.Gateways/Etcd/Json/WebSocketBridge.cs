using System.Buffers;
using System.IO.Pipelines;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Http;

namespace PaxosStore.Gateways.Etcd.Json;

/// <summary>
/// A call of the gateway over a WebSocket: each message of the client is a line of the request's body, each line of the answer a message to the client.
/// What a browser can't put into a header it gives as subprotocols (<c>Bearer, token</c>) or as the cookie <c>token</c>.
/// </summary>
internal static class WebSocketBridge
{
    private const string Bearer = "Bearer";
    private const int BufferBytes = 16 * 1024;
    private static readonly TimeSpan ClosePatience = TimeSpan.FromSeconds(2);

    internal delegate Task Call(PipeReader input, PipeWriter output, string authorization, CancellationToken cancellation);

    /// <summary>Serves one connection until the call has ended or the client has closed it.</summary>
    internal static async Task RunAsync(HttpContext http, long maxMessageBytes, Call call)
    {
        var (authorization, protocol) = Credentials(http);
        using var socket = await http.WebSockets.AcceptWebSocketAsync(protocol);
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        var input = new Pipe(new PipeOptions(pauseWriterThreshold: maxMessageBytes, resumeWriterThreshold: maxMessageBytes / 2));
        var output = new Pipe();
        var receiving = ReceiveAsync(socket, input.Writer, gone);
        var sending = SendAsync(socket, output.Reader, gone.Token, http.RequestAborted);
        try
        {
            await call(input.Reader, output.Writer, authorization, gone.Token);
        }
        finally
        {
            await output.Writer.CompleteAsync();
            await sending;
            await input.Reader.CompleteAsync();

            // A connection that is cut before the client has answered the closing would cost it what it has not read yet.
            await Task.WhenAny(receiving, Task.Delay(ClosePatience, gone.Token));
            await gone.CancelAsync();
            await receiving;
            await AnswerCloseAsync(socket, http.RequestAborted);
        }
    }

    private static (string Authorization, string? Protocol) Credentials(HttpContext http)
    {
        var authorization = http.Request.Headers.Authorization.ToString();
        var asked = http.WebSockets.WebSocketRequestedProtocols;
        if (asked is [Bearer, var token]) return ($"{Bearer} {token}", Bearer);
        if (authorization.Length == 0 && http.Request.Cookies["token"] is { Length: > 0 } cookie) authorization = $"{Bearer} {cookie}";
        return (authorization, null);
    }

    // The client closes the connection when it wants no more: that ends the call, not only its requests.
    private static async Task ReceiveAsync(WebSocket socket, PipeWriter body, CancellationTokenSource gone)
    {
        try
        {
            while (true)
            {
                var received = await socket.ReceiveAsync(body.GetMemory(BufferBytes), gone.Token);
                if (received.MessageType == WebSocketMessageType.Close) break;
                body.Advance(received.Count);
                if (received.EndOfMessage) body.Write("\n"u8);
                if ((await body.FlushAsync(gone.Token)).IsCompleted) break;
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or IOException)
        {
            // Gone without a word.
        }

        await body.CompleteAsync();
        await gone.CancelAsync();
    }

    private static async Task AnswerCloseAsync(WebSocket socket, CancellationToken cancellation)
    {
        if (socket.State != WebSocketState.CloseReceived) return;
        try
        {
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, cancellation);
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or IOException)
        {
            // It did not wait for the answer.
        }
    }

    // A message on its way is not given up for the client's closing: that would cut the connection before the closing is answered.
    private static async Task SendAsync(WebSocket socket, PipeReader lines, CancellationToken gone, CancellationToken aborted)
    {
        try
        {
            while (true)
            {
                var read = await lines.ReadAsync(gone);
                gone.ThrowIfCancellationRequested();
                var rest = read.Buffer;
                while (rest.PositionOf((byte)'\n') is { } end)
                {
                    await SendLineAsync(socket, rest.Slice(0, end), aborted);
                    rest = rest.Slice(rest.GetPosition(1, end));
                }

                if (read.IsCompleted && !rest.IsEmpty) await SendLineAsync(socket, rest, aborted);
                lines.AdvanceTo(read.IsCompleted ? rest.End : rest.Start, rest.End);
                if (read.IsCompleted) break;
            }

            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, aborted);
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or IOException)
        {
            // The client is gone; the call ends when it writes next.
        }

        await lines.CompleteAsync();
    }

    private static async ValueTask SendLineAsync(WebSocket socket, ReadOnlySequence<byte> line, CancellationToken cancellation)
    {
        var left = line.Length;
        foreach (var segment in line)
        {
            left -= segment.Length;
            await socket.SendAsync(segment, WebSocketMessageType.Text, endOfMessage: left == 0, cancellation);
        }
    }
}

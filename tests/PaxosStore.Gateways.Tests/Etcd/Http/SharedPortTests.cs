using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using PaxosStore.Gateways.Listening;
using PaxosStore.Testing;
using PaxosStore.Testing.Differential;

namespace PaxosStore.Gateways.Tests.Etcd.Http;

/// <summary>One port, two protocols: connections go where they belong, however their first bytes arrive.</summary>
public sealed class SharedPortTests
{
    private const string Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    [Theory]
    [InlineData(21)]
    [InlineData(22)]
    public async Task Connections_are_told_apart_however_their_bytes_are_cut(int seed)
    {
        await using var door = await DoorHost.StartAsync();
        var random = new Random(seed);
        for (var round = 0; round < 60; round++)
        {
            var http2 = random.Next(2) == 0;
            var begin = http2 ? Preface + "\0\0\0\u0004\0\0\0\0\0" : "POST /v3/kv/range HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            using var socket = await ConnectAsync(door.Port);
            foreach (var piece in Cut(Encoding.Latin1.GetBytes(begin), random)) await socket.SendAsync(piece);
            var answer = await FirstBytesAsync(socket);
            if (http2) Assert.Equal(4, answer[3]);
            else Assert.StartsWith("HTTP/1.1 400", Encoding.Latin1.GetString(answer), StringComparison.Ordinal);
        }

        Assert.Empty(door.Log.Lines);
    }

    [Theory]
    [InlineData("garbage\r\n\r\n")]
    [InlineData("PRI * HTTP/2.1\r\n\r\nSM\r\n\r\n")]
    [InlineData("\u0016\u0003\u0001\u0002\0\u0001\0\u0001")]
    [InlineData("\0\0\0\0\0\0\0\0\0\0\0\0")]
    public async Task What_is_neither_is_refused_in_http_1(string bytes)
    {
        await using var door = await DoorHost.StartAsync();
        using var socket = await ConnectAsync(door.Port);
        await socket.SendAsync(Encoding.Latin1.GetBytes(bytes));
        Assert.Matches("^HTTP/1.1 (400|505) ", Encoding.Latin1.GetString(await FirstBytesAsync(socket)));
        Assert.Empty(door.Log.Lines);
    }

    [Fact]
    public async Task Random_beginnings_are_answered_or_closed()
    {
        await using var door = await DoorHost.StartAsync();
        var random = new Random(23);
        for (var round = 0; round < 120; round++)
        {
            using var socket = await ConnectAsync(door.Port);
            var bytes = new byte[random.Next(60)];
            random.NextBytes(bytes);
            var known = random.Next(Preface.Length + 1);
            await SendAsync(socket, [.. Encoding.Latin1.GetBytes(Preface[..known]), .. bytes]);
            if (random.Next(3) == 0) socket.Close(0);
            else socket.Shutdown(SocketShutdown.Send);
            if (socket.Connected) await FirstBytesAsync(socket);
        }

        var json = new JsonDoor(door.Endpoint);
        Assert.Equal(200, (await json.GetAsync("/version")).Status);
        await door.Client.PutAsync("alive");
        Assert.Empty(door.Log.Lines);
    }

    [Theory]
    [InlineData("")]
    [InlineData("PRI * HTTP/2.0\r\n")]
    public async Task A_connection_that_does_not_say_what_it_is_is_cut_after_a_while(string begin)
    {
        var time = new ManualTime();
        var sockets = new SocketTransportFactory(Options.Create(new SocketTransportOptions()), NullLoggerFactory.Instance);
        await using var sorter = new ConnectionSorter(await sockets.BindAsync(new IPEndPoint(IPAddress.Loopback, 0)), time);
        using var silent = await ConnectAsync(((IPEndPoint)sorter.Http1.EndPoint).Port);
        await silent.SendAsync(Encoding.Latin1.GetBytes(begin));

        // The second connection was accepted after the first.
        using var spoken = await ConnectAsync(((IPEndPoint)sorter.Http1.EndPoint).Port);
        await spoken.SendAsync("GET"u8.ToArray());
        await using var connection = await sorter.Http1.AcceptAsync() ?? throw new InvalidOperationException("Nothing came.");
        var end = FirstBytesAsync(silent);
        time.Advance(ConnectionSorter.Patience / 2);
        Assert.False(end.IsCompleted);
        time.Advance(ConnectionSorter.Patience);
        Assert.Empty(await end);
    }

    [Fact]
    public async Task Connections_that_have_not_spoken_do_not_hold_up_a_stop()
    {
        var door = await DoorHost.StartAsync();
        using var silent = await ConnectAsync(door.Port);
        var spoken = new JsonDoor(door.Endpoint);
        await spoken.GetAsync("/version");
        await door.StopAsync().WaitAsync(TimeSpan.FromSeconds(5));
        Assert.Empty(await FirstBytesAsync(silent));
        await door.DisposeAsync();
    }

    [Fact]
    public async Task Nothing_of_a_connection_is_lost_or_copied_by_looking_at_it()
    {
        var sockets = new SocketTransportFactory(Options.Create(new SocketTransportOptions()), NullLoggerFactory.Instance);
        await using var sorter = new ConnectionSorter(await sockets.BindAsync(new IPEndPoint(IPAddress.Loopback, 0)), TimeProvider.System);
        using var socket = await ConnectAsync(((IPEndPoint)sorter.Http2.EndPoint).Port);
        await socket.SendAsync(Encoding.Latin1.GetBytes(Preface[..10]));
        await Task.Delay(20);
        await socket.SendAsync(Encoding.Latin1.GetBytes(Preface[10..] + "more"));

        await using var connection = await sorter.Http2.AcceptAsync() ?? throw new InvalidOperationException("Nothing came.");
        var read = await connection.Transport.Input.ReadAsync();
        Assert.Equal(Preface + "more", Encoding.Latin1.GetString(read.Buffer));
        connection.Transport.Input.AdvanceTo(read.Buffer.End);
    }

    private static IEnumerable<ArraySegment<byte>> Cut(byte[] bytes, Random random)
    {
        for (var at = 0; at < bytes.Length;)
        {
            var length = Math.Min(bytes.Length - at, 1 + random.Next(random.Next(2) == 0 ? 3 : 40));
            yield return new ArraySegment<byte>(bytes, at, length);
            at += length;
        }
    }

    private static async Task<Socket> ConnectAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, port);
        return socket;
    }

    private static async Task SendAsync(Socket socket, byte[] bytes)
    {
        if (bytes.Length > 0) await socket.SendAsync(bytes);
    }

    // Empty when the connection was closed without a word.
    private static async Task<byte[]> FirstBytesAsync(Socket socket)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        var buffer = new byte[1000];
        try
        {
            return buffer[..await socket.ReceiveAsync(buffer, limit.Token)];
        }
        catch (SocketException)
        {
            return [];
        }
    }
}

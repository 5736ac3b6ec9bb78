using System.Buffers.Binary;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Net;
using System.Text;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using PaxosStore.Testing;
using static PaxosStore.Gateways.Tests.Etcd.Expect;

namespace PaxosStore.Gateways.Tests.Etcd;

/// <summary>What is no proper request gets a clear error or a clean close, and hurts nobody else.</summary>
public sealed class GarbageTests : IAsyncLifetime
{
    private DoorHost door = null!;

    public async Task InitializeAsync() => door = await DoorHost.StartAsync();

    public async Task DisposeAsync() => await door.DisposeAsync();

    [Fact]
    public async Task Random_bytes_close_their_connection_only()
    {
        var random = new Random(4711);
        for (var round = 0; round < 40; round++)
        {
            using var socket = await ConnectAsync();
            if (round % 2 == 1) await socket.SendAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray());
            var bytes = new byte[random.Next(1, 20_000)];
            random.NextBytes(bytes);
            await SendAsFarAsPossibleAsync(socket, bytes);
            socket.Shutdown(SocketShutdown.Send);
            await DrainAsync(socket);
        }

        await StillServesAsync();
    }

    [Fact]
    public async Task An_oversize_http2_frame_closes_the_connection()
    {
        using var socket = await ConnectAsync();
        await socket.SendAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray());
        await socket.SendAsync(Frame(length: 0, type: 4, stream: 0));
        await socket.SendAsync(Frame(length: 0xFFFFFF, type: 0, stream: 1));
        await DrainAsync(socket);
        await StillServesAsync();
    }

    [Fact]
    public async Task Half_open_connections_do_not_hold_up_others()
    {
        var sockets = new List<Socket>();
        for (var i = 0; i < 200; i++)
        {
            sockets.Add(await ConnectAsync());
            if (i % 2 == 0) await sockets[^1].SendAsync("PRI * HTT"u8.ToArray());
        }

        await StillServesAsync();
        foreach (var socket in sockets) socket.Dispose();
    }

    [Theory]
    [InlineData("/etcdserverpb.KV/Put")]
    [InlineData("/etcdserverpb.KV/Txn")]
    [InlineData("/etcdserverpb.Maintenance/Status")]
    [InlineData("/etcdserverpb.Watch/Watch")]
    [InlineData("/etcdserverpb.Lease/LeaseKeepAlive")]
    [InlineData("/grpc.health.v1.Health/Watch")]
    public async Task A_message_that_is_no_protobuf_is_an_error(string method)
    {
        var (status, text) = await PostAsync(method, Message([0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 1, 2, 3]));
        Assert.Equal(("13", "grpc: error unmarshalling request"), (status, text));
        await StillServesAsync();
    }

    [Theory]
    [InlineData("/etcdserverpb.Watch/Watch")]
    [InlineData("/etcdserverpb.Lease/LeaseKeepAlive")]
    public async Task A_message_in_a_form_that_nobody_knows_ends_its_stream_with_an_error(string method)
    {
        const byte form = 7;
        var (status, text) = await PostAsync(method, [form, .. Message([])[1..]]);
        Assert.Equal(("13", "grpc: received unexpected payload format"), (status, text));
        await StillServesAsync();
    }

    [Fact]
    public async Task A_message_that_claims_a_hundred_megabytes_is_refused_before_it_is_read()
    {
        var head = new byte[5];
        BinaryPrimitives.WriteInt32BigEndian(head.AsSpan(1), 100_000_000);
        var (status, text) = await PostAsync("/etcdserverpb.KV/Put", [.. head, .. new byte[1000]]);
        Assert.Equal("8", status);
        Assert.Contains("exceeds", text, StringComparison.Ordinal);
        await StillServesAsync();
    }

    [Fact]
    public async Task Unknown_fields_are_passed_over()
    {
        byte[] unknown = [0xF8, 0x3F, 0x2A, 0xFA, 0x3F, 0x03, 1, 2, 3];
        var put = new PutRequest { Key = Bytes("k"), Value = Bytes("v") }.ToByteArray();
        var (status, _) = await PostAsync("/etcdserverpb.KV/Put", Message([.. put, .. unknown]));
        Assert.Equal("0", status);
        Assert.Equal(Bytes("v"), (await door.Client.Kv.RangeAsync(new RangeRequest { Key = Bytes("k") })).Kvs[0].Value);
    }

    [Fact]
    public async Task Unknown_methods_and_services_are_unimplemented()
    {
        foreach (var method in (string[])["/etcdserverpb.KV/Unheard", "/etcdserverpb.Auth/AuthDance", "/no.Such/Thing"])
        {
            var (status, _) = await PostAsync(method, Message([]));
            Assert.Equal("12", status);
        }
    }

    [Theory]
    [InlineData("127.0.0.1:2379")]
    [InlineData("node_1.cluster-a.example:2379")]
    [InlineData("[::1]:2379")]
    [InlineData("http://127.0.0.1:2379")]
    [InlineData("#initially=[127.0.0.1:2379;127.0.0.1:22379]")]
    [InlineData("%2Frun%2Fstore.sock")]
    [InlineData("https://a,b c")]
    public async Task Whatever_a_client_writes_as_authority_is_served(string authority)
    {
        // By hand, for HTTP clients put something else in the place of an authority that is no host.
        using var socket = await ConnectAsync();
        await socket.SendAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray());
        await socket.SendAsync(Frame(length: 0, type: 4, stream: 0));
        var head = Headers(authority, "/etcdserverpb.Maintenance/Status");
        await socket.SendAsync((byte[])[.. Frame(head.Length, type: 1, stream: 1, flags: 4), .. head]);
        await socket.SendAsync((byte[])[.. Frame(length: 5, type: 0, stream: 1, flags: 1), .. Message([])]);
        Assert.Equal("a message", await FirstAnswerAsync(socket));
        Assert.Empty(door.Log.Lines);
    }

    // Request headers in HPACK: POST and http from the static table, the rest literal.
    private static byte[] Headers(string authority, string path) =>
    [
        0x83, 0x86, 0x04, .. Text(path), 0x01, .. Text(authority),
        0x00, .. Text("content-type"), .. Text("application/grpc"), 0x00, .. Text("te"), .. Text("trailers"),
    ];

    private static byte[] Text(string text) => [(byte)text.Length, .. Encoding.ASCII.GetBytes(text)];

    // What the call on the first stream comes to: headers that end it carry an error.
    private static async Task<string> FirstAnswerAsync(Socket socket)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        await using var stream = new NetworkStream(socket);
        var frame = new byte[9];
        while (true)
        {
            await stream.ReadExactlyAsync(frame, limit.Token);
            var payload = new byte[(frame[0] << 16) | (frame[1] << 8) | frame[2]];
            await stream.ReadExactlyAsync(payload, limit.Token);
            if (frame[8] != 1) continue;
            if (frame[3] == 0) return "a message";
            if (frame[3] == 3) return $"reset {payload[3]}";
            if (frame[3] == 1 && (frame[4] & 1) != 0) return "an error";
        }
    }

    private static byte[] Frame(int length, byte type, int stream, byte flags = 0)
    {
        var frame = new byte[9];
        (frame[0], frame[1], frame[2], frame[3], frame[4]) = ((byte)(length >> 16), (byte)(length >> 8), (byte)length, type, flags);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        return frame;
    }

    private static byte[] Message(byte[] payload)
    {
        var message = new byte[5 + payload.Length];
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(1), payload.Length);
        payload.CopyTo(message, 5);
        return message;
    }

    private async Task<(string Status, string Text)> PostAsync(string method, byte[] body)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(10) };
        using var request = new HttpRequestMessage(HttpMethod.Post, door.Endpoint + method)
        {
            Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = new ByteArrayContent(body),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        using var response = await http.SendAsync(request);
        await response.Content.ReadAsByteArrayAsync();
        return (Header(response, "grpc-status"), Header(response, "grpc-message"));
    }

    private static string Header(HttpResponseMessage response, string name) =>
        response.TrailingHeaders.TryGetValues(name, out var trailer) ? trailer.First()
        : response.Headers.TryGetValues(name, out var header) ? header.First() : "";

    private async Task<Socket> ConnectAsync()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, door.Port);
        return socket;
    }

    private static async Task SendAsFarAsPossibleAsync(Socket socket, byte[] bytes)
    {
        try
        {
            await socket.SendAsync(bytes);
        }
        catch (SocketException)
        {
            // Closed before we had finished: that is one of the right answers.
        }
    }

    // The server must close in the end; a reset is fine too.
    private static async Task DrainAsync(Socket socket)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        var buffer = new byte[4096];
        try
        {
            while (await socket.ReceiveAsync(buffer, limit.Token) > 0)
            {
            }
        }
        catch (SocketException)
        {
            // Reset.
        }
    }

    private async Task StillServesAsync()
    {
        using var fresh = new PaxosStore.Testing.EtcdClient(door.Endpoint);
        await fresh.PutAsync("alive").WaitAsync(TimeSpan.FromSeconds(5));
        Assert.Empty(door.Log.Lines);
    }
}

using System.Net;
using System.Net.Sockets;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>Bytes on bare connections that no honest client would send.</summary>
internal static class RawAttack
{
    /// <summary>What a frame or message claims to hold.</summary>
    public const int HugeLength = 100 * 1024 * 1024;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>How an HTTP/2 client begins.</summary>
    public static byte[] Preface { get; } = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray();

    /// <summary>Random bytes after an optional honest beginning.</summary>
    public static async Task GarbageAsync(int port, Random random, int connections, byte[] prefix)
    {
        for (var i = 0; i < connections; i++)
        {
            var bytes = new byte[random.Next(1, 20_000)];
            random.NextBytes(bytes);
            await SendAsync(port, [prefix, bytes]);
        }
    }

    /// <summary>A header that promises a lot, and then all of it, as long as the other side takes it.</summary>
    public static Task HugeFrameAsync(int port, byte[] header, byte[] prefix)
    {
        var zeros = new byte[1 << 20];
        return SendAsync(port, [prefix, header, .. Enumerable.Repeat(zeros, HugeLength >> 20)]);
    }

    /// <summary>Connects, sends, and leaves; being cut off or left waiting by the node is one of its right answers.</summary>
    private static async Task SendAsync(int port, IEnumerable<byte[]> parts)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        using var cancellation = new CancellationTokenSource(Patience);
        await socket.ConnectAsync(IPAddress.Loopback, port, cancellation.Token);
        try
        {
            foreach (var part in parts.Where(p => p.Length > 0))
                await socket.SendAsync(part, cancellation.Token);
            socket.Shutdown(SocketShutdown.Send);
            using var shorter = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
            while (await socket.ReceiveAsync(new byte[4096], shorter.Token) > 0)
            {
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            socket.LingerState = new LingerOption(true, 0);
        }
    }
}

/// <summary>Connections that say almost nothing and stay.</summary>
internal sealed class HalfOpenConnections : IDisposable
{
    private readonly List<Socket> _sockets = [];

    public static async Task<HalfOpenConnections> OpenAsync(int port, int count, byte[] beginning)
    {
        var connections = new HalfOpenConnections();
        for (var i = 0; i < count; i++)
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { LingerState = new LingerOption(i % 2 == 0, 0) };
            connections._sockets.Add(socket);
            await socket.ConnectAsync(IPAddress.Loopback, port);
            await socket.SendAsync(beginning.AsMemory(0, i % (beginning.Length + 1)));
        }

        return connections;
    }

    public void Dispose() => _sockets.ForEach(s => s.Dispose());
}

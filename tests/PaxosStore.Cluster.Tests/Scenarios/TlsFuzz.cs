using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>Greetings of TLS that are cut, altered, repeated or no greetings at all.</summary>
internal static class TlsFuzz
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Throws them at a port, one connection after another, as long as it is told to.</summary>
    public static async Task AttackAsync(int port, byte[] hello, Random random, TimeSpan duration)
    {
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < duration;)
            await SendAsync(port, Mutate(hello, random), random.Next(4) == 0);
    }

    private static byte[] Mutate(byte[] hello, Random random)
    {
        var bytes = (byte[])hello.Clone();
        switch (random.Next(6))
        {
            case 0:
                bytes = new byte[random.Next(1, 4000)];
                random.NextBytes(bytes);
                return bytes;
            case 1:
                return bytes[..random.Next(1, bytes.Length)];
            case 2:
                // The lengths of record, message and lists stand near the beginning.
                bytes[random.Next(Math.Min(80, bytes.Length))] = (byte)random.Next(256);
                return bytes;
            case 3:
                for (var i = random.Next(1, 40); i > 0; i--)
                    bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
                return bytes;
            case 4:
                return [.. bytes, .. bytes, .. bytes[..random.Next(bytes.Length)]];
            default:
                var at = random.Next(5, bytes.Length);
                var inserted = new byte[random.Next(1, 300)];
                random.NextBytes(inserted);
                return [.. bytes[..at], .. inserted, .. bytes[at..]];
        }
    }

    /// <summary>Being cut off, answered with an alert or left waiting are all right answers.</summary>
    private static async Task SendAsync(int port, byte[] bytes, bool abort)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        using var limit = new CancellationTokenSource(Patience);
        await socket.ConnectAsync(IPAddress.Loopback, port, limit.Token);
        try
        {
            await socket.SendAsync(bytes, limit.Token);
            if (abort)
            {
                socket.LingerState = new LingerOption(true, 0);
                return;
            }

            socket.Shutdown(SocketShutdown.Send);
            while (await socket.ReceiveAsync(new byte[4096], limit.Token) > 0)
            {
            }
        }
        catch (SocketException)
        {
            // Cut off.
        }
    }
}

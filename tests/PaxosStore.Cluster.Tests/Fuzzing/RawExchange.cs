using System.Net;
using System.Net.Sockets;

namespace PaxosStore.Cluster.Tests.Fuzzing;

/// <summary>One connection: everything is said at once, then nothing more, and the other side is to close.</summary>
internal static class RawExchange
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Being answered, cut off or reset are all right ends; being left waiting shows in the time it takes.</summary>
    public static async Task RunAsync(int port, byte[] bytes, bool abort)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
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
            var buffer = new byte[16 * 1024];
            while (await socket.ReceiveAsync(buffer, limit.Token) > 0)
            {
            }
        }
        catch (Exception e) when (e is SocketException || (e is OperationCanceledException && limit.IsCancellationRequested))
        {
            socket.LingerState = new LingerOption(true, 0);
        }
    }
}

using System.Net;
using System.Net.Sockets;

namespace PaxosStore.Cluster.Tests.Processes;

/// <summary>Ports for listeners: below the range the kernel gives to outgoing connections, so that none is taken between a kill and a restart.</summary>
internal static class Ports
{
    private const int First = 24_000;
    private const int Last = 31_900;
    private static readonly Lock Gate = new();
    private static int _next = First + Random.Shared.Next((Last - First) / 2);

    /// <summary>A port that nothing listens on now and that this process gives out once.</summary>
    public static int Free()
    {
        lock (Gate)
        {
            while (true)
            {
                _next = _next >= Last ? First : _next + 1;
                if (IsFree(_next))
                    return _next;
            }
        }
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}

using System.Net;
using System.Net.Sockets;

namespace PaxosStore.Testing;

/// <summary>Loopback ports nobody listens on at the moment.</summary>
public static class FreePorts
{
    /// <summary>Takes <paramref name="count"/> different free ports.</summary>
    public static int[] Take(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToArray();
        try
        {
            foreach (var listener in listeners) listener.Start();
            return [.. listeners.Select(l => ((IPEndPoint)l.LocalEndpoint).Port)];
        }
        finally
        {
            foreach (var listener in listeners) listener.Dispose();
        }
    }
}

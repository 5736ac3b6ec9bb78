using System.Net;
using System.Net.Sockets;

namespace PaxosStore.Testing;

/// <summary>
/// Loopback ports nobody listens on at the moment, out of those the kernel gives to no outgoing connection: between their being found and their being
/// listened on, nothing but another such search could take them.
/// </summary>
public static class FreePorts
{
    private const int Lowest = 10_000;
    private const int Highest = 24_000;

    /// <summary>Takes <paramref name="count"/> different free ports.</summary>
    public static int[] Take(int count)
    {
        var taken = new List<TcpListener>();
        try
        {
            while (taken.Count < count)
            {
                var listener = new TcpListener(IPAddress.Loopback, Random.Shared.Next(Lowest, Highest));
                try
                {
                    listener.Start();
                    taken.Add(listener);
                }
                catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
                {
                    listener.Dispose();
                }
            }

            return [.. taken.Select(l => ((IPEndPoint)l.LocalEndpoint).Port)];
        }
        finally
        {
            foreach (var listener in taken) listener.Dispose();
        }
    }
}

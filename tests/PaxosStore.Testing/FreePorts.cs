using System.Net;
using System.Net.Sockets;

namespace PaxosStore.Testing;

/// <summary>
/// Loopback ports for listeners, below those that the kernel gives to outgoing connections: none is taken between being found and being listened on, nor
/// between a kill and a restart. Test projects that run at the same time take theirs from different ranges.
/// </summary>
public static class FreePorts
{
    private const int Lowest = 10_000;
    private const int RangeSize = 3_000;
    private const int Ranges = 7;

    private static readonly Lock Gate = new();
    private static readonly (int First, FileStream Claim) Range = ClaimRange();
    private static int _next = Random.Shared.Next(RangeSize);

    /// <summary>A port that nothing listens on now; this process gives it out again only after all others of its range.</summary>
    public static int One()
    {
        lock (Gate)
        {
            while (true)
            {
                _next = (_next + 1) % RangeSize;
                if (IsFree(Range.First + _next)) return Range.First + _next;
            }
        }
    }

    /// <summary>As many different ones.</summary>
    public static int[] Take(int count) => [.. Enumerable.Range(0, count).Select(_ => One())];

    /// <summary>The first range that no other process has; its file stays locked for as long as this one lives.</summary>
    private static (int First, FileStream Claim) ClaimRange()
    {
        for (var i = 0; i < Ranges; i++)
        {
            var path = Path.Combine(Path.GetTempPath(), $"paxosstore-test-ports-{Environment.UserName}-{i}.lock");
            try
            {
                return (Lowest + (i * RangeSize), new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
            }
            catch (IOException)
            {
                // Another test process has this one.
            }
        }

        throw new InvalidOperationException($"{Ranges} test processes have ports already: is one left over? `lsof {Path.GetTempPath()}paxosstore-test-ports-*`");
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            return false;
        }
    }
}

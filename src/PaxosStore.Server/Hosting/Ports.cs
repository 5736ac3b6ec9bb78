using System.Net;
using System.Net.Sockets;
using PaxosStore.Node;

namespace PaxosStore.Server.Hosting;

/// <summary>The addresses this node listens on.</summary>
internal static class Ports
{
    /// <summary>The address to bind: all of them for the wildcard, the loopback one for localhost.</summary>
    internal static IPAddress Address(Uri url) => url.DnsSafeHost == "localhost" ? IPAddress.Loopback : IPAddress.Parse(url.DnsSafeHost);

    /// <summary>Tries every address before anything else is started, so that the operator reads which one is taken and what to do.</summary>
    /// <exception cref="NodeStartupException">One can't be bound.</exception>
    internal static void RequireFree(IEnumerable<(string Flag, Uri Url)> listened)
    {
        foreach (var (flag, url) in listened)
        {
            var endpoint = new IPEndPoint(Address(url), url.Port);
            try
            {
                using var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
                socket.Bind(endpoint);
                socket.Listen();
            }
            catch (SocketException e)
            {
                throw new NodeStartupException(Explain(flag, url, e.SocketErrorCode, e.Message));
            }
        }
    }

    /// <summary>Why an address can't be bound and what to do about it.</summary>
    internal static string Explain(string flag, Uri url, SocketError error, string message) => error switch
    {
        SocketError.AddressAlreadyInUse =>
            $"port {url.Port} is in use: can't listen on {url.Authority}. Stop the program that has it (ss -ltnp shows which), or choose another address with {flag}",
        SocketError.AddressNotAvailable => $"{url.Authority} is not an address of this machine: choose one that is with {flag}",
        SocketError.AccessDenied => $"port {url.Port} may only be used by privileged programs: choose one above 1023 with {flag}",
        _ => $"can't listen on {url.Authority} ({message}): choose another address with {flag}",
    };
}

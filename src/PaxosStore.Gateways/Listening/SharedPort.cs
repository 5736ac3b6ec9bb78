using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace PaxosStore.Gateways.Listening;

/// <summary>
/// One cleartext port for HTTP/2 and HTTP/1.1. The web server can't tell them apart without TLS, so each protocol gets an endpoint of its own, and
/// connections are sorted by their first bytes before it sees them. With TLS the client says what it speaks: no need of this.
/// </summary>
public static class SharedPort
{
    /// <summary>Registers what sorts connections.</summary>
    public static IServiceCollection AddSharedPorts(this IServiceCollection services)
    {
        // The web server adds its own transport only where there is none yet.
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IConnectionListenerFactory, SocketTransportFactory>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IConnectionListenerFactory, SharedPortTransport>());
        return services;
    }

    /// <summary>Serves both protocols on a port; needs <see cref="AddSharedPorts"/>.</summary>
    public static void ListenShared(this KestrelServerOptions kestrel, IPAddress address, int port)
    {
        ArgumentNullException.ThrowIfNull(kestrel);
        kestrel.Listen(new SharedEndPoint(address, port, HttpProtocols.Http2), listen => listen.Protocols = HttpProtocols.Http2);
        kestrel.Listen(new SharedEndPoint(address, port, HttpProtocols.Http1), listen => listen.Protocols = HttpProtocols.Http1);
    }
}

/// <summary>One protocol's half of a port.</summary>
internal sealed class SharedEndPoint(IPAddress address, int port, HttpProtocols protocol) : EndPoint
{
    internal IPEndPoint Port { get; } = new(address, port);

    internal HttpProtocols Protocol { get; } = protocol;

    public override string ToString() => Port.ToString();
}

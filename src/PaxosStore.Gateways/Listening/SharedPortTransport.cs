using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace PaxosStore.Gateways.Listening;

/// <summary>The transport of <see cref="SharedEndPoint"/>s: both halves of a port are fed by one socket.</summary>
internal sealed class SharedPortTransport(IOptions<SocketTransportOptions> options, ILoggerFactory loggers, TimeProvider? time = null)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private readonly SocketTransportFactory sockets = new(options, loggers);
    private readonly ConcurrentDictionary<IPEndPoint, ConnectionSorter> sorters = new();

    /// <inheritdoc/>
    public bool CanBind(EndPoint endpoint) => endpoint is SharedEndPoint;

    /// <inheritdoc/>
    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var half = (SharedEndPoint)endpoint;
        if (!sorters.TryGetValue(half.Port, out var sorter))
        {
            // The web server binds one endpoint after the other.
            sorter = new ConnectionSorter(await sockets.BindAsync(half.Port, cancellationToken), time ?? TimeProvider.System);
            sorters[half.Port] = sorter;
        }

        return half.Protocol == HttpProtocols.Http2 ? sorter.Http2 : sorter.Http1;
    }
}

using System.Net.Sockets;
using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace PaxosStore.Gateways.Etcd.Json;

/// <summary>
/// What a service sees of a call that came in as JSON. A token travels in the header that etcd's gateway takes it from; any other entry of the call's
/// metadata in a header <c>Grpc-Metadata-(name)</c>. The client has no identity by certificate: the gateway never vouches for one.
/// </summary>
internal sealed class GatewayCall : ServerCallContext
{
    private const string MetadataPrefix = "Grpc-Metadata-";

    private readonly string method;
    private readonly HttpContext http;
    private readonly CancellationToken cancellation;

    /// <param name="method">Full name with its leading slash.</param>
    /// <param name="http">The request.</param>
    /// <param name="authorization">The token, with or without <c>Bearer</c> before it; empty for none.</param>
    /// <param name="cancellation">Fires when the client is gone.</param>
    internal GatewayCall(string method, HttpContext http, string authorization, CancellationToken cancellation)
    {
        (this.method, this.http, this.cancellation) = (method, http, cancellation);
        RequestHeadersCore = [];
        if (authorization.Length > 0) RequestHeadersCore.Add("authorization", authorization);
        foreach (var (name, values) in http.Request.Headers)
        {
            if (!name.StartsWith(MetadataPrefix, StringComparison.OrdinalIgnoreCase) || name.EndsWith("-bin", StringComparison.OrdinalIgnoreCase)) continue;
            var key = name[MetadataPrefix.Length..].ToLowerInvariant();
            if (key.Length == 0) continue;
            foreach (var value in values) RequestHeadersCore.Add(key, value ?? "");
        }
    }

    protected override string MethodCore => method;

    protected override string HostCore => http.Request.Host.Value ?? "";

    protected override string PeerCore => http.Connection.RemoteIpAddress switch
    {
        null => "unknown",
        { AddressFamily: AddressFamily.InterNetworkV6 } v6 => $"ipv6:[{v6}]:{http.Connection.RemotePort}",
        var v4 => $"ipv4:{v4}:{http.Connection.RemotePort}",
    };

    protected override DateTime DeadlineCore => DateTime.MaxValue;

    protected override Metadata RequestHeadersCore { get; }

    protected override CancellationToken CancellationTokenCore => cancellation;

    protected override Metadata ResponseTrailersCore { get; } = [];

    protected override Status StatusCore { get; set; }

    protected override WriteOptions? WriteOptionsCore { get; set; }

    protected override AuthContext AuthContextCore { get; } = new(null, []);

    protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) => throw new NotSupportedException();

    // Nothing of it has a place in JSON.
    protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) => Task.CompletedTask;
}

using System.Collections.Frozen;
using System.IO.Pipelines;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace PaxosStore.Gateways.Etcd.Json;

/// <summary>etcd's JSON gateway: the same services as over gRPC, for clients that speak HTTP/1.1 or WebSocket.</summary>
internal sealed class JsonGateway
{
    private readonly FrozenDictionary<string, (string Name, GatewayMethod Method)> routes;
    private readonly int maxMessageBytes;

    public JsonGateway(GatewayMethods methods, IOptions<EtcdDoorOptions> options)
    {
        maxMessageBytes = options.Value.MaxReceiveBytes;
        routes = GatewayRoutes.All.ToFrozenDictionary(route => route.Key, route => ("/" + route.Value, methods[route.Value]), StringComparer.Ordinal);
    }

    /// <summary>Serves a request whose path, below the version, is <paramref name="path"/>.</summary>
    internal Task ServeAsync(HttpContext http, string path)
    {
        if (!routes.TryGetValue(path, out var route)) return PlainText.WriteAsync(http, StatusCodes.Status404NotFound, "Not Found");

        // The values of the body are bounded one by one, so that a stream of requests may last.
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size) size.MaxRequestBodySize = null;
        if (http.WebSockets.IsWebSocketRequest)
        {
            return WebSocketBridge.RunAsync(
                http, 2L * maxMessageBytes, (input, output, authorization, cancellation) => CallAsync(http, route, input, output, authorization, cancellation));
        }

        if (!HttpMethods.IsPost(http.Request.Method)) return PlainText.WriteAsync(http, StatusCodes.Status405MethodNotAllowed, "Method Not Allowed");
        return CallAsync(http, route, http.Request.BodyReader, http.Response.BodyWriter, http.Request.Headers.Authorization.ToString(), http.RequestAborted);
    }

    private async Task CallAsync(
        HttpContext http, (string Name, GatewayMethod Method) route, PipeReader input, PipeWriter output, string authorization, CancellationToken cancellation)
    {
        var exchange = new GatewayExchange(http, input, output, new GatewayCall(route.Name, http, authorization, cancellation), maxMessageBytes);
        try
        {
            await route.Method(exchange);
        }
        catch (JsonShapeException e)
        {
            await exchange.RefuseAsync(new Status(StatusCode.InvalidArgument, e.Message));
        }
        catch (RpcException e)
        {
            await exchange.RefuseAsync(e.Status);
        }
        catch (Exception e) when (e is OperationCanceledException || (e is IOException and not BadHttpRequestException))
        {
            // The client is gone: there is nobody to tell.
        }
    }
}

/// <summary>Short answers in plain text, as Go's HTTP server words them.</summary>
internal static class PlainText
{
    internal static Task WriteAsync(HttpContext http, int status, string text)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "text/plain; charset=utf-8";
        http.Response.Headers.XContentTypeOptions = "nosniff";
        return http.Response.WriteAsync(text + "\n");
    }
}

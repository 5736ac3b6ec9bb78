using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using PaxosStore.Node;
using PaxosStore.Server.Options;

namespace PaxosStore.Server.Hosting;

/// <summary>
/// What stands before the HTTP pages, as with etcd: which names they may be asked under, which web pages may read them, and what the metrics ports serve.
/// </summary>
internal static class HttpAccessControl
{
    private static readonly string[] MetricsPages = ["/metrics", "/health", "/livez", "/readyz", "/version"];

    internal static void Use(WebApplication app, ServerOptions options)
    {
        var access = options.Access;
        var metricsPorts = options.ListenMetricsUrls.Select(url => url.Port).ToHashSet();
        app.Use((context, next) => HandleAsync(context, next, access, metricsPorts));
    }

    private static Task HandleAsync(HttpContext context, RequestDelegate next, HttpAccess access, HashSet<int> metricsPorts)
    {
        var request = context.Request;
        if (metricsPorts.Contains(context.Connection.LocalPort) && !MetricsPages.Any(page => request.Path.StartsWithSegments(page)))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        }

        if (IsGrpc(request)) return next(context);
        if (!request.IsHttps && access.Hosts.Count > 0 && !access.Hosts.Contains(request.Host.Host))
        {
            context.Response.StatusCode = StatusCodes.Status421MisdirectedRequest;
            return context.Response.WriteAsync(Rebinding(request.Host.Host));
        }

        AllowOrigin(context, access);
        if (!HttpMethods.IsOptions(request.Method)) return next(context);
        context.Response.StatusCode = StatusCodes.Status200OK;
        return Task.CompletedTask;
    }

    private static string Rebinding(string host) =>
        $"Host \"{host}\" is not in --host-whitelist. Web pages must not reach a server under a name they chose (CVE-2018-5702): " +
        "add the name if it is this node's, or use https.\n";

    private static bool IsGrpc(HttpRequest request) => request.ContentType?.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase) == true;

    private static void AllowOrigin(HttpContext context, HttpAccess access)
    {
        var origin = access.Origins.Count == 0 ? "*" : access.Origins.FirstOrDefault(allowed => context.Request.Headers.Origin == allowed);
        if (origin is null) return;
        var headers = context.Response.Headers;
        headers.AccessControlAllowMethods = "POST, GET, OPTIONS, PUT, DELETE";
        headers.AccessControlAllowOrigin = origin;
        headers.AccessControlAllowHeaders = "accept, content-type, authorization";
    }
}

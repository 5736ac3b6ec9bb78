using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd;

/// <summary>The plain HTTP pages that clients and probes of etcd read.</summary>
internal static class EtcdHttp
{
    /// <summary><c>GET /version</c>.</summary>
    internal static IResult Version(IOptions<EtcdDoorOptions> options)
    {
        var version = options.Value.ReportedVersion;
        var cluster = version[..version.LastIndexOf('.')] + ".0";
        return Json(StatusCodes.Status200OK, $$"""{"etcdserver":"{{version}}","etcdcluster":"{{cluster}}"}""");
    }

    /// <summary><c>GET /health</c>: there is a leader, and a read works (linearizable unless <c>?serializable=true</c>).</summary>
    internal static async Task<IResult> HealthAsync(HttpContext context, IKvStore store, IOptions<EtcdDoorOptions> options)
    {
        var serializable = context.Request.Query["serializable"] == "true";
        if (!serializable && store.Status.LeaderId == 0) return Sick("RAFT NO LEADER");
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        limit.CancelAfter(options.Value.HealthTimeout);
        try
        {
            await store.ReadAsync(serializable ? ReadConsistency.Serializable : ReadConsistency.Linearizable, limit.Token);
            return Json(StatusCodes.Status200OK, """{"health":"true","reason":""}""");
        }
        catch (KvException e)
        {
            return Sick("RANGE ERROR:" + EtcdErrors.FromStore(e.Code).Status.Detail);
        }
        catch (OperationCanceledException) when (!context.RequestAborted.IsCancellationRequested)
        {
            return Sick("RANGE ERROR:" + EtcdErrors.RequestTimedOut.Status.Detail);
        }
    }

    private static IResult Sick(string reason) =>
        Json(StatusCodes.Status503ServiceUnavailable, $$"""{"health":"false","reason":"{{reason}}"}""");

    private static IResult Json(int status, string body) => Results.Text(body, "application/json", statusCode: status);
}

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
        var (version, cluster) = (options.Value.ReportedVersion, options.Value.ClusterVersion);
        return Json(StatusCodes.Status200OK, $$"""{"etcdserver":"{{version}}","etcdcluster":"{{cluster}}"}""");
    }

    /// <summary>
    /// <c>GET /health</c>: no alarm is up (but those in <c>?exclude=</c>), there is a leader, and a read works (linearizable unless
    /// <c>?serializable=true</c>).
    /// </summary>
    internal static async Task<IResult> HealthAsync(HttpContext context, IKvStore store, IOptions<EtcdDoorOptions> options)
    {
        foreach (var alarm in store.View.Alarms)
        {
            var name = alarm.Kind == AlarmKind.NoSpace ? "NOSPACE" : "CORRUPT";
            if (!context.Request.Query["exclude"].Contains(name)) return Sick("ALARM " + name);
        }

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

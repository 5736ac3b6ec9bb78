using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using PaxosStore.Gateways.Etcd.Json;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd;

/// <summary>The plain HTTP pages that clients and probes of etcd read.</summary>
internal static class EtcdHttp
{
    /// <summary><c>GET /version</c>.</summary>
    internal static async Task VersionAsync(HttpContext http, IOptions<EtcdDoorOptions> options)
    {
        if (await RefusedAsync(http)) return;
        var (version, cluster) = (options.Value.ReportedVersion, options.Value.ClusterVersion);
        await JsonAsync(http, StatusCodes.Status200OK, $$"""{"etcdserver":"{{version}}","etcdcluster":"{{cluster}}"}""");
    }

    /// <summary>
    /// <c>GET /health</c>: no alarm is up (but those in <c>?exclude=</c>), there is a leader, and a read works (linearizable unless
    /// <c>?serializable=true</c>).
    /// </summary>
    internal static async Task HealthAsync(HttpContext http, IKvStore store, IOptions<EtcdDoorOptions> options)
    {
        if (await RefusedAsync(http)) return;
        var sick = await IllnessAsync(http, store, options.Value);
        await (sick is null
            ? JsonAsync(http, StatusCodes.Status200OK, """{"health":"true","reason":""}""")
            : JsonAsync(http, StatusCodes.Status503ServiceUnavailable, $$"""{"health":"false","reason":"{{sick}}"}"""));
    }

    /// <summary>Answers a request that is no GET: none of these pages takes another.</summary>
    internal static async Task<bool> RefusedAsync(HttpContext http)
    {
        if (HttpMethods.IsGet(http.Request.Method)) return false;
        http.Response.Headers.Allow = HttpMethods.Get;
        await PlainText.WriteAsync(http, StatusCodes.Status405MethodNotAllowed, "Method Not Allowed");
        return true;
    }

    private static async Task<string?> IllnessAsync(HttpContext http, IKvStore store, EtcdDoorOptions options)
    {
        foreach (var alarm in store.View.Alarms)
        {
            var name = alarm.Kind == AlarmKind.NoSpace ? "NOSPACE" : "CORRUPT";
            if (!http.Request.Query["exclude"].Contains(name)) return "ALARM " + name;
        }

        var serializable = http.Request.Query["serializable"] == "true";
        if (!serializable && store.Status.LeaderId == 0) return "RAFT NO LEADER";
        var consistency = serializable ? ReadConsistency.Serializable : ReadConsistency.Linearizable;
        return await Probes.ReadAsync(store, consistency, options.HealthTimeout, http.RequestAborted) is { } reason ? "RANGE ERROR:" + reason : null;
    }

    private static Task JsonAsync(HttpContext http, int status, string body)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        return http.Response.WriteAsync(body);
    }
}

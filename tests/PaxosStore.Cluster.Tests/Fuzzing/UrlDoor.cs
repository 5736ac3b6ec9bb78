using System.Text;

namespace PaxosStore.Cluster.Tests.Fuzzing;

/// <summary>Requests in HTTP/1.1 with strange methods, paths, queries, versions and headers.</summary>
internal sealed class UrlDoor(Prey prey) : Door
{
    private static readonly string[] Methods = ["GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "TRACE", "PRI", "get", "", "G\tT", new('M', 300)];
    private static readonly string[] Targets =
    [
        "/", "/health", "/health?serializable=true", "/health?exclude=NOSPACE&exclude=x", "/livez?verbose", "/readyz?exclude=data_corruption", "/readyz/", "/metrics", "/version",
        "/v3/kv/range", "/v3beta/kv/put", "/v3/kv/txn?x=y", "/v3/lease/leases", "/v3/maintenance/status", "/etcdserverpb.KV/Put", "/debug/vars", "*", "http://127.0.0.1/health",
        "//", "/../../etc/passwd", "/v3/%2e%2e/health", "/%00", "/%", "/%zz", "/%ff%fe", "/health#x", "/v3/kv/range;a=b", "\\", "/a b",
    ];

    private static readonly string[] Headers =
    [
        "Host: x", "Host: ", "Host: a\r\nHost: b", "Content-Length: 2", "Content-Length: -1", "Content-Length: 99999999999999999999", "Content-Length: 1\r\nContent-Length: 2",
        "Transfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked", "Connection: close", "Connection: Upgrade\r\nUpgrade: websocket", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk",
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol: Bearer, x", "Expect: 100-continue", "Content-Type: application/grpc",
        "Authorization: Bearer x", "Authorization: ", "Origin: http://x", "Accept-Encoding: gzip", "Range: bytes=0-1", "X: " + new string('x', 9000), ": x", "X", "X\0: y",
    ];

    private static readonly byte[][] Splinters = [.. new[] { "\r\n", "\n", "%", "%00", "%2f", "..", "/", "?", "#", " ", "\t", "HTTP/1.1", "\r\n\r\n", ":" }.Select(Encoding.ASCII.GetBytes), [0xFF], [0]];

    public override async Task<string?> AttackAsync(Random random)
    {
        var text = new StringBuilder();
        for (var requests = random.Next(1, 4); requests > 0; requests--)
            Write(text, random);
        var bytes = Damage.Do(Encoding.Latin1.GetBytes(text.ToString()), random, most: 3, Splinters);
        await RawExchange.RunAsync(prey.Port, bytes, abort: random.Next(8) == 0);
        return "HTTP/1.1";
    }

    private static void Write(StringBuilder text, Random random)
    {
        var target = Targets[random.Next(Targets.Length)];
        if (random.Next(20) == 0)
            target += new string('a', random.Next(20_000));
        text.Append(random.Next(3) > 0 ? Methods[random.Next(2)] : Methods[random.Next(Methods.Length)]).Append(' ').Append(target).Append(' ');
        text.Append(random.Next(8) == 0 ? "HTTP/9.9" : "HTTP/1.1").Append("\r\nHost: x\r\n");
        for (var n = random.Next(random.Next(10) == 0 ? 200 : 5); n > 0; n--)
            text.Append(Headers[random.Next(Headers.Length)]).Append("\r\n");
        text.Append("\r\n{}");
    }
}

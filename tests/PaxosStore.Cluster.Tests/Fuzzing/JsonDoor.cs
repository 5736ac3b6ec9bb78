using System.Net;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace PaxosStore.Cluster.Tests.Fuzzing;

/// <summary>Bodies in JSON for every path of the gateway, from right to broken.</summary>
internal sealed class JsonDoor(Prey prey) : Door
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Glimpse = TimeSpan.FromMilliseconds(30);
    private static readonly JsonFormatter Formatter = new(JsonFormatter.Settings.Default.WithFormatDefaultValues(true));
    private static readonly byte[][] Splinters =
    [
        .. new[]
        {
            "{", "}", "[", "]", "\"", "\\", "\\u", "\\ud800", ",", ":", "null", "-", "1e999", "99999999999999999999", " ", "{\"request_txn\":{\"success\":[", "\"key\":", "\"ID\":\"1\"",
            "[[[[[[[[", "0x1", "NaN", "true", "/*", "\"AAAA=\"", "1.5",
        }.Select(Encoding.UTF8.GetBytes),
        [0xFF], [0xC3], [0], [0xEF, 0xBB, 0xBF],
    ];

    // The paths of the gateway and the methods behind them.
    private static readonly (string Path, MethodDescriptor Method)[] Routes = [.. RandomMessages.Methods.SelectMany(m => PathsOf(m).Select(p => (p, m)))];

    private readonly HttpClient _http = new(new SocketsHttpHandler()) { BaseAddress = new Uri(prey.Node.ClientUrl), Timeout = Patience };

    public override void Dispose()
    {
        _http.Dispose();
        base.Dispose();
    }

    public override async Task<string?> AttackAsync(Random random)
    {
        var (path, method) = Routes[random.Next(Routes.Length)];
        var waits = RandomMessages.Waits(method);
        var body = Encoding.UTF8.GetBytes(Formatter.Format(RandomMessages.Create(method.InputType, random)));
        if (random.Next(200) == 0)
            body = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("{\"success\":[{\"request_txn\":", random.Next(1, 20_000))));
        using var limit = new CancellationTokenSource(waits ? Glimpse : Patience);
        try
        {
            using var response = await _http.PostAsync(path, new ByteArrayContent(Damage.Do(body, random, most: 3, Splinters)), limit.Token);
            await response.Content.ReadAsByteArrayAsync(limit.Token);
            Assert.True(response.StatusCode is not HttpStatusCode.BadGateway and not HttpStatusCode.GatewayTimeout, $"{path}: {response.StatusCode}");
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            // Left in the middle, as clients do.
        }
        catch (HttpRequestException)
        {
            // Cut off.
        }

        return waits ? null : path;
    }

    private static IEnumerable<string> PathsOf(MethodDescriptor method)
    {
        var name = method.Name.ToLowerInvariant();
        return method.Service.Name switch
        {
            "KV" => [$"/v3/kv/{(name == "compact" ? "compaction" : name)}"],
            "Watch" => ["/v3/watch"],
            "Lease" => [$"/v3/lease/{name["lease".Length..]}", $"/v3/kv/lease/{name["lease".Length..]}"],
            "Cluster" => [$"/v3/cluster/member/{name["member".Length..]}"],
            "Maintenance" => [$"/v3/maintenance/{(name == "moveleader" ? "transfer-leadership" : name)}"],
            "Auth" when name.StartsWith("auth", StringComparison.Ordinal) && name != "authenticate" => [$"/v3/auth/{name["auth".Length..]}"],
            "Auth" when name == "authenticate" => ["/v3/auth/authenticate"],
            "Auth" => [$"/v3/auth/{name[..4]}/{Verb(name[4..])}"],
            "Lock" or "Election" => [$"/v3/{method.Service.Name.ToLowerInvariant()}/{name}"],
            _ => [],
        };
    }

    private static string Verb(string name) => name switch
    {
        "changepassword" => "changepw",
        "grantrole" or "grantpermission" => "grant",
        "revokerole" or "revokepermission" => "revoke",
        _ => name,
    };
}

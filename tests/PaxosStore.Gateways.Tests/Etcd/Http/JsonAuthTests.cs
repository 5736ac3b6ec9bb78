using System.Text.RegularExpressions;
using PaxosStore.Testing;
using PaxosStore.Testing.Differential;

namespace PaxosStore.Gateways.Tests.Etcd.Http;

/// <summary>Users, roles and tokens over JSON, answered as by a real etcd.</summary>
public sealed partial class JsonAuthTests
{
    private const string Own = """{"key":"YQ==","value":"MQ=="}""";
    private const string Foreign = """{"key":"eg==","value":"MQ=="}""";

    // Who sends it ("" = nobody, "x" = a token that is none), and what.
    private static readonly (string Who, string Path, string Body)[] Script =
    [
        ("", "auth/authenticate", """{"name":"root","password":"r"}"""),
        ("", "auth/enable", "{}"),
        ("", "auth/user/add", """{"name":"root","password":"r"}"""),
        ("", "auth/user/add", """{"name":"root","password":"r"}"""),
        ("", "auth/user/grant", """{"user":"root","role":"root"}"""),
        ("", "auth/user/add", """{"name":"ann","password":"a"}"""),
        ("", "auth/role/add", """{"name":"some"}"""),
        ("", "auth/role/grant", """{"name":"some","perm":{"permType":"READWRITE","key":"YQ==","range_end":"Yg=="}}"""),
        ("", "auth/user/grant", """{"user":"ann","role":"some"}"""),
        ("", "auth/role/get", """{"role":"some"}"""),
        ("", "auth/user/get", """{"name":"ann"}"""),
        ("", "auth/user/list", ""),
        ("", "auth/enable", ""),
        ("", "kv/put", Own),
        ("", "auth/authenticate", """{"name":"ann","password":"wrong"}"""),
        ("x", "kv/put", Own),
        ("ann", "kv/put", Own),
        ("ann", "kv/put", Foreign),
        ("ann", "kv/range", """{"key":"YQ=="}"""),
        ("ann", "kv/txn", """{"success":[{"request_put":{"key":"eg=="}}]}"""),
        ("ann", "auth/role/list", ""),
        ("root", "kv/put", Foreign),
        ("root", "auth/role/list", ""),
        ("root", "auth/role/revoke", """{"role":"some","key":"YQ==","range_end":"Yg=="}"""),
        ("root", "auth/user/delete", """{"name":"ann"}"""),
        ("ann", "kv/put", Own),
        ("root", "auth/disable", ""),
        ("", "kv/put", Own),
    ];

    [SkippableFact]
    public async Task Tokens_open_what_they_open_in_etcd()
    {
        var missing = RealEtcd.Missing();
        Skip.If(missing is not null, missing);
        await using var etcd = await RealEtcd.StartAsync();
        await using var door = await DoorHost.StartAsync();
        var (theirs, ours) = (new Session(etcd.Endpoint), new Session(door.Endpoint));

        var differences = new List<string>();
        foreach (var (who, path, body) in Script)
        {
            var (expected, actual) = (await theirs.SendAsync(who, path, body), await ours.SendAsync(who, path, body));
            if (expected != actual) differences.Add($"{who} {path} {body}\n  etcd: {expected}\n  ours: {actual}");
        }

        Assert.True(differences.Count == 0, string.Join('\n', differences));
    }

    // etcd 3.4 knows bare tokens only.
    [Fact]
    public async Task A_token_may_be_called_a_bearer_as_in_later_etcds()
    {
        await using var door = await DoorHost.StartAsync();
        var (bare, bearer) = (new Session(door.Endpoint), new Session(door.Endpoint, "Bearer "));
        foreach (var (who, path, body) in Script.TakeWhile(step => step.Path != "kv/put")) await bare.SendAsync(who, path, body);

        Assert.StartsWith("400 {\"error\":\"etcdserver: user name is empty\"", await bare.SendAsync("", "kv/put", Own), StringComparison.Ordinal);
        Assert.StartsWith("200 ", await bearer.SendAsync("ann", "kv/put", Own), StringComparison.Ordinal);
        Assert.StartsWith("403 ", await bearer.SendAsync("ann", "kv/put", Foreign), StringComparison.Ordinal);
    }

    private sealed partial class Session(string endpoint, string scheme = "")
    {
        private readonly JsonDoor door = new(endpoint);
        private readonly Dictionary<string, string> tokens = new() { ["x"] = "nonsense.1" };

        internal async Task<string> SendAsync(string who, string path, string body)
        {
            if (who.Length > 0 && !tokens.ContainsKey(who))
            {
                var signedIn = await door.PostAsync("/v3/auth/authenticate", $$"""{"name":"{{who}}","password":"{{who[0]}}"}""");
                tokens[who] = Token().Match(signedIn.Body).Groups[1].Value;
            }

            (string, string)[] headers = who.Length > 0 ? [("Authorization", scheme + tokens[who])] : [];
            var answer = await door.PostAsync("/v3/" + path, body, headers: headers);
            return $"{(answer.Status == 412 ? 400 : answer.Status)} {JsonDoor.Comparable(answer.Body)}";
        }

        [GeneratedRegex("\"token\":\"([^\"]+)\"")]
        private static partial Regex Token();
    }
}

using PaxosStore.Testing;
using PaxosStore.Testing.Differential;
using Xunit.Abstractions;

namespace PaxosStore.Gateways.Tests.Etcd.Http;

/// <summary>The same JSON sent to a real etcd and to this door is answered the same: status, media type and body, byte for byte.</summary>
public sealed class JsonDifferentialTests(ITestOutputHelper output)
{
    // In order: later ones look at what earlier ones left. Lines: how many of a stream without an end are compared.
    private static readonly (string Path, string Body, int Lines)[] Script =
    [
        ("kv/put", """{"key":"Zm9v","value":"YmFy"}""", 0),
        ("kv/put", """{"key":"Zm9v","value":"YmF6","prev_kv":true}""", 0),
        ("kv/put", """{"key":"Zm9v","value":"YmF6","prevKv":true}""", 0),
        ("kv/put", """{"key":"YQ==","value":""}""", 0),
        ("kv/put", """{"value":"YQ=="}""", 0),
        ("kv/put", """{"key":"eA==","ignore_value":true}""", 0),
        ("kv/put", """{"key":"eA==","lease":"99"}""", 0),
        ("kv/range", """{"key":"Zm9v"}""", 0),
        ("kv/range", """{"key":"AA==","range_end":"AA=="}""", 0),
        ("kv/range", """{"key":"AA==","rangeEnd":"AA==","limit":"1"}""", 0),
        ("kv/range", """{"key":"AA==","range_end":"AA==","keys_only":true,"sort_order":"DESCEND","sort_target":"MOD"}""", 0),
        ("kv/range", """{"key":"AA==","range_end":"AA==","sort_order":2,"sortTarget":3}""", 0),
        ("kv/range", """{"key":"AA==","range_end":"AA==","count_only":true,"serializable":true}""", 0),
        ("kv/range", """{"key":"Zm9v","revision":"1"}""", 0),
        ("kv/range", """{"key":"Zm9v","revision":"99"}""", 0),
        ("kv/range", """{"key":"Zm9v","revision":-1}""", 0),
        ("kv/txn", """{"compare":[{"target":"VERSION","key":"Zm9v","version":"3"}],"success":[{"request_range":{"key":"Zm9v"}}],"failure":[]}""", 0),
        ("kv/txn", """{"compare":[{"target":"CREATE","key":"bmV3","create_revision":"0"}],"success":[{"request_put":{"key":"bmV3","value":"MQ=="}},{"requestRange":{"key":"bmV3"}}]}""", 0),
        ("kv/txn", """{"compare":[{"result":"NOT_EQUAL","target":"VALUE","key":"bmV3","value":"MQ=="}],"failure":[{"request_txn":{"success":[{"request_put":{"key":"bg=="}}]}},{"request_delete_range":{"key":"bmV3","prev_kv":true}}]}""", 0),
        ("kv/txn", """{"success":[{}]}""", 0),
        ("kv/txn", """{"success":[{"request_put":{"key":"YQ=="}},{"request_put":{"key":"YQ=="}}]}""", 0),
        ("kv/txn", "{}", 0),
        ("kv/deleterange", """{"key":"YQ==","prev_kv":true}""", 0),
        ("kv/deleterange", """{"key":"YQ=="}""", 0),
        ("lease/grant", """{"TTL":"100","ID":"77"}""", 0),
        ("lease/grant", """{"TTL":100,"ID":78}""", 0),
        ("lease/grant", """{"TTL":"9000000001"}""", 0),
        ("kv/put", """{"key":"bA==","lease":"77"}""", 0),
        ("lease/keepalive", """{"ID":"77"}""", 0),
        ("lease/keepalive", """{"ID":77}{"ID":"5"} {"ID":78}""", 0),
        ("lease/keepalive", "", 0),
        ("lease/keepalive", """{"ID":"x"}""", 0),
        ("lease/keepalive", """{"ID":77}garbage""", 0),
        ("lease/keepalive", """{"ID":77}{"ID":""", 0),
        ("lease/timetolive", """{"ID":"5"}""", 0),
        ("kv/lease/timetolive", """{"ID":"5","keys":true}""", 0),
        ("lease/revoke", """{"ID":"77"}""", 0),
        ("kv/lease/revoke", """{"ID":"77"}""", 0),
        ("lease/leases", "{}", 0),
        ("kv/lease/leases", "", 0),
        ("kv/range", """{"key":"bA=="}""", 0),
        ("watch", """{"create_request":{"key":"Zm9v","start_revision":"2","prev_kv":true}}""", 2),
        ("watch", """{"createRequest":{"key":"bA==","startRevision":"1"}}""", 2),
        ("watch", """{"create_request":{"key":"Zm9v","range_end":"YQ=="}}""", 1),
        ("watch", """{"create_request":{"key":"Zm9v","watch_id":"7"}}{"cancel_request":{"watch_id":"7"}}""", 2),
        ("watch", """{"create_request":{"key":"Zm9v","start_revision":"3","filters":["NOPUT"]}} xx""", 1),
        ("watch", "{", 0),
        ("watch", "[]", 0),
        ("kv/compaction", """{"revision":"3"}""", 0),
        ("kv/compaction", """{"revision":"3"}""", 0),
        ("kv/compaction", """{"revision":"999"}""", 0),
        ("kv/range", """{"key":"Zm9v","revision":"2"}""", 0),
        ("watch", """{"create_request":{"key":"Zm9v","start_revision":"2"}}""", 2),
        ("lock/lock", """{"name":"bG9jaw==","lease":"78"}""", 0),
        ("lock/lock", """{"name":"bG9jaw==","lease":78}""", 0),
        ("lock/lock", """{"name":"bG9jaw==","lease":"5"}""", 0),
        ("lock/unlock", """{"key":"bG9jay80ZQ=="}""", 0),
        ("election/leader", """{"name":"ZQ=="}""", 0),
        ("election/campaign", """{"name":"ZQ==","lease":"78","value":"dg=="}""", 0),
        ("election/leader", """{"name":"ZQ=="}""", 0),
        ("election/observe", """{"name":"ZQ=="}""", 1),
        ("election/proclaim", """{"value":"dg=="}""", 0),
        ("election/proclaim", """{"leader":{"name":"ZQ==","key":"ZS80ZQ==","rev":"1","lease":"78"},"value":"dg=="}""", 0),
        ("election/resign", "{}", 0),
        ("maintenance/defragment", "", 0),
        ("cluster/member/remove", """{"ID":"5"}""", 0),
        ("cluster/member/add", """{"peerURLs":["x"]}""", 0),
        ("nothing/of/the/kind", "{}", 0),
        ("kv/range/", """{"key":"Zm9v"}""", 0),
        ("KV/range", """{"key":"Zm9v"}""", 0),
    ];

    // Requests that are none, or odd ones. Where etcd names the place of a syntax error, only status and code are compared.
    private static readonly string[] Odd =
    [
        "", " \r\n\t", "null", "{}", "[]", "\"x\"", "5", "true", """{"key":"Zm9v"} trailing""", """{"key":"Zm9v"}{"key":5}""", """{"key":"Zm9v" """,
        """{"key":"Zm9"}""", """{"key":"-_8="}""", """{"key":"!!"}""", """{"key":5}""", """{"key":true}""", """{"key":{}}""", """{"key":null}""",
        """{"key":"Zm9v","limit":1.0}""", """{"key":"Zm9v","limit":1e2}""", """{"key":"Zm9v","limit":"1.5"}""", """{"key":"Zm9v","limit":"x"}""",
        """{"key":"Zm9v","limit":""}""", """{"key":"Zm9v","limit":"null"}""", """{"key":"Zm9v","limit":9223372036854775808}""", """{"key":"Zm9v","limit":true}""",
        """{"key":"Zm9v","limit":null}""", """{"key":"Zm9v","limit":[]}""", """{"key":"Zm9v","limit":{}}""", """{"key":"Zm9v","sort_order":"2"}""",
        """{"key":"Zm9v","sort_order":"descend"}""", """{"key":"Zm9v","sort_order":99999999999}""", """{"key":"Zm9v","sort_order":true}""",
        """{"key":"Zm9v","serializable":"true"}""", """{"key":"Zm9v","serializable":1}""", """{"key":"Zm9v","unknown":{"a":[1,{"b":null}]}}""",
        """{"key":"Zm9v","key":"YmFy"}""", """{"KEY":"Zm9v"}""", """{"key":"Zm9v","range_end":"YQ==","rangeEnd":"enp6"}""", """{"\u006bey":"Zm9v"}""",
        """{"key":"Z\u006d9v"}""", """{"key":"Zm\n9v"}""",
    ];

    private static readonly string[] Malformed =
    [
        "NaN", "{'key':'Zm9v'}", """{"key":"Zm9v",}""", """{"key":"Zm9v" /* c */}""", """{"key":"Zm9v","limit":NaN}""", """{"key":"Zm9v","limit":01}""",
        """{"key" "Zm9v"}""", """{"key":"Zm9v"]""", "{{}", "}", "\u0001", """{"key":"Zm9v","limit":+1}""",
    ];

    [SkippableFact]
    public async Task Every_path_answers_as_a_real_etcd_does()
    {
        var missing = RealEtcd.Missing();
        Skip.If(missing is not null, missing);
        await using var pair = await Pair.StartAsync();
        foreach (var version in (string[])["/v3/", "/v3beta/"])
        {
            foreach (var (path, body, lines) in Script) await pair.CompareAsync(version + path, body, lines);
        }

        Report(pair);
    }

    [SkippableFact]
    public async Task Odd_requests_are_answered_as_by_a_real_etcd()
    {
        var missing = RealEtcd.Missing();
        Skip.If(missing is not null, missing);
        await using var pair = await Pair.StartAsync();
        await pair.CompareAsync("/v3/kv/put", """{"key":"Zm9v","value":"YmFy"}""");
        foreach (var body in Odd) await pair.CompareAsync("/v3/kv/range", body);
        foreach (var body in Malformed) await pair.CompareAsync("/v3/kv/range", body, textCounts: false);
        foreach (var body in Malformed) await pair.CompareAsync("/v3/lease/keepalive", body, textCounts: false);
        foreach (var method in (string[])["GET", "PUT", "DELETE", "PATCH"]) await pair.CompareAsync("/v3/kv/range", "", method: method);
        await pair.CompareAsync("/nothing", "");
        Report(pair);
    }

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Random_requests_are_answered_as_by_a_real_etcd(int seed)
    {
        var missing = RealEtcd.Missing();
        Skip.If(missing is not null, missing);
        await using var etcd = await RealEtcd.StartAsync();
        await using var door = await DoorHost.StartAsync();

        var report = await new JsonDifferentialRun(etcd.Endpoint, door.Endpoint, seed, operations: 600).RunAsync();

        output.WriteLine(report.ToString());
        Assert.True(report.Differences.Count == 0, report.ToString());
        Assert.Equal(600, report.Operations);
    }

    private void Report(Pair pair)
    {
        output.WriteLine($"{pair.Compared} answers compared");
        Assert.True(pair.Differences.Count == 0, $"{pair.Differences.Count} of {pair.Compared} differ:\n{string.Join('\n', pair.Differences.Take(12))}");
    }

    private sealed class Pair : IAsyncDisposable
    {
        private RealEtcd etcd = null!;
        private DoorHost door = null!;
        private JsonDoor theirs = null!;
        private JsonDoor ours = null!;

        internal int Compared { get; private set; }

        internal List<string> Differences { get; } = [];

        internal static async Task<Pair> StartAsync()
        {
            var pair = new Pair { etcd = await RealEtcd.StartAsync(), door = await DoorHost.StartAsync() };
            (pair.theirs, pair.ours) = (new JsonDoor(pair.etcd.Endpoint), new JsonDoor(pair.door.Endpoint));
            return pair;
        }

        internal async Task CompareAsync(string path, string body, int lines = 0, string method = "POST", bool textCounts = true)
        {
            var answers = await Task.WhenAll(theirs.PostAsync(path, body, lines, method), ours.PostAsync(path, body, lines, method));
            var (expected, actual) = (JsonDifferentialRun.Comparable(answers[0], textCounts), JsonDifferentialRun.Comparable(answers[1], textCounts));
            Compared++;
            if (expected != actual) Differences.Add($"{method} {path} {body}\n  etcd: {expected}\n  ours: {actual}");
        }

        public async ValueTask DisposeAsync()
        {
            await door.DisposeAsync();
            await etcd.DisposeAsync();
        }
    }
}

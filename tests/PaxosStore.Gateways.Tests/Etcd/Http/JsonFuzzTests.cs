using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using PaxosStore.Testing;
using PaxosStore.Testing.Differential;

namespace PaxosStore.Gateways.Tests.Etcd.Http;

/// <summary>Whatever a body is made of, it is answered soon, and nothing in the server takes it for a fault of its own.</summary>
public sealed class JsonFuzzTests
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);
    private static readonly byte[][] Splinters =
    [
        "{"u8.ToArray(), "}"u8.ToArray(), "["u8.ToArray(), "]"u8.ToArray(), "\""u8.ToArray(), "\\"u8.ToArray(), "\\u"u8.ToArray(), "\\ud800"u8.ToArray(), ","u8.ToArray(),
        ":"u8.ToArray(), "null"u8.ToArray(), "-"u8.ToArray(), "1e999"u8.ToArray(), "99999999999999999999"u8.ToArray(), [0xFF], [0xC3], [0], " "u8.ToArray(),
        "{\"request_txn\":{\"success\":["u8.ToArray(), "\"key\":"u8.ToArray(), "\"ID\":\"1\""u8.ToArray(),
    ];

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    public async Task Damaged_bodies_are_answered(int seed)
    {
        await using var door = await DoorHost.StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri(door.Endpoint), Timeout = Longest };
        var random = new Random(seed);
        var generator = new JsonGenerator(random);
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < 1500 && clock.Elapsed < TimeSpan.FromSeconds(6); i++)
        {
            var (path, body) = generator.Next();
            var bytes = Damage(Encoding.UTF8.GetBytes(body), random);
            if (random.Next(4) == 0) path = random.Next(2) == 0 ? "/v3/lease/keepalive" : "/v3/lease/grant";
            using var response = await http.PostAsync(path, new ByteArrayContent(bytes));
            var answer = await response.Content.ReadAsStringAsync();
            Assert.True(
                (int)response.StatusCode is 200 or 400 or 404 or 429 or 500 && answer.Length < 100_000,
                $"{path} {Convert.ToBase64String(bytes)}: {response.StatusCode} {answer}");
            Assert.DoesNotContain("internal error", answer, StringComparison.Ordinal);
        }

        await door.Client.PutAsync("alive");
        Assert.Empty(door.Log.Lines);
    }

    [Fact]
    public async Task Deep_nesting_is_refused_and_harms_nothing()
    {
        await using var door = await DoorHost.StartAsync();
        var json = new JsonDoor(door.Endpoint);
        var deep = string.Concat(Enumerable.Repeat("{\"success\":[{\"request_txn\":", 20_000));

        Assert.Equal(400, (await json.PostAsync("/v3/kv/txn", deep)).Status);
        Assert.Equal(400, (await json.PostAsync("/v3/kv/txn", deep + "{}" + string.Concat(Enumerable.Repeat("}]}", 20_000)))).Status);
        Assert.Equal(400, (await json.PostAsync("/v3/kv/range", "{\"x\":" + new string('[', 100_000) + new string(']', 100_000) + "}")).Status);
        Assert.Empty(door.Log.Lines);
    }

    /// <summary>Clients that go away in the middle, or break HTTP's own rules: their calls end, and that is all.</summary>
    [Fact]
    public async Task Bodies_that_break_off_end_their_calls_only()
    {
        (string Path, string Body)[] calls =
        [
            ("/v3/watch", """{"create_request":{"key":"aw=="}}"""), ("/v3/lease/keepalive", """{"ID":"7"}{"ID":"8"}"""),
            ("/v3/kv/put", """{"key":"aw=="}"""), ("/v3/maintenance/snapshot", "{}"), ("/v3/election/observe", """{"name":"ZQ=="}"""),
        ];
        await using var door = await DoorHost.StartAsync();
        var random = new Random(13);
        for (var round = 0; round < 200; round++)
        {
            var (path, body) = calls[random.Next(calls.Length)];
            var cut = body[..random.Next(body.Length + 1)];
            var sent = random.Next(3) switch
            {
                0 => $"Content-Length: {body.Length + random.Next(3)}\r\n\r\n{cut}",
                1 => $"Transfer-Encoding: chunked\r\n\r\n{cut.Length:x}\r\n{cut}\r\n{(random.Next(2) == 0 ? "zz\r\n" : "")}",
                _ => $"Transfer-Encoding: chunked\r\n\r\n{body.Length:x}\r\n{body}\r\n0\r\n\r\n",
            };
            using var client = new TcpClient("127.0.0.1", door.Port) { LingerState = new LingerOption(random.Next(2) == 0, 0) };
            await client.Client.SendAsync(Encoding.ASCII.GetBytes($"POST {path} HTTP/1.1\r\nHost: x\r\n{sent}"));
            if (random.Next(3) == 0) await Task.Delay(random.Next(10));
        }

        var json = new JsonDoor(door.Endpoint);
        for (var clock = Stopwatch.StartNew(); ;)
        {
            var metrics = (await json.GetAsync("/metrics")).Body;
            if (Sum(metrics, "grpc_server_started_total{") == Sum(metrics, "grpc_server_handled_total{")) break;
            Assert.True(clock.Elapsed < Longest, metrics);
            await Task.Delay(20);
        }

        Assert.True(door.Log.Lines.Length == 0, string.Join('\n', door.Log.Lines.Distinct()));
    }

    private static double Sum(string metrics, string name) => metrics.Split('\n')
        .Where(line => line.StartsWith(name, StringComparison.Ordinal)).Sum(line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));

    private static byte[] Damage(byte[] body, Random random)
    {
        var bytes = body.ToList();
        for (var n = random.Next(4); n > 0; n--)
        {
            var at = random.Next(bytes.Count + 1);
            switch (random.Next(4))
            {
                case 0: bytes.InsertRange(at, Splinters[random.Next(Splinters.Length)]); break;
                case 1: bytes.RemoveRange(at, Math.Min(bytes.Count - at, random.Next(8))); break;
                case 2 when at < bytes.Count: bytes[at] = (byte)random.Next(256); break;
                default: bytes.RemoveRange(at, bytes.Count - at); break;
            }
        }

        return [.. bytes];
    }
}

using System.Diagnostics;
using System.Text;
using PaxosStore.Testing;

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

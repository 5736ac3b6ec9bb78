using System.Net.WebSockets;
using System.Text;
using Etcdserverpb;
using Google.Protobuf.Reflection;
using Grpc.Core;
using PaxosStore.Gateways.Etcd.Json;
using PaxosStore.Kv;
using PaxosStore.Testing;
using PaxosStore.Testing.Differential;
using static PaxosStore.Gateways.Tests.Etcd.Expect;

namespace PaxosStore.Gateways.Tests.Etcd.Http;

/// <summary>What the gateway promises beyond what a comparison with etcd shows.</summary>
public sealed class JsonGatewayTests : IAsyncLifetime
{
    private DoorHost door = null!;
    private JsonDoor json = null!;

    public async Task InitializeAsync()
    {
        door = await DoorHost.StartAsync(options => options.LeaderLossGrace = TimeSpan.FromMilliseconds(100));
        json = new JsonDoor(door.Endpoint);
    }

    public async Task DisposeAsync() => await door.DisposeAsync();

    [Fact]
    public void Every_method_of_every_service_has_a_path_and_every_path_a_method()
    {
        // In etcd, too, ranges in pieces have no path.
        var methods = ((FileDescriptor[])[RpcReflection.Descriptor, V3Lockpb.LockReflection.Descriptor, V3Electionpb.ElectionReflection.Descriptor])
            .SelectMany(file => file.Services).SelectMany(service => service.Methods).Select(method => $"{method.Service.FullName}/{method.Name}")
            .Where(name => name != "etcdserverpb.KV/RangeStream");

        Assert.Equal(methods.Order(StringComparer.Ordinal), GatewayRoutes.All.Values.Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Grpc_and_json_share_port_and_data()
    {
        await door.Client.PutAsync("k", "from grpc");
        var answer = await json.PostAsync("/v3/kv/range", """{"key":"aw=="}""");

        Assert.Equal(
            """{"header":{"cluster_id":"193","member_id":"34","revision":"2","raft_term":"7"},"kvs":[{"key":"aw==","create_revision":"2","mod_revision":"2","version":"1","value":"ZnJvbSBncnBj"}],"count":"1"}""",
            answer.Body);
    }

    [Fact]
    public async Task A_watch_goes_on_after_its_body_has_ended()
    {
        var watching = json.PostAsync("/v3/watch", """{"create_request":{"key":"aw=="}}""", lines: 2);
        while (!watching.IsCompleted)
        {
            await door.Client.PutAsync("k");
            await Task.WhenAny(watching, Task.Delay(20));
        }

        Assert.Contains("\"events\":[{\"kv\":{\"key\":\"aw==\"", (await watching).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stream_that_fails_says_so_in_its_last_word()
    {
        door.Store.LeaderId = 0;
        var refused = await json.PostAsync("/v3/watch", """{"create_request":{"key":"aw=="}}""", headers: ("Grpc-Metadata-hasleader", "true"));
        Assert.Equal(503, refused.Status);
        Assert.Equal("""{"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: no leader","http_status":"Service Unavailable"}}""", refused.Body);

        door.Store.LeaderId = InMemoryKvStore.Self;
        var watching = json.PostAsync("/v3/watch", """{"create_request":{"key":"aw=="}}""", headers: ("Grpc-Metadata-hasleader", "true"));
        await Task.Delay(50);
        door.Store.LeaderId = 0;
        var lost = await watching;
        Assert.Equal(200, lost.Status);
        Assert.EndsWith(
            "\"created\":true}}\n" + """{"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: no leader","http_status":"Service Unavailable"}}""",
            lost.Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(KvErrorCode.Timeout, 503, """{"error":"etcdserver: request timed out","message":"etcdserver: request timed out","code":14}""")]
    [InlineData(KvErrorCode.NoSpace, 429, """{"error":"etcdserver: mvcc: database space exceeded","message":"etcdserver: mvcc: database space exceeded","code":8}""")]
    [InlineData(KvErrorCode.UnhealthyCluster, 500, """{"error":"etcdserver: re-configuration failed due to not enough started members","message":"etcdserver: re-configuration failed due to not enough started members","code":2}""")]
    public async Task Failures_have_the_status_that_stands_for_their_code(KvErrorCode code, int status, string body)
    {
        door.Store.Fault = new KvException(code);

        Assert.Equal((status, body), ((await json.PostAsync("/v3/kv/put", """{"key":"aw=="}""")) is var answer ? (answer.Status, answer.Body) : default));
    }

    [Fact]
    public async Task What_grpc_refuses_is_refused_here()
    {
        door.Store.IsObserver = true;
        Assert.Equal(503, (await json.PostAsync("/v3/kv/put", """{"key":"aw=="}""")).Status);
        Assert.Equal(200, (await json.PostAsync("/v3/kv/range", """{"key":"aw==","serializable":true}""")).Status);
    }

    [Fact]
    public async Task A_request_that_is_too_large_is_refused_and_not_read_to_its_end()
    {
        var value = new string('A', 8 * 1024 * 1024);
        var refused = await json.PostAsync("/v3/kv/put", $$"""{"key":"aw==","value":"{{value}}"}""");
        Assert.Equal(429, refused.Status);
        Assert.StartsWith("""{"error":"grpc: received message larger than max (""", refused.Body, StringComparison.Ordinal);

        var write = await json.PostAsync("/v3/kv/put", $$"""{"key":"aw==","value":"{{value[..(2 * 1024 * 1024 + 4)]}}"}""");
        Assert.Equal((400, "etcdserver: request is too large"), (write.Status, write.Body[10..42]));
    }

    [Theory]
    [InlineData("<&>", "\\u003c\\u0026\\u003e")]
    [InlineData("a\"\\\n\u0001é€", "a\\\"\\\\\\n\\u0001é€")]
    public async Task Text_is_escaped_as_go_escapes_it(string name, string written)
    {
        door.Store.Members = [new MemberInfo(1, name, [], [], false)];
        Assert.Contains($"\"name\":\"{written}\"", (await json.PostAsync("/v3/cluster/member/list", "")).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_web_socket_carries_a_stream_line_by_line()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        using var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol("Bearer");
        socket.Options.AddSubProtocol("token");
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{door.Port}/v3/watch"), limit.Token);
        Assert.Equal("Bearer", socket.SubProtocol);

        await socket.SendAsync(Encoding.UTF8.GetBytes("""{"create_request":{"key":"aw=="}}"""), WebSocketMessageType.Text, true, limit.Token);
        Assert.EndsWith("\"created\":true}}", await ReceiveAsync(socket, limit.Token), StringComparison.Ordinal);
        await door.Client.PutAsync("k", new string('v', 100_000));
        Assert.Contains("\"events\"", await ReceiveAsync(socket, limit.Token), StringComparison.Ordinal);
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, limit.Token);
        Assert.Empty(door.Log.Lines);
    }

    [Fact]
    public async Task A_web_socket_is_closed_when_the_call_has_ended()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{door.Port}/v3/kv/range"), limit.Token);

        await socket.SendAsync(Encoding.UTF8.GetBytes("""{"key":"aw=="}"""), WebSocketMessageType.Text, true, limit.Token);
        Assert.StartsWith("{\"header\":", await ReceiveAsync(socket, limit.Token), StringComparison.Ordinal);
        Assert.Equal("", await ReceiveAsync(socket, limit.Token));
        Assert.Equal(WebSocketCloseStatus.NormalClosure, socket.CloseStatus);
    }

    private static async Task<string> ReceiveAsync(ClientWebSocket socket, CancellationToken cancellation)
    {
        using var message = new MemoryStream();
        var buffer = new byte[1000];
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer, cancellation);
            message.Write(buffer, 0, part.Count);
            if (part.EndOfMessage) return Encoding.UTF8.GetString(message.ToArray());
        }
    }
}

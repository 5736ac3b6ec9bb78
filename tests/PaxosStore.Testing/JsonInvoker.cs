using System.Net.Http.Headers;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;

namespace PaxosStore.Testing;

/// <summary>
/// Carries the calls of gRPC clients over etcd's JSON gateway, so that whatever is asked over gRPC can be asked in JSON: requests by POST, watch streams by
/// WebSocket. Names of fields are sent as in the proto files and in camel case in turn.
/// </summary>
internal sealed class JsonInvoker(string endpoint) : CallInvoker, IDisposable
{
    private static readonly JsonFormatter Camel = new(JsonFormatter.Settings.Default);
    private static readonly JsonFormatter Proto = new(JsonFormatter.Settings.Default.WithPreserveProtoFieldNames(true));
    private static readonly JsonParser Parser = new(JsonParser.Settings.Default);

    private static readonly Dictionary<string, string> Irregular = new()
    {
        ["/etcdserverpb.KV/Compact"] = "kv/compaction", ["/etcdserverpb.Watch/Watch"] = "watch", ["/etcdserverpb.Auth/Authenticate"] = "auth/authenticate",
        ["/etcdserverpb.Auth/UserChangePassword"] = "auth/user/changepw", ["/etcdserverpb.Auth/UserGrantRole"] = "auth/user/grant",
        ["/etcdserverpb.Auth/UserRevokeRole"] = "auth/user/revoke", ["/etcdserverpb.Auth/RoleGrantPermission"] = "auth/role/grant",
        ["/etcdserverpb.Auth/RoleRevokePermission"] = "auth/role/revoke", ["/etcdserverpb.Maintenance/MoveLeader"] = "maintenance/transfer-leadership",
    };

    private readonly HttpClient http = new() { Timeout = TimeSpan.FromSeconds(20) };
    private int sent;

    /// <inheritdoc/>
    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        var reply = UnaryAsync<TResponse>(method, options, Format(request));
        return new AsyncUnaryCall<TResponse>(reply, Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { });
    }

    /// <inheritdoc/>
    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options)
    {
        if (method.Name == "Watch")
        {
            var socket = new SocketCall<TRequest, TResponse>(this, new Uri($"ws{endpoint["http".Length..]}/v3/{PathOf(method.FullName)}"), options);
            return Duplex(socket, socket, socket.Dispose);
        }

        var posted = new PostedCall<TRequest, TResponse>(this, method, options);
        return Duplex(posted, posted, () => { });

        static AsyncDuplexStreamingCall<TRequest, TResponse> Duplex(IClientStreamWriter<TRequest> writer, IAsyncStreamReader<TResponse> reader, Action end) =>
            new(writer, reader, Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], end);
    }

    /// <inheritdoc/>
    public override TResponse BlockingUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        throw new NotSupportedException("use the asynchronous call");

    /// <inheritdoc/>
    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        var lines = new StreamedCall<TResponse>(this, Post(method, options, Format(request)));
        return new AsyncServerStreamingCall<TResponse>(lines, Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], lines.Dispose);
    }

    /// <inheritdoc/>
    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) => throw new NotSupportedException(method.FullName);

    /// <inheritdoc/>
    public void Dispose() => http.Dispose();

    private static string PathOf(string method)
    {
        if (Irregular.TryGetValue(method, out var path)) return path;
        var (service, name) = (method.Split('/')[1].Split('.')[1].ToLowerInvariant(), method.Split('/')[2]);
        foreach (var prefix in (string[])["Lease", "Auth"]) name = name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : name;
        foreach (var group in (string[])["User", "Role", "Member"])
        {
            if (service is "auth" or "cluster" && name.StartsWith(group, StringComparison.Ordinal)) name = $"{group}/{name[group.Length..]}";
        }

        return $"{service}/{name.ToLowerInvariant()}";
    }

    private string Format(object? request) => (sent++ % 2 == 0 ? Proto : Camel).Format((IMessage)request!);

    private static T Parse<T>(JsonElement json) => (T)Parser.Parse(json.GetRawText(), Of<T>());

    private static MessageDescriptor Of<T>() => ((IMessage)Activator.CreateInstance<T>()!).Descriptor;

    private async Task<TResponse> UnaryAsync<TResponse>(IMethod method, CallOptions options, string body)
    {
        using var json = JsonDocument.Parse(await PostAsync(method, options, body));
        return Parse<TResponse>(Succeeded(json.RootElement));
    }

    private static JsonElement Succeeded(JsonElement answer) => answer.TryGetProperty("error", out _) && answer.TryGetProperty("code", out var code)
        ? throw new RpcException(new Status((StatusCode)code.GetInt32(), answer.GetProperty("message").GetString()!))
        : answer;

    private async Task<string> PostAsync(IMethod method, CallOptions options, string body)
    {
        using var request = Post(method, options, body);
        try
        {
            using var response = await http.SendAsync(request, options.CancellationToken);
            return await response.Content.ReadAsStringAsync(options.CancellationToken);
        }
        catch (HttpRequestException e)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, e.Message, e));
        }
    }

    private HttpRequestMessage Post(IMethod method, CallOptions options, string body)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, $"{endpoint}/v3/{PathOf(method.FullName)}")
        {
            Content = new StringContent(body, Encoding.UTF8, new MediaTypeHeaderValue("application/json")),
        };
        foreach (var entry in options.Headers ?? []) request.Headers.TryAddWithoutValidation("Authorization", entry.Value);
        return request;
    }

    private static TResponse Result<TResponse>(string line)
    {
        using var json = JsonDocument.Parse(line);
        if (Succeeded(json.RootElement).TryGetProperty("result", out var result)) return Parse<TResponse>(result);
        var error = json.RootElement.GetProperty("error");
        throw new RpcException(new Status((StatusCode)error.GetProperty("grpc_code").GetInt32(), error.GetProperty("message").GetString()!));
    }

    /// <summary>A stream whose requests are one body and whose replies are read when that has ended.</summary>
    private sealed class PostedCall<TRequest, TResponse>(JsonInvoker owner, IMethod method, CallOptions options)
        : IClientStreamWriter<TRequest>, IAsyncStreamReader<TResponse>
    {
        private readonly StringBuilder body = new();
        private readonly Queue<string> lines = [];
        private bool complete;

        public WriteOptions? WriteOptions { get; set; }

        public TResponse Current { get; private set; } = default!;

        public Task WriteAsync(TRequest message)
        {
            body.Append(owner.Format(message));
            return Task.CompletedTask;
        }

        public async Task CompleteAsync()
        {
            complete = true;
            var answer = await owner.PostAsync(method, options, body.ToString());
            foreach (var line in answer.Split('\n', StringSplitOptions.RemoveEmptyEntries)) lines.Enqueue(line);
        }

        public async Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            if (!complete) await CompleteAsync();
            if (!lines.TryDequeue(out var line)) return false;
            Current = Result<TResponse>(line);
            return true;
        }
    }

    /// <summary>Replies to one request, a line each, read as they come.</summary>
    private sealed class StreamedCall<TResponse>(JsonInvoker owner, HttpRequestMessage request) : IAsyncStreamReader<TResponse>, IDisposable
    {
        private HttpResponseMessage? response;
        private StreamReader? reader;

        public TResponse Current { get; private set; } = default!;

        public async Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            response ??= await owner.http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            reader ??= new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken));
            if (await reader.ReadLineAsync(cancellationToken) is not { Length: > 0 } line) return false;
            Current = Result<TResponse>(line);
            return true;
        }

        public void Dispose()
        {
            response?.Dispose();
            request.Dispose();
        }
    }

    /// <summary>A stream over a WebSocket, one JSON value a message.</summary>
    private sealed class SocketCall<TRequest, TResponse>(JsonInvoker owner, Uri address, CallOptions options)
        : IClientStreamWriter<TRequest>, IAsyncStreamReader<TResponse>, IDisposable
    {
        private readonly Channel<TResponse> replies = Channel.CreateBounded<TResponse>(64);
        private readonly CancellationTokenSource ended = new();
        private readonly ClientWebSocket socket = new();

        public WriteOptions? WriteOptions { get; set; }

        public TResponse Current { get; private set; } = default!;

        public async Task WriteAsync(TRequest message)
        {
            if (socket.State == WebSocketState.None)
            {
                foreach (var entry in options.Headers ?? []) socket.Options.SetRequestHeader("Authorization", entry.Value);
                await socket.ConnectAsync(address, ended.Token);
                _ = ReceiveAsync(ended.Token);
            }

            await socket.SendAsync(Encoding.UTF8.GetBytes(owner.Format(message)), WebSocketMessageType.Text, endOfMessage: true, ended.Token);
        }

        public Task CompleteAsync() => Task.CompletedTask;

        public async Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            if (!await replies.Reader.WaitToReadAsync(cancellationToken)) return false;
            Current = await replies.Reader.ReadAsync(cancellationToken);
            return true;
        }

        public void Dispose()
        {
            ended.Cancel();
            replies.Writer.TryComplete(new RpcException(new Status(StatusCode.Cancelled, "the call was disposed")));
            socket.Dispose();
            ended.Dispose();
        }

        private async Task ReceiveAsync(CancellationToken cancellation)
        {
            var (buffer, message) = (new byte[64 * 1024], new MemoryStream());
            try
            {
                while (true)
                {
                    var part = await socket.ReceiveAsync(buffer, cancellation);
                    if (part.MessageType == WebSocketMessageType.Close) break;
                    message.Write(buffer, 0, part.Count);
                    if (!part.EndOfMessage) continue;
                    await replies.Writer.WriteAsync(Result<TResponse>(Encoding.UTF8.GetString(message.ToArray())), cancellation);
                    message.SetLength(0);
                }

                replies.Writer.TryComplete();
            }
            catch (Exception e)
            {
                replies.Writer.TryComplete(new RpcException(new Status(StatusCode.Unavailable, e.Message, e)));
            }
        }
    }
}

using System.Net.Security;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using PaxosStore.Cluster.Tests.History;
using ClusterApi = Etcdserverpb.Cluster;

namespace PaxosStore.Cluster.Tests.Processes;

/// <summary>A connection of its own to one node.</summary>
internal sealed class NodeClient : IDisposable
{
    private static readonly byte[] FromFirstKey = [0];
    private readonly GrpcChannel _channel;

    public NodeClient(string name, string url, SslClientAuthenticationOptions? tls = null, Func<string?>? token = null)
    {
        Name = name;
        var handler = new SocketsHttpHandler { EnableMultipleHttp2Connections = false, ConnectTimeout = TimeSpan.FromSeconds(2) };
        if (tls is not null)
            handler.SslOptions = tls;
        _channel = GrpcChannel.ForAddress(url, new GrpcChannelOptions
        {
            MaxReceiveMessageSize = null,
            HttpHandler = handler,
            DisposeHttpClient = true,

            // A node that came back is asked again soon; the usual second would count as the node's own.
            InitialReconnectBackoff = TimeSpan.FromMilliseconds(20),
            MaxReconnectBackoff = TimeSpan.FromMilliseconds(100),
        });
        var calls = token is null ? _channel.CreateCallInvoker() : _channel.Intercept(metadata => WithToken(metadata, token()));
        Kv = new KV.KVClient(calls);
        Watch = new Watch.WatchClient(calls);
        Lease = new Lease.LeaseClient(calls);
        Maintenance = new Maintenance.MaintenanceClient(calls);
        Cluster = new ClusterApi.ClusterClient(calls);
        Auth = new Auth.AuthClient(calls);
    }

    public string Name { get; }

    public KV.KVClient Kv { get; }

    public Watch.WatchClient Watch { get; }

    public Lease.LeaseClient Lease { get; }

    public Maintenance.MaintenanceClient Maintenance { get; }

    public ClusterApi.ClusterClient Cluster { get; }

    public Auth.AuthClient Auth { get; }

    /// <summary>When a call that may take <paramref name="limit"/> has to be over.</summary>
    public static DateTime Within(TimeSpan limit) => TimeProvider.System.GetUtcNow().UtcDateTime + limit;

    /// <summary>A linearizable read of a key that need not exist; the store's revision.</summary>
    public async Task<long> ReadRevisionAsync(TimeSpan limit)
    {
        var reply = await Kv.RangeAsync(new RangeRequest { Key = ByteString.CopyFromUtf8("health") }, deadline: Within(limit));
        return reply.Header.Revision;
    }

    /// <summary>Everything that ever happened, as a watch from the first revision tells it, up to the revision of a linearizable read made now.</summary>
    public async Task<LogDump> DumpAsync(TimeSpan limit)
    {
        var last = await ReadRevisionAsync(limit);
        var changes = new List<KeyChange>();
        if (last < 2)
            return new LogDump(changes, 2, last);
        using var call = Watch.Watch(deadline: Within(limit));
        await call.RequestStream.WriteAsync(new WatchRequest
        {
            CreateRequest = new WatchCreateRequest
            {
                Key = ByteString.CopyFrom(FromFirstKey),
                RangeEnd = ByteString.CopyFrom(FromFirstKey),
                StartRevision = 1,
            },
        });
        while (changes.Count == 0 || changes[^1].Revision < last)
        {
            if (!await call.ResponseStream.MoveNext(CancellationToken.None) || call.ResponseStream.Current is { Canceled: true })
                throw new InvalidOperationException($"{Name} ended the watch from revision 1: {call.ResponseStream.Current}");
            foreach (var change in call.ResponseStream.Current.Events)
            {
                var value = change.Type == Mvccpb.Event.Types.EventType.Delete ? null : change.Kv.Value.ToStringUtf8();
                changes.Add(new KeyChange(change.Kv.ModRevision, change.Kv.Key.ToStringUtf8(), value));
            }
        }

        return new LogDump(changes, 2, last);
    }

    private static Metadata WithToken(Metadata metadata, string? token)
    {
        if (token is not null)
            metadata.Add("token", token);
        return metadata;
    }

    public void Dispose() => _channel.Dispose();
}

using Etcdserverpb;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;
using V3Electionpb;

namespace PaxosStore.Testing;

/// <summary>All services of one etcd endpoint over one connection.</summary>
public sealed class EtcdClient : IDisposable
{
    private readonly GrpcChannel? channel;
    private readonly JsonInvoker? json;

    /// <summary>Connects (lazily) to <paramref name="endpoint"/>, for example <c>http://127.0.0.1:2379</c>.</summary>
    /// <param name="endpoint">Where to connect to.</param>
    /// <param name="overJson">Whether to go through the JSON gateway instead of gRPC.</param>
    public EtcdClient(string endpoint, bool overJson = false)
    {
        Endpoint = endpoint;
        if (overJson)
        {
            json = new JsonInvoker(endpoint);
        }
        else
        {
            channel = GrpcChannel.ForAddress(endpoint, new GrpcChannelOptions
            {
                MaxReceiveMessageSize = null,
                MaxSendMessageSize = null,
                HttpHandler = new SocketsHttpHandler { EnableMultipleHttp2Connections = false },
                DisposeHttpClient = true,
            });
        }

        CallInvoker invoker = json is not null ? json : channel!.CreateCallInvoker();
        Kv = new KV.KVClient(invoker);
        Watch = new Watch.WatchClient(invoker);
        Lease = new Lease.LeaseClient(invoker);
        Lock = new V3Lockpb.Lock.LockClient(invoker);
        Election = new Election.ElectionClient(invoker);
        Cluster = new Cluster.ClusterClient(invoker);
        Maintenance = new Maintenance.MaintenanceClient(invoker);
        Auth = new Auth.AuthClient(invoker);
        Health = new Health.HealthClient(invoker);
    }

    /// <summary>Where it connects to.</summary>
    public string Endpoint { get; }

    /// <summary>The connection.</summary>
    public GrpcChannel Channel => channel ?? throw new InvalidOperationException("no gRPC connection: this client goes through the JSON gateway");

    /// <summary>Keys and values.</summary>
    public KV.KVClient Kv { get; }

    /// <summary>Watch streams.</summary>
    public Watch.WatchClient Watch { get; }

    /// <summary>Key leases.</summary>
    public Lease.LeaseClient Lease { get; }

    /// <summary>Locks.</summary>
    public V3Lockpb.Lock.LockClient Lock { get; }

    /// <summary>Elections.</summary>
    public Election.ElectionClient Election { get; }

    /// <summary>Members.</summary>
    public Cluster.ClusterClient Cluster { get; }

    /// <summary>Status of the member.</summary>
    public Maintenance.MaintenanceClient Maintenance { get; }

    /// <summary>Users and roles.</summary>
    public Auth.AuthClient Auth { get; }

    /// <summary>Health of the member.</summary>
    public Health.HealthClient Health { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        channel?.Dispose();
        json?.Dispose();
    }
}

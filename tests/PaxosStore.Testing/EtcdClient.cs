using Etcdserverpb;
using Grpc.Health.V1;
using Grpc.Net.Client;
using V3Electionpb;

namespace PaxosStore.Testing;

/// <summary>All services of one etcd endpoint over one connection.</summary>
public sealed class EtcdClient : IDisposable
{
    /// <summary>Connects (lazily) to <paramref name="endpoint"/>, for example <c>http://127.0.0.1:2379</c>.</summary>
    public EtcdClient(string endpoint)
    {
        Endpoint = endpoint;
        Channel = GrpcChannel.ForAddress(endpoint, new GrpcChannelOptions
        {
            MaxReceiveMessageSize = null,
            MaxSendMessageSize = null,
            HttpHandler = new SocketsHttpHandler { EnableMultipleHttp2Connections = false },
            DisposeHttpClient = true,
        });
        Kv = new KV.KVClient(Channel);
        Watch = new Watch.WatchClient(Channel);
        Lease = new Lease.LeaseClient(Channel);
        Lock = new V3Lockpb.Lock.LockClient(Channel);
        Election = new Election.ElectionClient(Channel);
        Cluster = new Cluster.ClusterClient(Channel);
        Maintenance = new Maintenance.MaintenanceClient(Channel);
        Auth = new Auth.AuthClient(Channel);
        Health = new Health.HealthClient(Channel);
    }

    /// <summary>Where it connects to.</summary>
    public string Endpoint { get; }

    /// <summary>The connection.</summary>
    public GrpcChannel Channel { get; }

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
    public void Dispose() => Channel.Dispose();
}

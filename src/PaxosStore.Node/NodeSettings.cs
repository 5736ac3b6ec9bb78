using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Akka.Configuration;
using PaxosStore.Consensus;
using PaxosStore.Node.Tls;

namespace PaxosStore.Node;

/// <summary>The node can't start; the message tells the operator why and what to do next.</summary>
public sealed class NodeStartupException(string message) : Exception(message);

/// <summary>What a node does that starts without a journal.</summary>
public enum ClusterState
{
    /// <summary>It forms its cluster together with the others.</summary>
    New,

    /// <summary>It joins a cluster that runs and has it as a member.</summary>
    Existing,
}

/// <summary>The settings every node starts from.</summary>
public static class NodeDefaults
{
    /// <summary>The embedded <c>reference.conf</c>, root key <c>paxosstore</c>.</summary>
    public static Config Reference { get; } = ConfigurationFactory.FromResource<NodeSettings>("PaxosStore.Node.reference.conf");
}

/// <summary>Where journal and snapshots are kept.</summary>
public enum StorageProvider
{
    /// <summary>In SQLite files of the data directory.</summary>
    Sqlite,

    /// <summary>In a PostgreSQL database.</summary>
    PostgreSql,
}

/// <summary>Everything a node needs to know, read once from HOCON.</summary>
public sealed record NodeSettings
{
    private const long DefaultQuotaBytes = 2L << 30;

    /// <summary>Human name, unique in the cluster.</summary>
    public required string Name { get; init; }

    /// <summary>Where the journal lives.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>What keeps the journal.</summary>
    public StorageProvider StorageProvider { get; init; }

    /// <summary>How the database is reached; it may hold a password.</summary>
    public string StorageConnection { get; init; } = "";

    /// <summary>Where clients are served: gRPC, and the same over HTTP/1.1.</summary>
    public required IReadOnlyList<Uri> ListenClientUrls { get; init; }

    /// <summary>Where clients are told to connect.</summary>
    public required IReadOnlyList<Uri> AdvertiseClientUrls { get; init; }

    /// <summary>Where else HTTP/1.1 is served; may be none.</summary>
    public required IReadOnlyList<Uri> ListenHttpUrls { get; init; }

    /// <summary>Where peers are listened for.</summary>
    public required Uri ListenPeerUrl { get; init; }

    /// <summary>Where peers reach this node; the same on all members.</summary>
    public required Uri AdvertisePeerUrl { get; init; }

    /// <summary>Certificates for the peers' port, when its URLs are https.</summary>
    public TlsSettings PeerTls { get; init; } = new() { Prefix = "peer-" };

    /// <summary>All members, this one included: name to peer URL.</summary>
    public required IReadOnlyDictionary<string, Uri> InitialCluster { get; init; }

    /// <summary>Tells clusters apart that use the same addresses.</summary>
    public required string ClusterToken { get; init; }

    /// <summary>Whether the cluster is to be formed or runs already.</summary>
    public required ClusterState ClusterState { get; init; }

    /// <summary>Known to operators of etcd; changes that would leave too few live voters are refused whatever it says.</summary>
    public required bool StrictReconfigCheck { get; init; }

    /// <summary>Most members without a vote.</summary>
    public required int MaxObservers { get; init; }

    /// <summary>Most bytes of storage in use before writes that add data are refused; 0 = no bound.</summary>
    public required long QuotaBytes { get; init; }

    /// <summary>Most log entries between snapshots.</summary>
    public required int SnapshotCount { get; init; }

    /// <summary>Least silence of the leader before a node tries to lead.</summary>
    public required TimeSpan ElectionTimeout { get; init; }

    /// <summary>How often a leader shows that it is alive.</summary>
    public required TimeSpan HeartbeatInterval { get; init; }

    /// <summary>How long a request may wait for a decision.</summary>
    public required TimeSpan RequestTimeout { get; init; }

    /// <summary>Most writes and most reads waiting on this node; more are refused as overloaded.</summary>
    public required int MaxPendingRequests { get; init; }

    /// <summary>Bounds of the engine.</summary>
    public required PaxosOptions Paxos { get; init; }

    /// <summary>The operator's whole HOCON: its section <c>akka</c> overrides what the node sets there.</summary>
    public Config AkkaOverrides { get; init; } = Config.Empty;

    /// <summary>Identity of this node: a digest of token and peer URL.</summary>
    public ulong MemberId => MemberIdOf(AdvertisePeerUrl);

    /// <summary>Identity of the cluster: a digest of token and member ids.</summary>
    public ulong ClusterId => Digest(string.Join(',', InitialCluster.Values.Select(MemberIdOf).Order().Select(id => id.ToString("x"))));

    /// <summary>Identity of the member behind a peer URL.</summary>
    public ulong MemberIdOf(Uri peerUrl)
    {
        ArgumentNullException.ThrowIfNull(peerUrl);
        return Digest(Text(peerUrl));
    }

    /// <summary>Whether an address is spoken to with TLS.</summary>
    public static bool IsTls(Uri url)
    {
        ArgumentNullException.ThrowIfNull(url);
        return url.Scheme == Uri.UriSchemeHttps;
    }

    /// <summary>A peer URL as members know it.</summary>
    internal static string Text(Uri peerUrl) => $"{peerUrl.Scheme}://{peerUrl.Authority}";

    /// <summary>Reads and checks the section <c>paxosstore</c>.</summary>
    /// <exception cref="NodeStartupException">A value is missing or contradicts another one.</exception>
    public static NodeSettings FromConfig(Config config)
    {
        ArgumentNullException.ThrowIfNull(config);

        // Of nothing but defaults the reference itself comes back, and no configuration may fall back to itself.
        var c = (config == NodeDefaults.Reference ? config : config.WithFallback(NodeDefaults.Reference)).GetConfig("paxosstore");
        var name = c.GetString("name");
        var advertisePeer = Url(c, "initial-advertise-peer-urls");
        var cluster = ParseCluster(c.GetString("initial-cluster"), name, advertisePeer);
        if (!cluster.TryGetValue(name, out var own))
        {
            throw new NodeStartupException($"initial-cluster names {string.Join(", ", cluster.Keys)} but not this node '{name}': add '{name}={advertisePeer}' or change --name");
        }

        if (own != advertisePeer)
        {
            throw new NodeStartupException($"initial-cluster says '{name}' is reached at {own}, initial-advertise-peer-urls says {advertisePeer}: make them equal");
        }

        var heartbeat = c.GetTimeSpan("heartbeat-interval");
        var election = c.GetTimeSpan("election-timeout");
        if (heartbeat <= TimeSpan.Zero || election < heartbeat * 5)
        {
            throw new NodeStartupException($"election-timeout ({election.TotalMilliseconds} ms) must be at least 5 times heartbeat-interval ({heartbeat.TotalMilliseconds} ms), or a late heartbeat would cost a leader");
        }

        var state = ParseState(c.GetString("initial-cluster-state"));
        if (state == ClusterState.Existing && cluster.Count == 1)
        {
            throw new NodeStartupException($"initial-cluster-state is 'existing', but initial-cluster names nobody but this node: name the members that run, as in 'n1=http://10.0.0.1:2380,{name}={advertisePeer}'");
        }

        var listenPeer = Url(c, "listen-peer-urls");
        var peerTls = ReadPeerTls(c);
        CheckSchemes(cluster, listenPeer, peerTls);
        var (provider, connection) = Storage(c);
        var clients = Urls(c, "listen-client-urls");
        return new NodeSettings
        {
            Name = name,
            DataDirectory = Path.GetFullPath(c.GetString("data-dir") is { Length: > 0 } dir ? dir : $"{name}.paxosstore"),
            StorageProvider = provider,
            StorageConnection = connection,
            ListenClientUrls = clients,
            AdvertiseClientUrls = Urls(c, "advertise-client-urls") is { Count: > 0 } advertised ? advertised : clients,
            ListenHttpUrls = Urls(c, "listen-http-urls"),
            ListenPeerUrl = listenPeer,
            PeerTls = peerTls,
            AdvertisePeerUrl = advertisePeer,
            InitialCluster = cluster,
            ClusterToken = c.GetString("initial-cluster-token"),
            ClusterState = state,
            StrictReconfigCheck = c.GetBoolean("strict-reconfig-check"),
            MaxObservers = Positive(c, "max-learners"),
            QuotaBytes = Quota(c.GetLong("quota-backend-bytes")),
            SnapshotCount = Positive(c, "snapshot-count"),
            ElectionTimeout = election,
            HeartbeatInterval = heartbeat,
            RequestTimeout = c.GetTimeSpan("request-timeout"),
            MaxPendingRequests = c.GetInt("max-pending-requests"),
            Paxos = new PaxosOptions
            {
                HeartbeatInterval = heartbeat,
                ElectionTimeout = election,
                PipelineWindow = c.GetInt("pipeline-window"),
                EagerSlots = c.GetInt("eager-slots"),
            },
            AkkaOverrides = config,
        };
    }

    /// <summary>Names the node, and nothing that may be secret.</summary>
    public override string ToString() => $"{Name} ({MemberId:x}) of {ClusterId:x}";

    private static (StorageProvider Provider, string Connection) Storage(Config c)
    {
        var connection = c.GetString("storage-connection");
        return (c.GetString("storage"), connection.Length > 0) switch
        {
            ("sqlite", false) => (StorageProvider.Sqlite, ""),
            ("sqlite", true) => throw new NodeStartupException("storage-connection is given, but storage is sqlite, which lies in data-dir: set storage to postgresql or leave the connection out"),
            ("postgresql", true) => (StorageProvider.PostgreSql, connection),
            ("postgresql", false) => throw new NodeStartupException("storage is postgresql: say where with storage-connection, such as Host=db.example;Database=paxosstore;Username=paxosstore"),
            var (other, _) => throw new NodeStartupException($"storage: '{other}' is not known; expected sqlite or postgresql"),
        };
    }

    private static TlsSettings ReadPeerTls(Config c) => new()
    {
        Prefix = "peer-",
        CertFile = c.GetString("peer-cert-file"),
        KeyFile = c.GetString("peer-key-file"),
        TrustedCaFile = c.GetString("peer-trusted-ca-file"),
        CrlFile = c.GetString("peer-crl-file"),
        ClientCertAuth = c.GetBoolean("peer-client-cert-auth"),
        Auto = c.GetBoolean("peer-auto-tls"),
        AllowedNames = Words(c, "peer-cert-allowed-cn"),
        AllowedHosts = Words(c, "peer-cert-allowed-hostname"),
        SelfSignedYears = Positive(c, "self-signed-cert-validity"),
    };

    /// <summary>One transport serves all peers: with TLS or without.</summary>
    private static void CheckSchemes(SortedDictionary<string, Uri> cluster, Uri listen, TlsSettings tls)
    {
        if (cluster.FirstOrDefault(member => IsTls(member.Value) != IsTls(listen)) is { Key: not null } other)
        {
            throw new NodeStartupException(
                $"listen-peer-urls is {listen}, but initial-cluster has {other.Key}={other.Value}: peer URLs are all http or all https");
        }

        if (!IsTls(listen)) return;
        tls.Check(listen);
        if (tls is { IsSelfSigned: true, IsMutual: true })
        {
            throw new NodeStartupException(
                "--peer-auto-tls makes certificates that no authority vouches for, but --peer-trusted-ca-file asks for one: give --peer-cert-file and --peer-key-file");
        }
    }

    private static string[] Words(Config c, string key) => c.GetString(key).Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static SortedDictionary<string, Uri> ParseCluster(string text, string name, Uri advertisePeer)
    {
        var members = new SortedDictionary<string, Uri>(StringComparer.Ordinal);
        if (string.IsNullOrWhiteSpace(text))
        {
            members.Add(name, advertisePeer);
            return members;
        }

        foreach (var entry in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = entry.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0) throw new NodeStartupException($"initial-cluster: '{entry}' is not of the form name=http://host:port");
            var url = Parse("initial-cluster", entry[(equals + 1)..]);
            if (members.ContainsValue(url) || !members.TryAdd(entry[..equals], url))
            {
                throw new NodeStartupException($"initial-cluster: '{entry}' stands there twice; every member needs a name and a peer URL of its own");
            }
        }

        return members;
    }

    private static ClusterState ParseState(string text) => text switch
    {
        "new" => ClusterState.New,
        "existing" => ClusterState.Existing,
        _ => throw new NodeStartupException($"initial-cluster-state: '{text}' is neither 'new' nor 'existing'"),
    };

    private static int Positive(Config c, string key) =>
        c.GetInt(key) is > 0 and var number ? number : throw new NodeStartupException($"{key}: {c.GetInt(key)} is not at least 1");

    // As operators of etcd know it: 0 is the default, and only less than nothing is no quota.
    private static long Quota(long bytes) => bytes switch
    {
        0 => DefaultQuotaBytes,
        < 0 => 0,
        _ => bytes,
    };

    private static Uri Url(Config c, string key) => Urls(c, key) switch
    {
        [var one] => one,
        var many => throw new NodeStartupException($"{key}: exactly one URL is supported, not {many.Count}"),
    };

    /// <summary>A list of strings, or one string with commas, as operators write on the command line.</summary>
    private static List<Uri> Urls(Config c, string key)
    {
        var value = c.GetValue(key);
        var texts = value is null ? [] : value.IsArray() ? value.GetStringList() : (value.GetString() ?? "").Split(',');
        return [.. texts.Select(t => t.Trim()).Where(t => t.Length > 0).Select(t => Parse(key, t))];
    }

    private static Uri Parse(string key, string text)
    {
        if (Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url.Port > 0) return url;
        throw new NodeStartupException($"{key}: '{text}' is not a URL of the form http://host:port or https://host:port");
    }

    private ulong Digest(string text)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{ClusterToken}\n{text}"));
        return (BinaryPrimitives.ReadUInt64BigEndian(hash) & long.MaxValue) | 1;
    }
}

using PaxosStore.Node;

namespace PaxosStore.Server.Options;

/// <summary>All options of the server. The defaults are those of the node's embedded <c>reference.conf</c>.</summary>
internal static class OptionTable
{
    internal const string ConfigFile = "config-file";
    internal const string Name = "name";
    internal const string ListenClientUrls = "listen-client-urls";
    internal const string AdvertiseClientUrls = "advertise-client-urls";
    internal const string ListenHttpUrls = "listen-http-urls";
    internal const string ListenPeerUrls = "listen-peer-urls";
    internal const string AdvertisePeerUrls = "initial-advertise-peer-urls";
    internal const string InitialCluster = "initial-cluster";
    internal const string AutoCompactionMode = "auto-compaction-mode";
    internal const string AutoCompactionRetention = "auto-compaction-retention";
    internal const string HeartbeatInterval = "heartbeat-interval";
    internal const string ElectionTimeout = "election-timeout";
    internal const string LogLevel = "log-level";
    internal const string DataDir = "data-dir";
    internal const string ClusterToken = "initial-cluster-token";
    internal const string ListenMetricsUrls = "listen-metrics-urls";

    /// <summary>Every option, in the order of the help.</summary>
    internal static IReadOnlyList<ServerOption> All { get; } =
    [
        new(Name, OptionGroup.Node, OptionKind.Name, "NAME", "Human name of this node, unique in the cluster.")
        {
            Advice = "Must be one of the names in initial-cluster.",
        },
        new(DataDir, OptionGroup.Node, OptionKind.Path, "DIR", "Directory of this node's journal; one process at a time may use it.")
        {
            DerivedDefault = "<name>.paxosstore",
            Advice = "Put it on a local disk whose flushes are fast: every write waits for one. Never copy it to a second node.",
        },
        new("storage", OptionGroup.Node, OptionKind.Choice, "KIND", "What keeps journal and snapshots: files in data-dir, or a database.")
        {
            Choices = ["sqlite", "postgresql"],
            Advice = "A database makes the node's disk dispensable, and every write wait for the database; config/postgresql.conf shows how.",
        },
        new("storage-connection", OptionGroup.Node, OptionKind.Text, "TEXT",
            "The PostgreSQL database (15 or later), such as Host=db;Database=paxosstore;Username=paxosstore;Password=...; members may share one.")
        {
            DerivedDefault = "none",
            Advice = "With a password, give it as PAXOSSTORE_STORAGE_CONNECTION or in a file: a command line can be read by others. Connect to the primary itself, not through a pooler.",
        },
        new(ConfigFile, OptionGroup.Node, OptionKind.Path, "FILE", "HOCON file with the same options below the key 'paxosstore', or etcd's own file in YAML.")
        {
            DerivedDefault = "none",
            InFile = false,
            Advice = "Environment and command line override HOCON; etcd's YAML replaces both, as with etcd. config/paxosstore.conf lists all keys.",
        },
        new(ListenClientUrls, OptionGroup.Clients, OptionKind.ListenUrls, "URLS",
            "Where clients are served: gRPC, and the JSON gateway, /health and /metrics over HTTP/1.1, on one port, with https:// by TLS; several with commas.")
        {
            Advice = "Use http://0.0.0.0:2379 to serve every interface; without TLS only on networks where everybody may read and write.",
        },
        new(AdvertiseClientUrls, OptionGroup.Clients, OptionKind.AdvertisedUrls, "URLS", "Where clients are told to find this node (member list).")
        {
            DerivedDefault = "listen-client-urls",
            Advice = "Set it when clients reach the node by another address than it listens on.",
        },
        new(ListenHttpUrls, OptionGroup.Clients, OptionKind.ListenUrls, "URLS", "Where else the JSON gateway, /health and /metrics are served (HTTP/1.1).")
        {
            DerivedDefault = "none",
            EtcdName = "listen-client-http-urls",
            Advice = "Give probes and scrapers an address of their own with it. As --listen-client-http-urls it is understood, too.",
        },
        new(ListenMetricsUrls, OptionGroup.Clients, OptionKind.ListenUrls, "URLS", "Further addresses that serve metrics and health pages, and nothing else.")
        {
            DerivedDefault = "none",
        },
        new("cors", OptionGroup.Clients, OptionKind.Text, "ORIGINS", "Origins whose web pages may use the HTTP API; * for all.")
        {
            Advice = "Browsers ask for it; other clients do not care.",
        },
        new("host-whitelist", OptionGroup.Clients, OptionKind.Text, "HOSTS", "Host names under which the HTTP API may be asked without TLS; * for all.")
        {
            Advice = "Guards a node on a developer's machine against web pages that point a name of theirs at it.",
        },
        new("max-txn-ops", OptionGroup.Clients, OptionKind.Count, "N", "Most operations of one transaction."),
        new("max-request-bytes", OptionGroup.Clients, OptionKind.Count, "BYTES", "Largest write.")
        {
            Most = 4 << 20,
            Advice = "The same on every node. A large write holds up the small ones behind it.",
        },
        new("max-concurrent-streams", OptionGroup.Clients, OptionKind.Count, "N", "Most calls in progress on one connection, watches included.")
        {
            Most = uint.MaxValue,
        },
        new("watch-progress-notify-interval", OptionGroup.Clients, OptionKind.Duration, "TIME",
            "How often an idle watcher that asked for it learns the current revision."),
        new("grpc-keepalive-interval", OptionGroup.Clients, OptionKind.Duration, "TIME",
            "Silence of a client's connection after which it is asked whether it lives; 0 never asks.")
        {
            AllowsZero = true,
        },
        new("grpc-keepalive-timeout", OptionGroup.Clients, OptionKind.Duration, "TIME", "How long the answer may take before the connection is closed.")
        {
            AllowsZero = true,
        },
        .. TlsOptions.All,
        new("auth-token", OptionGroup.Auth, OptionKind.Text, "KIND", "Tokens that users sign in for: simple, or jwt,sign-method=RS256,pub-key=FILE,priv-key=FILE,ttl=10m.")
        {
            Advice =
                "Simple ones survive restarts here and are known on every member, which is what jwt is taken for elsewhere; signed ones end with every change " +
                "of users and roles.",
        },
        new("auth-token-ttl", OptionGroup.Auth, OptionKind.Count, "SECONDS", "How long a token that stands for a password lasts unused.")
        {
            Advice = "The same on every node: the node that a client signs in to decides.",
        },
        new("bcrypt-cost", OptionGroup.Auth, OptionKind.Count, "N", "How much work a password's hash costs, as a power of two.")
        {
            Advice = "Each step up doubles the time that signing in takes, and the time that trying out stolen hashes takes.",
            Least = 4,
            Most = 31,
        },
        new(ListenPeerUrls, OptionGroup.Cluster, OptionKind.ListenUrl, "URL", "Where the other members connect.")
        {
            Advice = "Without https:// and --peer-trusted-ca-file, keep this port to the members: peers trust each other.",
        },
        new(AdvertisePeerUrls, OptionGroup.Cluster, OptionKind.AdvertisedUrl, "URL", "Where the other members are told to find this node.")
        {
            Advice =
                "Must equal this node's entry in initial-cluster, from which it is taken when not given. It is part of the " +
                "node's identity: don't change it later.",
        },
        new(InitialCluster, OptionGroup.Cluster, OptionKind.Members, "NAME=URL,...",
            "All members with their peer URLs, this node included; the same on every node.")
        {
            DerivedDefault = "this node alone",
            Advice = "Use 3 or 5 members: a majority must run, so 3 survive the loss of one and 5 the loss of two.",
        },
        new(ClusterToken, OptionGroup.Cluster, OptionKind.Text, "TEXT",
            "Tells clusters apart that use the same addresses; the same on every node."),
        new("initial-cluster-state", OptionGroup.Cluster, OptionKind.Choice, "STATE",
            "'new': the members form their cluster together; 'existing': this node joins one that runs.")
        {
            Choices = ["new", "existing"],
            Advice = "Add the member first (paxosctl member add), then start it with 'existing'. Without effect once the node has a journal.",
        },
        new("strict-reconfig-check", OptionGroup.Cluster, OptionKind.Switch, "BOOL",
            "Accepted for etcd's sake: changes of the members that would leave too few live voters are refused always."),
        new("max-learners", OptionGroup.Cluster, OptionKind.Count, "N", "Most members without a vote at a time.")
        {
            Advice = "Each takes its share of the leader's network while it catches up.",
        },
        new("quota-backend-bytes", OptionGroup.Storage, OptionKind.Bytes, "BYTES",
            "Most storage in use before writes that add data are refused and the alarm NOSPACE is raised; 0 is 2 GiB, negative is no bound.")
        {
            Advice = "All data is held in memory too: keep it well below the machine's.",
        },
        new("snapshot-count", OptionGroup.Storage, OptionKind.Count, "N", "Most log entries between snapshots.")
        {
            Advice = "Smaller: shorter restarts; larger: members that were away for longer catch up from the log.",
        },
        new(AutoCompactionMode, OptionGroup.Storage, OptionKind.Choice, "MODE",
            "What auto-compaction-retention counts: 'periodic' time, 'revision' revisions.")
        {
            Choices = ["periodic", "revision"],
        },
        new(AutoCompactionRetention, OptionGroup.Storage, OptionKind.Retention, "LENGTH",
            "History of the keys that is kept; older history is compacted. 0 keeps all until a client compacts.")
        {
            Advice = "Periodic: hours, or a duration such as 30m. Revision: a number of revisions. Kubernetes compacts by itself: leave 0.",
        },
        new(HeartbeatInterval, OptionGroup.Tuning, OptionKind.Duration, "TIME", "How often a leader shows that it is alive.")
        {
            Advice = "About the round trip between the members, rather more than less; the same on every node.",
        },
        new(ElectionTimeout, OptionGroup.Tuning, OptionKind.Duration, "TIME", "Silence of the leader after which another node tries to lead.")
        {
            Advice =
                "At least 5 times heartbeat-interval and 10 round trips; shorter resumes sooner after a crash, longer bears " +
                "slower networks and disks.",
        },
        new("request-timeout", OptionGroup.Tuning, OptionKind.Duration, "TIME",
            "How long a request may wait for a decision before it is answered as unavailable."),
        new("max-pending-requests", OptionGroup.Tuning, OptionKind.Count, "N",
            "Most writes, and most reads, that wait on this node; more are refused as overloaded."),
        new("pipeline-window", OptionGroup.Tuning, OptionKind.Count, "N", "Most log slots in flight while this node leads.")
        {
            Advice = "Raise it when round trips between the members are long.",
        },
        new("eager-slots", OptionGroup.Tuning, OptionKind.Count, "N", "While this many slots are in flight, further writes gather into the next one.")
        {
            Advice = "Smaller: larger batches, fewer flushes; larger: less waiting on fast disks.",
        },
        new(LogLevel, OptionGroup.Logging, OptionKind.Choice, "LEVEL", "Least important line that is printed: debug, info, warn or error.")
        {
            Choices = ["debug", "info", "warn", "error", "dpanic", "panic", "fatal"],
        },
    ];

    /// <summary>The option of that name, or null.</summary>
    internal static ServerOption? Find(string name) => All.FirstOrDefault(option => option.Name == name || option.EtcdName == name);

    /// <summary>The default as the reference configuration has it; empty when it is derived or none.</summary>
    internal static string Default(ServerOption option) =>
        option.InFile ? NodeDefaults.Reference.GetString($"{ConfigFiles.Root}.{option.Name}", "") : "";

    /// <summary>The default as people read it.</summary>
    internal static string ShownDefault(ServerOption option) => Default(option) is { Length: > 0 } value ? value : option.DerivedDefault;

    /// <summary>The heading of a group.</summary>
    internal static string Title(OptionGroup group) => group switch
    {
        OptionGroup.Node => "Node",
        OptionGroup.Clients => "Clients",
        OptionGroup.Tls => "TLS",
        OptionGroup.Auth => "Users",
        OptionGroup.Cluster => "Cluster",
        OptionGroup.Storage => "Storage and history",
        OptionGroup.Tuning => "Times and bounds",
        OptionGroup.Logging => "Logging",
        _ => throw new ArgumentOutOfRangeException(nameof(group), group, null),
    };
}

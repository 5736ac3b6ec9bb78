namespace PaxosStore.Server.Options;

/// <summary>A flag of etcd's that is no option here.</summary>
/// <param name="IsSwitch">Whether the bare flag means true.</param>
/// <param name="Why">Why it changes nothing here, as the end of a sentence.</param>
internal sealed record EtcdFlag(bool IsSwitch, string Why)
{
    /// <summary>The only value with which the flag may stand; null when any may.</summary>
    public string? Harmless { get; init; }

    /// <summary>What to do instead, where ignoring the flag would do harm.</summary>
    public string Instead { get; init; } = "";
}

/// <summary>
/// The flags of etcd 3.4 to 3.6 that have no option here: those without a meaning are accepted, so that unit files can be kept, and those whose meaning
/// would be missed are refused.
/// </summary>
internal static class EtcdFlags
{
    private const string Experimental = "experimental-";
    private const string OwnEngine = "it tunes etcd's storage engine";
    private const string Always = "it is always done";
    private const string NoV2 = "the v2 API is not served";
    private const string OneFormat = "log lines have one format and go to standard error";
    private const string NoTracing = "requests are not traced";
    private const string Replaced = "old log and snapshots go by themselves";

    private static readonly Dictionary<string, string> Renamed = new(StringComparer.Ordinal)
    {
        ["listen-client-http-urls"] = OptionTable.ListenHttpUrls,
    };

    private static readonly Dictionary<string, EtcdFlag> Known = new(StringComparer.Ordinal)
    {
        ["wal-dir"] = Value("the journal lies in --data-dir"),
        ["max-snapshots"] = Value(Replaced),
        ["max-wals"] = Value(Replaced),
        ["snapshot-catchup-entries"] = Value(Replaced),
        ["backend-batch-interval"] = Value(OwnEngine),
        ["backend-batch-limit"] = Value(OwnEngine),
        ["backend-bbolt-freelist-type"] = Value(OwnEngine),
        ["bootstrap-defrag-threshold-megabytes"] = Value(OwnEngine),
        ["memory-mlock"] = Switch(OwnEngine),
        ["txn-mode-write-with-shared-buffer"] = Switch(OwnEngine),
        ["compaction-batch-limit"] = Value("compaction does not stop writes"),
        ["compaction-sleep-interval"] = Value("compaction does not stop writes"),
        ["initial-election-tick-advance"] = Switch("a node that starts alone leads at once"),
        ["pre-vote"] = Switch(Always),
        ["grpc-keepalive-min-time"] = Value("clients may ask as often as they like"),
        ["socket-reuse-port"] = Switch("addresses are bound alone"),
        ["socket-reuse-address"] = Switch("addresses are bound alone"),
        ["unsafe-no-fsync"] = Switch("votes are always flushed before they leave"),
        ["initial-corrupt-check"] = Switch(Always),
        ["corrupt-check-time"] = Value("members compare their states all the time"),
        ["compact-hash-check-enabled"] = Switch(Always),
        ["compact-hash-check-time"] = Value("members compare their states all the time"),
        ["enable-lease-checkpoint"] = Switch(Always),
        ["enable-lease-checkpoint-persist"] = Switch(Always),
        ["stop-grpc-service-on-defrag"] = Switch("defragmentation does not stop the service"),
        ["warning-apply-duration"] = Value("slow applies are not logged"),
        ["warning-unary-request-duration"] = Value("slow requests are not logged"),
        ["wait-cluster-ready-timeout"] = Value("clients are served as soon as the node is ready"),
        ["downgrade-check-time"] = Value("members of one cluster run one version"),
        ["feature-gates"] = Value("there are none"),
        ["set-member-localaddr"] = Switch("peers are called from the address the system chooses"),
        ["peer-skip-client-san-verification"] = Switch("the address of a peer that calls is not compared with its certificate"),
        ["client-cert-file"] = Value("the server does not call itself"),
        ["client-key-file"] = Value("the server does not call itself"),
        ["enable-grpc-gateway"] = Switch(Always),
        ["enable-pprof"] = Switch("it is Go's; use dotnet-counters and dotnet-trace"),
        ["metrics"] = Value("all metrics are served"),
        ["logger"] = Value(OneFormat),
        ["log-outputs"] = Value(OneFormat),
        ["log-format"] = Value(OneFormat),
        ["enable-log-rotation"] = Switch(OneFormat),
        ["log-rotation-config-json"] = Value(OneFormat),
        ["log-package-levels"] = Value("use --log-level"),
        ["debug"] = Switch("use --log-level=debug"),
        ["enable-distributed-tracing"] = Switch(NoTracing),
        ["distributed-tracing-address"] = Value(NoTracing),
        ["distributed-tracing-service-name"] = Value(NoTracing),
        ["distributed-tracing-instance-id"] = Value(NoTracing),
        ["distributed-tracing-sampling-rate"] = Value(NoTracing),
        ["enable-v2"] = Switch(NoV2),
        ["enable-v2v3"] = Value(NoV2),
        ["v2-deprecation"] = Value(NoV2),
        ["proxy"] = Value(NoV2) with { Harmless = "off", Instead = "the v2 proxy does not exist here; leave the flag out" },
        ["proxy-failure-wait"] = Value(NoV2),
        ["proxy-refresh-interval"] = Value(NoV2),
        ["proxy-dial-timeout"] = Value(NoV2),
        ["proxy-write-timeout"] = Value(NoV2),
        ["proxy-read-timeout"] = Value(NoV2),
        ["discovery"] = Discovery(),
        ["discovery-srv"] = Discovery(),
        ["discovery-srv-name"] = Discovery(),
        ["discovery-endpoints"] = Discovery(),
        ["discovery-token"] = Discovery(),
        ["discovery-fallback"] = Value("there is no discovery service"),
        ["discovery-proxy"] = Value("there is no discovery service"),
        ["discovery-dial-timeout"] = Value("there is no discovery service"),
        ["discovery-request-timeout"] = Value("there is no discovery service"),
        ["discovery-keepalive-time"] = Value("there is no discovery service"),
        ["discovery-keepalive-timeout"] = Value("there is no discovery service"),
        ["discovery-insecure-transport"] = Switch("there is no discovery service"),
        ["discovery-insecure-skip-tls-verify"] = Switch("there is no discovery service"),
        ["discovery-cert"] = Value("there is no discovery service"),
        ["discovery-key"] = Value("there is no discovery service"),
        ["discovery-cacert"] = Value("there is no discovery service"),
        ["discovery-user"] = Value("there is no discovery service"),
        ["discovery-password"] = Value("there is no discovery service"),
        ["peer-client-cert-file"] = OneCertificate(),
        ["peer-client-key-file"] = OneCertificate(),
        ["force-new-cluster"] = Switch("it is off") with
        {
            Harmless = "false",
            Instead =
                "a cluster of one is made from what is left by a command of its own, while the node is stopped: " +
                "paxosctl recover --data-dir {data-dir}; then start the node without the flag",
        },
    };

    internal static IEnumerable<string> Names => Known.Keys;

    internal static EtcdFlag? Find(string name) => Known.GetValueOrDefault(name);

    /// <summary>The name an option goes by here: etcd's experimental flags lost that word over time, and either spelling is understood.</summary>
    internal static string Canonical(string name)
    {
        var plain = name.StartsWith(Experimental, StringComparison.Ordinal) ? name[Experimental.Length..] : name;
        if (Renamed.TryGetValue(plain, out var renamed)) return renamed;
        return OptionTable.Find(plain) is null && Find(plain) is null ? name : plain;
    }

    /// <summary>What the operator is told about the flags, one line each.</summary>
    /// <exception cref="OptionsException">Ignoring one would do harm.</exception>
    internal static IEnumerable<string> Notices(IReadOnlyDictionary<string, Given> given, string dataDirectory)
    {
        foreach (var (name, value) in given.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            var flag = Find(name)!;
            var text = flag.IsSwitch && OptionValue.Switch(value.Value) is { } on ? on ? "true" : "false" : value.Value;
            if (text.Length == 0 || text == flag.Harmless) continue;
            if (flag.Instead.Length > 0) throw new OptionsException(
                $"{value.Source}: {flag.Instead.Replace("{data-dir}", dataDirectory, StringComparison.Ordinal)}");
            yield return $"{value.Source} has no effect: {flag.Why}";
        }
    }

    private static EtcdFlag Value(string why) => new(false, why);

    private static EtcdFlag Switch(string why) => new(true, why);

    private static EtcdFlag Discovery() => Value("there is no discovery service") with
    {
        Harmless = "",
        Instead = "there is no discovery service; name the members with --initial-cluster",
    };

    private static EtcdFlag OneCertificate() => Value("peers show one certificate") with
    {
        Harmless = "",
        Instead = "peers show one certificate, whether they call or are called; give it with --peer-cert-file and --peer-key-file",
    };
}

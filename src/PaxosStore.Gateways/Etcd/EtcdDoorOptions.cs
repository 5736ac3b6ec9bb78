using PaxosStore.Gateways.Etcd.Callers;

namespace PaxosStore.Gateways.Etcd;

/// <summary>Limits and names of the etcd door; the defaults are etcd's.</summary>
public sealed class EtcdDoorOptions
{
    /// <summary>Most comparisons or operations of one transaction level, nested levels included (etcd: <c>--max-txn-ops</c>).</summary>
    public int MaxTxnOps { get; set; } = 128;

    /// <summary>Largest write accepted, encoded (etcd: <c>--max-request-bytes</c>).</summary>
    public int MaxRequestBytes { get; set; } = 1_572_864;

    /// <summary>Shortest TTL granted; shorter wishes are raised to it.</summary>
    public long MinLeaseTtlSeconds { get; set; } = 2;

    /// <summary>Longest TTL granted; longer wishes are refused.</summary>
    public long MaxLeaseTtlSeconds { get; set; } = 9_000_000_000;

    /// <summary>etcd version told to clients. Three plain numbers: clients parse it and switch features by it.</summary>
    public string ReportedVersion { get; set; } = "3.5.21";

    /// <summary>How often an idle watcher that asked for it learns the current revision (etcd: <c>--watch-progress-notify-interval</c>).</summary>
    public TimeSpan WatchProgressInterval { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How long streams that require a leader survive without one: three election time-outs.</summary>
    public TimeSpan LeaderLossGrace { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>How long <c>/health</c> waits for a linearizable read.</summary>
    public TimeSpan HealthTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How much work a password's hash costs, as a power of two (etcd: <c>--bcrypt-cost</c>).</summary>
    public int BcryptCost { get; set; } = 10;

    /// <summary><c>simple</c>, or <c>jwt</c> with its options: <c>jwt,sign-method=RS256,pub-key=FILE,priv-key=FILE,ttl=10m</c> (etcd: <c>--auth-token</c>).</summary>
    public string AuthToken { get; set; } = "simple";

    /// <summary>How long a simple token lasts unused (etcd: <c>--auth-token-ttl</c>).</summary>
    public TimeSpan AuthTokenTtl { get; set; } = TimeSpan.FromSeconds(300);

    /// <summary>Reads a value for <see cref="AuthToken"/>, its key files included, and keeps nothing.</summary>
    /// <exception cref="FormatException">It is not usable; the message says what is expected.</exception>
    public static void CheckAuthToken(string value) => JwtTokens.Parse(value, TimeProvider.System);

    /// <summary>Clients take this server for etcd 3.6 or later.</summary>
    internal bool IsAtLeast36 => Version.Parse(ReportedVersion) >= new Version(3, 6);

    /// <summary>The version of the cluster that belongs to <see cref="ReportedVersion"/>: without its patch.</summary>
    internal string ClusterVersion => ReportedVersion[..ReportedVersion.LastIndexOf('.')] + ".0";

    /// <summary>Largest message read from a client: a write of the largest size and room for what surrounds it.</summary>
    internal int MaxReceiveBytes => MaxRequestBytes + (512 * 1024);
}

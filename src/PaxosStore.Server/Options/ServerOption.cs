namespace PaxosStore.Server.Options;

/// <summary>What a value must look like.</summary>
internal enum OptionKind
{
    /// <summary>A name without blanks, commas or equal signs.</summary>
    Name,

    /// <summary>Any text that is not empty.</summary>
    Text,

    /// <summary>A path of a file or directory.</summary>
    Path,

    /// <summary>One URL on which this node listens.</summary>
    ListenUrl,

    /// <summary>URLs on which this node listens.</summary>
    ListenUrls,

    /// <summary>One URL told to others.</summary>
    AdvertisedUrl,

    /// <summary>URLs told to others.</summary>
    AdvertisedUrls,

    /// <summary>Members as <c>name=url,name=url</c>.</summary>
    Members,

    /// <summary>A duration; a bare number counts milliseconds, as etcd's flags do.</summary>
    Duration,

    /// <summary>A whole number in the option's bounds.</summary>
    Count,

    /// <summary>A number of bytes; what nothing and less than nothing mean, the option says.</summary>
    Bytes,

    /// <summary>How much of something is kept: a bare number or a duration, read together with the option that says of what.</summary>
    Retention,

    /// <summary>True or false; the bare flag means true.</summary>
    Switch,

    /// <summary>One of a few words.</summary>
    Choice,
}

/// <summary>One option: the row from which parsing, help, environment variables and documentation are made.</summary>
/// <param name="Name">Flag without dashes; also the key below <c>paxosstore</c> in a configuration file.</param>
/// <param name="Group">Heading in the help.</param>
/// <param name="Kind">What its value must look like.</param>
/// <param name="Placeholder">Stands for the value in the help.</param>
/// <param name="Help">What it means, in one sentence.</param>
internal sealed record ServerOption(string Name, OptionGroup Group, OptionKind Kind, string Placeholder, string Help)
{
    /// <summary>When to change it, and what to; empty when the meaning says it all.</summary>
    public string Advice { get; init; } = "";

    /// <summary>What holds when the default value is empty.</summary>
    public string DerivedDefault { get; init; } = "";

    /// <summary>The words of a <see cref="OptionKind.Choice"/>.</summary>
    public IReadOnlyList<string> Choices { get; init; } = [];

    /// <summary>The smallest <see cref="OptionKind.Count"/>.</summary>
    public long Least { get; init; } = 1;

    /// <summary>The largest <see cref="OptionKind.Count"/>.</summary>
    public long Most { get; init; } = int.MaxValue;

    /// <summary>Whether a <see cref="OptionKind.Duration"/> of nothing has a meaning.</summary>
    public bool AllowsZero { get; init; }

    /// <summary>False for an option that is a flag and environment variable only.</summary>
    public bool InFile { get; init; } = true;

    /// <summary>What etcd calls the same option, where that is not <see cref="Name"/>; understood, too.</summary>
    public string? EtcdName { get; init; }

    /// <summary>The flag as typed.</summary>
    public string Flag => "--" + Name;

    /// <summary>The environment variable of this product.</summary>
    public string Variable => "PAXOSSTORE_" + Shouted(Name);

    /// <summary>The variable etcd's deployments set for the same option.</summary>
    public string EtcdVariable => "ETCD_" + Shouted(EtcdName ?? Name);

    private static string Shouted(string name) => name.Replace('-', '_').ToUpperInvariant();
}

/// <summary>The headings of the help, in order.</summary>
internal enum OptionGroup
{
    /// <summary>Who the node is and where its data lies.</summary>
    Node,

    /// <summary>Where clients connect.</summary>
    Clients,

    /// <summary>Certificates.</summary>
    Tls,

    /// <summary>Users and their tokens.</summary>
    Auth,

    /// <summary>The other members.</summary>
    Cluster,

    /// <summary>How much is kept.</summary>
    Storage,

    /// <summary>Times and bounds.</summary>
    Tuning,

    /// <summary>What the process says.</summary>
    Logging,
}

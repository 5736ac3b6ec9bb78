namespace PaxosStore.Server.Options;

/// <summary>What the operator typed.</summary>
/// <param name="Values">Option name to value; the last one wins.</param>
/// <param name="ShowHelp"><c>--help</c> stands somewhere.</param>
/// <param name="ShowVersion"><c>--version</c> stands somewhere.</param>
internal sealed record CommandLine(IReadOnlyDictionary<string, Given> Values, bool ShowHelp, bool ShowVersion)
{
    private static readonly string[] HelpWords = ["help", "h", "?"];

    // Flags that etcd's operators may carry over. Taking them without effect would promise what is not there.
    private static readonly HashSet<string> EtcdOnly =
    [
        "cert-file", "key-file", "client-cert-auth", "trusted-ca-file", "auto-tls", "peer-cert-file", "peer-key-file", "peer-client-cert-auth",
        "peer-trusted-ca-file", "peer-auto-tls", "cipher-suites", "auth-token", "max-snapshots", "max-wals", "wal-dir",
        "max-txn-ops", "max-request-bytes", "logger", "log-outputs",
        "log-format", "enable-v2", "enable-pprof", "metrics", "listen-metrics-urls", "discovery", "discovery-srv",
        "pre-vote", "force-new-cluster", "unsafe-no-fsync", "cors", "host-whitelist", "experimental-initial-corrupt-check",
    ];

    /// <exception cref="OptionsException">A flag is unknown, lacks its value or has a bad one.</exception>
    internal static CommandLine Parse(IReadOnlyList<string> arguments)
    {
        var values = new Dictionary<string, Given>(StringComparer.Ordinal);
        var (help, version) = (false, false);
        for (var i = 0; i < arguments.Count; i++)
        {
            var (name, value) = SplitFlag(arguments[i]);
            if (HelpWords.Contains(name)) help = true;
            else if (name == "version") version = true;
            else
            {
                var option = OptionTable.Find(name) ?? throw Unknown(name);
                if (value is null && option.Kind == OptionKind.Switch && !(Follows(arguments, i) && OptionValue.IsSwitch(arguments[i + 1]))) value = "true";
                value ??= Follows(arguments, i)
                    ? arguments[++i]
                    : throw new OptionsException($"{option.Flag} needs a value: {OptionValue.Expectation(option)}");
                values[option.Name] = OptionValue.Check(option, value, option.Flag);
            }
        }

        return new CommandLine(values, help, version);
    }

    private static bool Follows(IReadOnlyList<string> arguments, int i) =>
        i + 1 < arguments.Count && !arguments[i + 1].StartsWith("--", StringComparison.Ordinal);

    private static (string Name, string? Value) SplitFlag(string argument)
    {
        var name = argument.StartsWith("--", StringComparison.Ordinal) ? argument[2..] : argument.StartsWith('-') ? argument[1..] : null;
        if (string.IsNullOrEmpty(name)) throw new OptionsException($"'{argument}' is not a flag; options are written --flag value or --flag=value");
        var equals = name.IndexOf('=', StringComparison.Ordinal);
        return equals < 0 ? (name, null) : (name[..equals], name[(equals + 1)..]);
    }

    private static OptionsException Unknown(string name)
    {
        if (EtcdOnly.Contains(name)) return new OptionsException($"--{name} is a flag of etcd's that PaxosStore does not have; leave it out");
        var near = Nearest.Find(name, OptionTable.All.Select(option => option.Name).Append("version").Append("help"));
        return new OptionsException(near is null ? $"unknown flag --{name}" : $"unknown flag --{name}; did you mean --{near}?");
    }
}

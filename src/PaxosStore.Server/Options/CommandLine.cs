namespace PaxosStore.Server.Options;

/// <summary>What the operator typed.</summary>
/// <param name="Values">Option name to value; the last one wins.</param>
/// <param name="Etcd">The same for flags of etcd's that are no options here.</param>
/// <param name="ShowHelp"><c>--help</c> stands somewhere.</param>
/// <param name="ShowVersion"><c>--version</c> stands somewhere.</param>
internal sealed record CommandLine(
    IReadOnlyDictionary<string, Given> Values, IReadOnlyDictionary<string, Given> Etcd, bool ShowHelp, bool ShowVersion)
{
    private static readonly string[] HelpWords = ["help", "h", "?"];

    /// <exception cref="OptionsException">A flag is unknown, lacks its value or has a bad one.</exception>
    internal static CommandLine Parse(IReadOnlyList<string> arguments)
    {
        var values = new Dictionary<string, Given>(StringComparer.Ordinal);
        var etcd = new Dictionary<string, Given>(StringComparer.Ordinal);
        var (help, version) = (false, false);
        for (var i = 0; i < arguments.Count; i++)
        {
            var (name, value) = SplitFlag(arguments[i]);
            if (HelpWords.Contains(name)) help = true;
            else if (name == "version") version = true;
            else
            {
                var source = "--" + name;
                name = EtcdFlags.Canonical(name);
                var option = OptionTable.Find(name);
                var flag = option is null ? EtcdFlags.Find(name) ?? throw Unknown(name) : null;
                if (value is null && IsSwitch(option, flag) && !(Follows(arguments, i) && OptionValue.Switch(arguments[i + 1]) is not null)) value = "true";
                value ??= Follows(arguments, i) ? arguments[++i] : throw Missing(source, option);
                if (option is null) etcd[name] = new Given(value, source);
                else Set(values, option, value, source);
            }
        }

        return new CommandLine(values, etcd, help, version);
    }

    private static bool IsSwitch(ServerOption? option, EtcdFlag? flag) => option?.Kind == OptionKind.Switch || flag is { IsSwitch: true };

    // As with etcd, an empty value is the same as none.
    private static void Set(Dictionary<string, Given> values, ServerOption option, string value, string source)
    {
        if (value.Length == 0 && (option.Kind == OptionKind.Text || OptionTable.Default(option).Length == 0)) values.Remove(option.Name);
        else values[option.Name] = OptionValue.Check(option, value, source);
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

    private static OptionsException Missing(string flag, ServerOption? option) =>
        new(option is null ? $"{flag} needs a value" : $"{flag} needs a value: {OptionValue.Expectation(option)}");

    private static OptionsException Unknown(string name)
    {
        var near = Nearest.Find(name, OptionTable.All.Select(option => option.Name).Concat(EtcdFlags.Names).Append("version").Append("help"));
        return new OptionsException(near is null ? $"unknown flag --{name}" : $"unknown flag --{name}; did you mean --{near}?");
    }
}

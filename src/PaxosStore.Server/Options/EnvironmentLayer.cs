namespace PaxosStore.Server.Options;

/// <summary>The options the environment sets.</summary>
/// <param name="Values">Option name to value.</param>
/// <param name="Etcd">Flags of etcd's that are no options here.</param>
/// <param name="Notices">Variables that look as if they were meant for the server but have no effect.</param>
internal sealed record EnvironmentLayer(
    IReadOnlyDictionary<string, Given> Values, IReadOnlyDictionary<string, Given> Etcd, IReadOnlyList<string> Notices)
{
    private const string OwnPrefix = "PAXOSSTORE_";
    private const string EtcdPrefix = "ETCD_";

    /// <exception cref="OptionsException">A value is bad.</exception>
    internal static EnvironmentLayer Read(IReadOnlyDictionary<string, string> environment)
    {
        var values = new Dictionary<string, Given>(StringComparer.Ordinal);
        var etcd = new Dictionary<string, Given>(StringComparer.Ordinal);
        var unknown = new List<string>();
        foreach (var (variable, text) in environment.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            if (text.Length == 0 || !variable.StartsWith(EtcdPrefix, StringComparison.Ordinal)) continue;
            var name = EtcdFlags.Canonical(variable[EtcdPrefix.Length..].ToLowerInvariant().Replace('_', '-'));
            if (OptionTable.Find(name) is { } option) values[name] = OptionValue.Check(option, text, $"environment variable {variable}");
            else if (EtcdFlags.Find(name) is not null) etcd[name] = new Given(text, $"environment variable {variable}");
            else unknown.Add($"environment variable {variable} has no effect: PaxosStore has no such option");
        }

        foreach (var option in OptionTable.All)
        {
            if (!environment.TryGetValue(option.Variable, out var text) || text.Length == 0) continue;
            values[option.Name] = OptionValue.Check(option, text, $"environment variable {option.Variable}");
        }

        return new EnvironmentLayer(values, etcd, [.. unknown, .. NearMisses(environment.Keys)]);
    }

    /// <summary>etcd's way with what is said twice: neither is taken, for one of them is not what the operator thinks is in force.</summary>
    /// <exception cref="OptionsException">A flag and its <c>ETCD_</c> variable are both given.</exception>
    internal void RequireNoConflict(CommandLine commandLine)
    {
        foreach (var (name, value) in Values.Concat(Etcd).OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            if (!commandLine.Values.ContainsKey(name) && !commandLine.Etcd.ContainsKey(name)) continue;
            var variable = value.Source[(value.Source.LastIndexOf(' ') + 1)..];
            if (!variable.StartsWith(EtcdPrefix, StringComparison.Ordinal)) continue;
            throw new OptionsException(
                $"conflicting environment variable \"{variable}\" is shadowed by corresponding command-line flag --{name} " +
                "(either unset environment variable or disable flag)");
        }
    }

    // Other variables with this prefix belong to scripts and tests; only near misses are worth a word.
    private static IEnumerable<string> NearMisses(IEnumerable<string> variables)
    {
        var own = OptionTable.All.Select(option => option.Variable).ToArray();
        foreach (var variable in variables.Order(StringComparer.Ordinal))
        {
            if (!variable.StartsWith(OwnPrefix, StringComparison.Ordinal) || own.Contains(variable)) continue;
            var near = own.FirstOrDefault(name => Nearest.Distance(variable, name) <= 2);
            if (near is not null) yield return $"environment variable {variable} has no effect; did you mean {near}?";
        }
    }
}

namespace PaxosStore.Server.Options;

/// <summary>The options the environment sets.</summary>
/// <param name="Values">Option name to value.</param>
/// <param name="Notices">Variables that look as if they were meant for the server but have no effect.</param>
internal sealed record EnvironmentLayer(IReadOnlyDictionary<string, Given> Values, IReadOnlyList<string> Notices)
{
    private const string OwnPrefix = "PAXOSSTORE_";
    private const string EtcdPrefix = "ETCD_";

    /// <exception cref="OptionsException">A value is bad.</exception>
    internal static EnvironmentLayer Read(IReadOnlyDictionary<string, string> environment)
    {
        var values = new Dictionary<string, Given>(StringComparer.Ordinal);
        foreach (var option in OptionTable.All)
        {
            foreach (var variable in (string?[])[option.Variable, option.EtcdVariable])
            {
                if (variable is null || !environment.TryGetValue(variable, out var text) || text.Length == 0) continue;
                values[option.Name] = OptionValue.Check(option, text, $"environment variable {variable}");
                break;
            }
        }

        return new EnvironmentLayer(values, [.. Notes(environment.Keys)]);
    }

    private static IEnumerable<string> Notes(IEnumerable<string> variables)
    {
        var own = OptionTable.All.Select(option => option.Variable).ToArray();
        var etcd = OptionTable.All.Select(option => option.EtcdVariable).ToArray();
        foreach (var variable in variables.Order(StringComparer.Ordinal))
        {
            if (variable.StartsWith(EtcdPrefix, StringComparison.Ordinal) && !etcd.Contains(variable))
            {
                yield return $"environment variable {variable} has no effect: PaxosStore has no such option";
            }

            // Other variables with this prefix belong to scripts and tests; only near misses are worth a word.
            if (!variable.StartsWith(OwnPrefix, StringComparison.Ordinal) || own.Contains(variable)) continue;
            var near = own.FirstOrDefault(name => Nearest.Distance(variable, name) <= 2);
            if (near is not null) yield return $"environment variable {variable} has no effect; did you mean {near}?";
        }
    }
}

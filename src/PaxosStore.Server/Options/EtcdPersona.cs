namespace PaxosStore.Server.Options;

/// <summary>What differs when the server is started under etcd's name, by the launcher of that name.</summary>
internal static class EtcdPersona
{
    private const string Variable = "PAXOSSTORE_LAUNCHED_AS";

    internal static bool IsOn(IReadOnlyDictionary<string, string> environment) => environment.TryGetValue(Variable, out var name) && name == "etcd";

    /// <summary>The values given, and etcd's defaults where they differ from ours.</summary>
    internal static Dictionary<string, Given> Defaults(IReadOnlyDictionary<string, Given> given)
    {
        var values = new Dictionary<string, Given>(given, StringComparer.Ordinal);
        Default(values, OptionTable.DataDir, Completion.Effective(given, OptionTable.Name) + ".etcd");
        Default(values, OptionTable.ClusterToken, "etcd-cluster");
        Default(values, OptionTable.ElectionTimeout, "1000ms");
        return values;
    }

    private static void Default(Dictionary<string, Given> values, string name, string value) => values.TryAdd(name, new Given(value, $"etcd's default of --{name}"));
}

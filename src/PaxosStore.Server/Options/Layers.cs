using Akka.Configuration;

namespace PaxosStore.Server.Options;

/// <summary>What file, environment and command line say together.</summary>
/// <param name="Values">Option name to value.</param>
/// <param name="Etcd">Flags of etcd's that are no options here.</param>
/// <param name="File">The HOCON file, which may hold settings of the actor system too.</param>
/// <param name="Notices">What was given without effect.</param>
internal sealed record Layers(IReadOnlyDictionary<string, Given> Values, IReadOnlyDictionary<string, Given> Etcd, Config File, IReadOnlyList<string> Notices)
{
    /// <exception cref="OptionsException">The file can't be read or has a mistake in it.</exception>
    internal static Layers Read(CommandLine commandLine, EnvironmentLayer environment)
    {
        if (!commandLine.Values.TryGetValue(OptionTable.ConfigFile, out var path) && !environment.Values.TryGetValue(OptionTable.ConfigFile, out path))
        {
            return Merge(commandLine, environment, [], Config.Empty);
        }

        var text = ConfigFiles.Text(path.Value, path.Source);
        if (EtcdConfigFile.Recognises(path.Value, text)) return Alone(commandLine, environment, text, path.Value);
        var file = ConfigFiles.Parse(text, path.Value);
        return Merge(commandLine, environment, ConfigFiles.Values(file, path.Value), file);
    }

    private static Layers Merge(CommandLine commandLine, EnvironmentLayer environment, Dictionary<string, Given> values, Config file)
    {
        foreach (var (name, value) in environment.Values.Concat(commandLine.Values)) values[name] = value;
        values.Remove(OptionTable.ConfigFile);
        var etcd = new Dictionary<string, Given>(StringComparer.Ordinal);
        foreach (var (name, value) in environment.Etcd.Concat(commandLine.Etcd)) etcd[name] = value;
        return new Layers(values, etcd, file, []);
    }

    // With etcd's file in force, etcd looks at nothing else.
    private static Layers Alone(CommandLine commandLine, EnvironmentLayer environment, string text, string path)
    {
        var (values, etcd) = EtcdConfigFile.Values(text, path);
        var ignored = commandLine.Values.Concat(commandLine.Etcd).Concat(environment.Values).Concat(environment.Etcd)
            .Where(pair => pair.Key != OptionTable.ConfigFile).Select(pair => pair.Value.Source).Distinct().Order(StringComparer.Ordinal).ToArray();
        var notice = $"{string.Join(", ", ignored)} ignored: with a configuration file in etcd's format, {path} is all that counts";
        return new Layers(values, etcd, Config.Empty, ignored.Length == 0 ? [] : [notice]);
    }
}

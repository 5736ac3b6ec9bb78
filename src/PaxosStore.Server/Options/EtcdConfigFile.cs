using System.Globalization;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace PaxosStore.Server.Options;

/// <summary>etcd's own configuration file: YAML with the names of the flags, durations in nanoseconds, and two sections of certificates.</summary>
internal static partial class EtcdConfigFile
{
    private const string ClientSection = "client-transport-security";
    private const string PeerSection = "peer-transport-security";
    private const double NanosecondsPerMillisecond = 1e6;

    // These two are numbers of milliseconds, in the file as on the command line.
    private static readonly string[] Milliseconds = [OptionTable.HeartbeatInterval, OptionTable.ElectionTimeout];

    /// <summary>Whether the file is etcd's: by its name, else by how its first line of substance begins.</summary>
    internal static bool Recognises(string path, string text)
    {
        if (Path.GetExtension(path) is ".yml" or ".yaml") return true;
        var lines = text.ReplaceLineEndings("\n").Split('\n').Select(line => line.Trim());
        var first = lines.FirstOrDefault(line => line.Length > 0 && line[0] != '#' && line != "---");
        return first is not null && KeyPattern().Match(first) is { Success: true } match && match.Groups[1].Value is not (ConfigFiles.Root or "akka");
    }

    /// <summary>The options the file sets, checked, and the flags of etcd's that are no options here.</summary>
    /// <exception cref="OptionsException">It is not YAML, a key is unknown or a value is bad.</exception>
    internal static (Dictionary<string, Given> Values, Dictionary<string, Given> Etcd) Values(string text, string path)
    {
        var values = new Dictionary<string, Given>(StringComparer.Ordinal);
        var etcd = new Dictionary<string, Given>(StringComparer.Ordinal);
        foreach (var (key, node) in Top(text, path))
        {
            if (key is ClientSection or PeerSection)
            {
                foreach (var (inner, value) in Entries(node, path)) Add(values, etcd, SectionKey(key, inner), value, path, $"{key}.{inner}");
            }
            else
            {
                Add(values, etcd, key, node, path, key);
            }
        }

        return (values, etcd);
    }

    private static List<(string Key, YamlNode Value)> Top(string text, string path)
    {
        var stream = new YamlStream();
        try
        {
            stream.Load(new StringReader(text));
        }
        catch (YamlException e)
        {
            throw new OptionsException($"{path}, line {e.Start.Line}: not valid YAML: {e.Message.ReplaceLineEndings(" ")}");
        }

        return stream.Documents.Count == 0 ? [] : Entries(stream.Documents[0].RootNode, path);
    }

    private static List<(string Key, YamlNode Value)> Entries(YamlNode node, string path) => node switch
    {
        YamlMappingNode mapping => [.. mapping.Children.Select(pair => (((YamlScalarNode)pair.Key).Value ?? "", pair.Value))],
        YamlScalarNode { Value: null or "" } => [],
        _ => throw new OptionsException($"{path}, line {node.Start.Line}: expected keys with values, as in 'name: n1'"),
    };

    private static void Add(Dictionary<string, Given> values, Dictionary<string, Given> etcd, string key, YamlNode node, string path, string shown)
    {
        var name = EtcdFlags.Canonical(key);
        var source = $"{path}, line {node.Start.Line}: {shown}";
        var text = Text(node, source);
        if (OptionTable.Find(name) is { InFile: true } option)
        {
            if (text.Length == 0) return;
            values[name] = OptionValue.Check(option, Unit(option, text), source);
        }
        else if (EtcdFlags.Find(name) is not null)
        {
            etcd[name] = new Given(text, source);
        }
        else
        {
            var near = Nearest.Find(name, OptionTable.All.Where(o => o.InFile).Select(o => o.Name).Concat(EtcdFlags.Names));
            throw new OptionsException($"{path}, line {node.Start.Line}: unknown key {shown}" + (near is null ? "" : $"; did you mean {near}?"));
        }
    }

    private static string SectionKey(string section, string key) => (section, key) switch
    {
        (ClientSection, "crl-file") => TlsOptions.ClientCrlFile,
        (ClientSection, "allowed-hostname" or "allowed-hostnames") => TlsOptions.AllowedHostname,
        (PeerSection, "allowed-cn" or "allowed-cns") => "peer-cert-allowed-cn",
        (PeerSection, "allowed-hostname" or "allowed-hostnames") => "peer-cert-allowed-hostname",
        (PeerSection, _) => "peer-" + key,
        _ => key,
    };

    private static string Text(YamlNode node, string source) => node switch
    {
        YamlScalarNode { Style: ScalarStyle.Plain, Value: "null" or "~" } => "",
        YamlScalarNode scalar => scalar.Value ?? "",
        YamlSequenceNode sequence => string.Join(',', sequence.Children.Select(child => Text(child, source))),
        _ => throw new OptionsException($"{source} must be one value or a list"),
    };

    private static string Unit(ServerOption option, string text) =>
        option.Kind == OptionKind.Duration && !Milliseconds.Contains(option.Name)
        && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var nanoseconds)
            ? string.Create(CultureInfo.InvariantCulture, $"{nanoseconds / NanosecondsPerMillisecond:0.######}ms")
            : text;

    [GeneratedRegex(@"^([a-z][a-z0-9-]*):(\s|$)")]
    private static partial Regex KeyPattern();
}

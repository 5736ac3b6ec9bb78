namespace PaxosStore.Server.Options;

/// <summary>Fills in addresses that follow from others, so that one node needs no option and three need few.</summary>
internal static class Completion
{
    /// <summary>The value in force: given, or the default.</summary>
    internal static string Effective(IReadOnlyDictionary<string, Given> values, string name) =>
        values.TryGetValue(name, out var given) ? given.Value : OptionTable.Default(OptionTable.Find(name)!);

    /// <exception cref="OptionsException">An address can't be guessed.</exception>
    internal static IReadOnlyDictionary<string, Given> Complete(IReadOnlyDictionary<string, Given> given, List<string> notices)
    {
        var values = new Dictionary<string, Given>(given, StringComparer.Ordinal);
        CompletePeers(values);
        CompleteClients(values, notices);
        return values;
    }

    private static void CompletePeers(Dictionary<string, Given> values)
    {
        if (!values.ContainsKey(OptionTable.AdvertisePeerUrls))
        {
            if (OwnEntry(values) is { } entry) Derive(values, OptionTable.AdvertisePeerUrls, entry);
            else if (values.TryGetValue(OptionTable.ListenPeerUrls, out var listen)) AdvertiseListened(values, listen);
        }

        if (values.ContainsKey(OptionTable.ListenPeerUrls) || !values.TryGetValue(OptionTable.AdvertisePeerUrls, out var advertised)) return;
        if (!Uri.TryCreate(advertised.Value, UriKind.Absolute, out var url)) return;
        if (url.HostNameType == UriHostNameType.Dns && url.DnsSafeHost != "localhost")
        {
            throw new OptionsException(
                $"peers are told {advertised.Value}, a name: say on which address this node listens for them, " +
                $"for example --listen-peer-urls {url.Scheme}://0.0.0.0:{url.Port}");
        }

        Derive(values, OptionTable.ListenPeerUrls, advertised.Value);
    }

    private static string? OwnEntry(Dictionary<string, Given> values)
    {
        if (!values.TryGetValue(OptionTable.InitialCluster, out var members)) return null;
        var prefix = Effective(values, OptionTable.Name) + "=";
        return OptionValue.Split(members.Value).FirstOrDefault(entry => entry.StartsWith(prefix, StringComparison.Ordinal))?[prefix.Length..];
    }

    private static void AdvertiseListened(Dictionary<string, Given> values, Given listen)
    {
        var url = new Uri(listen.Value);
        if (OptionValue.IsWildcard(url))
        {
            throw new OptionsException(
                $"{listen.Source} listens on every interface, so it does not say where peers find this node: " +
                $"add --initial-advertise-peer-urls {url.Scheme}://<address of this node>:{url.Port}");
        }

        Derive(values, OptionTable.AdvertisePeerUrls, listen.Value);
    }

    private static void CompleteClients(Dictionary<string, Given> values, List<string> notices)
    {
        if (values.ContainsKey(OptionTable.AdvertiseClientUrls)) return;
        var listened = Urls(values, OptionTable.ListenClientUrls).ToArray();
        if (!listened.Any(OptionValue.IsWildcard)) return;
        var host = new Uri(Effective(values, OptionTable.AdvertisePeerUrls)).Host;
        var told = string.Join(',', listened.Select(url => $"{url.Scheme}://{(OptionValue.IsWildcard(url) ? host : url.Host)}:{url.Port}").Distinct());
        Derive(values, OptionTable.AdvertiseClientUrls, told);
        notices.Add(
            $"clients are told to connect to {told} (the host of this node's peer URL); use --advertise-client-urls if they can't reach it there");
    }

    private static IEnumerable<Uri> Urls(Dictionary<string, Given> values, string name) =>
        OptionValue.Split(Effective(values, name)).Select(url => new Uri(url));

    private static void Derive(Dictionary<string, Given> values, string name, string value) => values[name] = new Given(value, $"derived --{name}");
}

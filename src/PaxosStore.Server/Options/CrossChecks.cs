using PaxosStore.Node;

namespace PaxosStore.Server.Options;

/// <summary>What must hold between options.</summary>
internal static class CrossChecks
{
    /// <exception cref="OptionsException">Two options contradict each other.</exception>
    internal static void Check(NodeSettings settings) => CheckPorts(Listened(settings));

    /// <summary>Every address this node listens on, with the option that says so.</summary>
    internal static IReadOnlyList<(string Flag, Uri Url)> Listened(NodeSettings settings) =>
    [
        .. settings.ListenClientUrls.Select(url => ("--" + OptionTable.ListenClientUrls, url)),
        .. settings.ListenHttpUrls.Select(url => ("--" + OptionTable.ListenHttpUrls, url)),
        ("--" + OptionTable.ListenPeerUrls, settings.ListenPeerUrl),
    ];

    private static void CheckPorts(IReadOnlyList<(string Flag, Uri Url)> listened)
    {
        for (var i = 0; i < listened.Count; i++)
        {
            for (var j = i + 1; j < listened.Count; j++)
            {
                var (first, second) = (listened[i], listened[j]);
                if (first.Url.Port != second.Url.Port || !Overlap(first.Url, second.Url)) continue;
                throw new OptionsException(
                    $"{first.Flag} and {second.Flag} both use port {first.Url.Port} ({first.Url.Authority}, {second.Url.Authority}): " +
                    "give each its own");
            }
        }
    }

    private static bool Overlap(Uri a, Uri b) => Host(a) == Host(b) || OptionValue.IsWildcard(a) || OptionValue.IsWildcard(b);

    private static string Host(Uri url) => url.DnsSafeHost == "localhost" ? "127.0.0.1" : url.DnsSafeHost;
}

using System.Security.Authentication;
using PaxosStore.Node;
using PaxosStore.Node.Tls;

namespace PaxosStore.Server.Options;

/// <summary>What must hold between options.</summary>
internal static class CrossChecks
{
    /// <exception cref="OptionsException">Two options contradict each other.</exception>
    /// <exception cref="NodeStartupException">TLS is asked for without what it needs.</exception>
    internal static void Check(ServerOptions options, List<string> notices)
    {
        CheckPorts(Listened(options));
        CheckTls(options, notices);
    }

    /// <summary>Every address this node listens on, with the option that says so.</summary>
    internal static IReadOnlyList<(string Flag, Uri Url)> Listened(ServerOptions options) =>
    [
        .. options.Node.ListenClientUrls.Select(url => ("--" + OptionTable.ListenClientUrls, url)),
        .. options.Node.ListenHttpUrls.Select(url => ("--" + OptionTable.ListenHttpUrls, url)),
        .. options.ListenMetricsUrls.Select(url => ("--" + OptionTable.ListenMetricsUrls, url)),
        ("--" + OptionTable.ListenPeerUrls, options.Node.ListenPeerUrl),
    ];

    /// <summary>The https addresses for clients, scrapers and probes.</summary>
    internal static IEnumerable<Uri> TlsUrls(ServerOptions options) =>
        options.Node.ListenClientUrls.Concat(options.Node.ListenHttpUrls).Concat(options.ListenMetricsUrls).Where(NodeSettings.IsTls);

    private static void CheckTls(ServerOptions options, List<string> notices)
    {
        var (client, peer) = (options.ClientTls.Settings, options.Node.PeerTls);
        foreach (var url in TlsUrls(options)) client.Check(url);

        if (client.HasFiles && !options.Node.ListenClientUrls.Any(NodeSettings.IsTls))
        {
            notices.Add($"--{TlsOptions.CertFile} and --{TlsOptions.KeyFile} have no effect: no address in --{OptionTable.ListenClientUrls} is https");
        }

        foreach (var tls in (TlsSettings[])[client, peer])
        {
            if (tls is { Auto: true, HasFiles: true }) notices.Add($"--{tls.Prefix}auto-tls has no effect: a certificate is given");
        }

        // Akka.Remote's transport takes neither.
        if (NodeSettings.IsTls(options.Node.ListenPeerUrl) && (options.ClientTls.CipherSuites.Count > 0 || options.ClientTls.Protocols == SslProtocols.Tls13))
        {
            notices.Add($"--{TlsOptions.CipherSuites} and --{TlsOptions.MinVersion} hold for clients only: the peers' port speaks TLS 1.2 with the machine's suites");
        }

        if (peer.HasFiles && !NodeSettings.IsTls(options.Node.ListenPeerUrl))
        {
            notices.Add($"--peer-cert-file and --peer-key-file have no effect: --{OptionTable.ListenPeerUrls} is not https");
        }
    }

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

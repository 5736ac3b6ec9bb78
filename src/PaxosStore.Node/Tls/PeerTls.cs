using System.Security.Cryptography.X509Certificates;
using Akka.Remote.Transport.DotNetty;
using Microsoft.Extensions.Logging;

namespace PaxosStore.Node.Tls;

/// <summary>
/// TLS between peers, on Akka.Remote. Its transport takes the node's own certificate once, at start, shows it without its intermediates and speaks TLS 1.2;
/// whom to trust is asked of this type at every handshake, so authorities and revocation lists are replaced without a restart.
/// </summary>
internal sealed class PeerTls
{
    // How the transport writes an address it has called; callers are named by their socket.
    private const string Called = "ssl.tcp://";

    private readonly TlsFiles _files;

    // Made certificates can't be checked.
    private readonly bool _anybody;
    private readonly X509Certificate2 _shown;
    private readonly ILogger _log;
    private readonly News _news;
    private string _newest;

    private PeerTls(TlsFiles files, bool anybody, ILogger log, TimeProvider time)
    {
        _anybody = anybody;
        (_files, _log, _news) = (files, log, new News(time));
        _shown = files.Current.Certificate;
        _newest = _shown.Thumbprint;
    }

    /// <summary>What the transport starts from.</summary>
    public DotNettySslSetup Setup => new(
        _shown, suppressValidation: false, requireMutualAuthentication: _files.Settings.IsMutual, validateCertificateHostname: false,
        (certificate, chain, remote, _, _) => Accepts(certificate, chain, remote));

    /// <summary>Reads the files; null when peers are spoken to without TLS.</summary>
    /// <exception cref="NodeStartupException">A file is missing or is not what its flag asks for.</exception>
    public static PeerTls? Open(NodeSettings settings, ILogger log, TimeProvider time)
    {
        if (!NodeSettings.IsTls(settings.ListenPeerUrl)) return null;
        var tls = settings.PeerTls;
        if (tls.IsSelfSigned)
        {
            var hosts = new[] { settings.AdvertisePeerUrl.DnsSafeHost, settings.ListenPeerUrl.DnsSafeHost };
            tls = SelfSigned.Provide(tls, Path.Combine(settings.DataDirectory, "fixtures", "peer"), hosts, time);
        }

        return new PeerTls(TlsFiles.Open(tls, log, time), settings.PeerTls.IsSelfSigned, log, time);
    }

    private bool Accepts(X509Certificate2? certificate, X509Chain? chain, string remote)
    {
        var material = _files.Current;
        WarnIfStale(material);
        if (_anybody) return true;
        var refusal = certificate is null ? "it shows no certificate" : Refusal(material, certificate, chain, remote);
        if (refusal is null) return true;
        if (_news.Is(refusal)) _log.CertificateRefused(remote, certificate?.Subject ?? "", refusal);
        return false;
    }

    private string? Refusal(TlsMaterial material, X509Certificate2 certificate, X509Chain? chain, string remote)
    {
        var use = remote.StartsWith(Called, StringComparison.Ordinal) ? CertificateUse.Server : CertificateUse.Client;
        if (CertificateCheck.Refusal(_files.Settings, material, certificate, chain?.ChainPolicy.ExtraStore, use) is { } refusal) return refusal;
        return use == CertificateUse.Server && HostOf(remote) is var host && !certificate.MatchesHostname(host, allowWildcards: true, allowCommonName: false)
            ? $"it is not made for {host} (subjectAltName)"
            : null;
    }

    private static string HostOf(string remote)
    {
        var authority = remote[(remote.IndexOf('@', StringComparison.Ordinal) + 1)..];
        var colon = authority.LastIndexOf(':');
        return (colon < 0 ? authority : authority[..colon]).Trim('[', ']');
    }

    private void WarnIfStale(TlsMaterial material)
    {
        var newest = material.Certificate.Thumbprint;
        if (Interlocked.Exchange(ref _newest, newest) != newest && newest != _shown.Thumbprint) _log.PeerCertificateStale(_files.Settings.CertFile);
    }
}

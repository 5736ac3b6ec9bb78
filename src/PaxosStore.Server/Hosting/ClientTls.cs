using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;
using PaxosStore.Node;
using PaxosStore.Node.Tls;
using PaxosStore.Server.Logging;
using PaxosStore.Server.Options;

namespace PaxosStore.Server.Hosting;

/// <summary>TLS on the client ports: HTTP/2 or HTTP/1.1 as the client chooses by ALPN, with the certificate that is in the files at that moment.</summary>
internal sealed class ClientTls(ServerOptions options, ILogger logger, TimeProvider time)
{
    private static readonly TimeSpan HandshakeTimeout = TimeSpan.FromSeconds(10);

    // Stands in a connection's items once its handshake is done.
    private static readonly object Shaken = new();

    private readonly ClientTlsOptions _options = options.ClientTls;
    private readonly News _news = new(time);
    private TlsFiles? _files;
    private CipherSuitesPolicy? _suites;

    /// <summary>Reads the files, if any address is https.</summary>
    /// <exception cref="NodeStartupException">A file is missing or is not what its flag asks for.</exception>
    internal void Open()
    {
        var urls = CrossChecks.TlsUrls(options).ToArray();
        if (urls.Length == 0) return;
        var settings = _options.Settings;
        if (settings.IsSelfSigned)
        {
            var hosts = urls.Concat(options.Node.AdvertiseClientUrls).Where(url => !OptionValue.IsWildcard(url)).Select(url => url.DnsSafeHost);
            settings = SelfSigned.Provide(settings, Path.Combine(options.Node.DataDirectory, "fixtures", "client"), hosts.Append("localhost"), time);
        }

        _files = TlsFiles.Open(settings, logger, time);
        _suites = Suites();
    }

    /// <summary>Listens on an https address.</summary>
    internal void Listen(KestrelServerOptions kestrel, Uri url) => kestrel.Listen(Ports.Address(url), url.Port, port =>
    {
        port.Protocols = HttpProtocols.Http1AndHttp2;
        port.Use(next => connection => ShakeAsync(next, connection));
        port.UseHttps(https =>
        {
            https.HandshakeTimeout = HandshakeTimeout;

            // Asked for, but never used: Prepare puts the whole chain in its place. A callback that waits for the client's greeting would not do, for
            // it is not called when something else comes first, and the web server takes the missing certificate for a fault of its own.
            https.ServerCertificateSelector = (_, _) => _files!.Current.Context.TargetCertificate;
            https.OnAuthenticate = (_, answer) => Prepare(answer);
        });
        port.Use(next => connection =>
        {
            connection.Items[Shaken] = true;
            return next(connection);
        });
    });

    /// <summary>
    /// .NET's TLS trips over some broken greetings (dotnet/runtime#126352, #130756). That is the stranger's fault: a warning, told once in a while, not an error of this
    /// node with every knock. The connection ends either way.
    /// </summary>
    private async Task ShakeAsync(ConnectionDelegate next, ConnectionContext connection)
    {
        try
        {
            await next(connection);
        }
        catch (Exception e) when (e is ArgumentOutOfRangeException or IndexOutOfRangeException && !connection.Items.ContainsKey(Shaken))
        {
            if (_news.Is(e.GetType().Name)) Log.GreetingBroken(logger, connection.RemoteEndPoint, e.Message);
        }
    }

    /// <summary>How one handshake is answered.</summary>
    private void Prepare(SslServerAuthenticationOptions answer)
    {
        var material = _files!.Current;
        answer.ServerCertificateSelectionCallback = null;
        answer.ServerCertificateContext = material.Context;
        answer.ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11];
        answer.EnabledSslProtocols = _options.Protocols;
        answer.CipherSuitesPolicy = _suites;
        answer.AllowRenegotiation = false;
        if (!_files.Settings.IsMutual) return;
        answer.ClientCertificateRequired = true;
        answer.CertificateChainPolicy = CertificateCheck.Policy(material, null, CertificateUse.Client);
        answer.RemoteCertificateValidationCallback = (_, certificate, chain, _) => Accepts(material, certificate, chain);
    }

    private bool Accepts(TlsMaterial material, X509Certificate? certificate, X509Chain? chain)
    {
        if (certificate is not X509Certificate2 shown) return false;
        if (CertificateCheck.Refusal(_files!.Settings, material, shown, chain?.ChainPolicy.ExtraStore, CertificateUse.Client) is not { } reason) return true;
        if (_news.Is($"{shown.Subject} {reason}")) Log.ClientRefused(logger, shown.Subject, reason);
        return false;
    }

    /// <exception cref="NodeStartupException">This system's TLS takes no choice of suites.</exception>
    private CipherSuitesPolicy? Suites()
    {
        if (_options.CipherSuites.Count == 0) return null;
        if (OperatingSystem.IsWindows() || OperatingSystem.IsMacOS())
        {
            throw new NodeStartupException(
                $"--{TlsOptions.CipherSuites}: TLS of this operating system takes no choice of suites; leave the flag out and set them in the system");
        }

        return new CipherSuitesPolicy(_options.CipherSuites);
    }
}

using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace PaxosStore.Cli;

/// <summary>Certificates for https endpoints.</summary>
internal static class ClientTls
{
    /// <exception cref="UsageException">Certificate and key don't go together.</exception>
    /// <exception cref="CtlException">A file can't be used.</exception>
    internal static SslClientAuthenticationOptions Read(Session session)
    {
        var options = new SslClientAuthenticationOptions();
        if (session.Option("cacert") is { } authorities)
        {
            var policy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true,
            };
            policy.CustomTrustStore.AddRange(Authorities(authorities));
            options.CertificateChainPolicy = policy;
        }

        var (cert, key) = (session.Option("cert"), session.Option("key"));
        if (cert is null && key is not null) throw session.Usage("--key is given without --cert: give both");
        if (cert is not null && key is null) throw session.Usage("--cert is given without --key: give both");
        if (cert is not null) options.ClientCertificateContext = Identity(cert, key!);
        return options;
    }

    private static X509Certificate2Collection Authorities(string path)
    {
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPemFile(path);
        }
        catch (CryptographicException e)
        {
            throw new CtlException($"--cacert: {path} can't be read as certificates in PEM form ({e.Message})");
        }

        return authorities.Count > 0
            ? authorities
            : throw new CtlException(
            $"--cacert: {path} holds no certificate in PEM form; one begins with -----BEGIN CERTIFICATE-----");
    }

    private static SslStreamCertificateContext Identity(string cert, string key)
    {
        try
        {
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(cert);
            return SslStreamCertificateContext.Create(X509Certificate2.CreateFromPemFile(cert, key), chain, offline: true);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or NotSupportedException)
        {
            throw new CtlException(
                $"{cert} (--cert) and {key} (--key) are not a certificate and its private key, both in PEM form and without a passphrase ({e.Message})");
        }
    }
}

using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace PaxosStore.Node.Tls;

/// <summary>What the files of one kind of port held when they were read together.</summary>
public sealed class TlsMaterial
{
    private TlsMaterial(X509Certificate2 certificate, X509Certificate2Collection intermediates, X509Certificate2Collection? authorities, RevocationList revoked)
    {
        (Certificate, Intermediates, Authorities, Revoked) = (certificate, intermediates, authorities, revoked);
        Context = SslStreamCertificateContext.Create(certificate, intermediates, offline: true);
    }

    /// <summary>The certificate shown, with its key.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>The certificate and its chain, as handshakes need it.</summary>
    public SslStreamCertificateContext Context { get; }

    /// <summary>What stands between the certificate and its authority.</summary>
    internal X509Certificate2Collection Intermediates { get; }

    /// <summary>Whose certificates are accepted; null when that was not said.</summary>
    internal X509Certificate2Collection? Authorities { get; }

    /// <summary>What is no longer accepted.</summary>
    internal RevocationList Revoked { get; }

    /// <summary>Makes sense of the files' contents.</summary>
    /// <exception cref="NodeStartupException">One of them is not what its flag asks for.</exception>
    internal static TlsMaterial Parse(TlsSettings settings, TlsContents contents)
    {
        var chain = Certificates(settings.Flag("cert-file"), settings.CertFile, contents.Certificate);
        var certificate = WithKey(settings, contents);
        chain[0].Dispose();
        chain.RemoveAt(0);
        var authorities = settings.TrustedCaFile.Length > 0 ? Certificates(settings.Flag("trusted-ca-file"), settings.TrustedCaFile, contents.Authorities) : null;
        var revoked = settings.CrlFile.Length > 0 ? RevocationList.Parse(settings.Flag("crl-file"), settings.CrlFile, contents.Revoked) : RevocationList.Empty;
        return new TlsMaterial(certificate, chain, authorities, revoked);
    }

    private static X509Certificate2Collection Certificates(string flag, string path, byte[] content)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(System.Text.Encoding.Latin1.GetString(content));
        }
        catch (CryptographicException e)
        {
            throw new NodeStartupException($"{flag}: a certificate in {path} can't be read ({e.Message}): write it anew, in PEM form");
        }

        return certificates.Count > 0
            ? certificates
            : throw new NodeStartupException($"{flag}: {path} holds no certificate in PEM form; one begins with -----BEGIN CERTIFICATE-----");
    }

    private static X509Certificate2 WithKey(TlsSettings settings, TlsContents contents)
    {
        var key = System.Text.Encoding.Latin1.GetString(contents.Key);
        var flag = settings.Flag("key-file");
        if (key.Contains("ENCRYPTED", StringComparison.Ordinal))
        {
            throw new NodeStartupException(
                $"{flag}: the key in {settings.KeyFile} has a passphrase, which a server can't type: openssl pkey -in {settings.KeyFile} writes it without");
        }

        if (!key.Contains("PRIVATE KEY-----", StringComparison.Ordinal))
        {
            throw new NodeStartupException($"{flag}: {settings.KeyFile} holds no private key in PEM form; one begins with -----BEGIN PRIVATE KEY-----");
        }

        try
        {
            return X509Certificate2.CreateFromPem(System.Text.Encoding.Latin1.GetString(contents.Certificate), key);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or NotSupportedException)
        {
            throw new NodeStartupException(
                $"the key in {settings.KeyFile} ({flag}) does not belong to the first certificate in {settings.CertFile} ({settings.Flag("cert-file")}), or is damaged: " +
                "'openssl pkey -pubout -in KEY' and 'openssl x509 -noout -pubkey -in CERTIFICATE' must print the same");
        }
    }
}

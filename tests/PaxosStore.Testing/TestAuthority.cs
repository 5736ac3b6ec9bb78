using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace PaxosStore.Testing;

/// <summary>An authority that issues certificates for one test.</summary>
public sealed class TestAuthority : IDisposable
{
    private const string ServerUse = "1.3.6.1.5.5.7.3.1";
    private const string ClientUse = "1.3.6.1.5.5.7.3.2";
    private readonly TestAuthority? _issuer;

    /// <summary>Makes one that vouches for itself, or one that another vouches for.</summary>
    public TestAuthority(string name, TestAuthority? issuer = null)
    {
        _issuer = issuer;
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        if (issuer is null)
        {
            Certificate = request.CreateSelfSigned(Now.AddDays(-30), Now.AddYears(10));
            return;
        }

        using var signed = request.Create(issuer.Certificate, Now.AddDays(-20), Now.AddYears(5), Serial());
        Certificate = signed.CopyWithPrivateKey(key);
    }

    /// <summary>The authority's own certificate.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>The same in PEM form.</summary>
    public string Pem => Certificate.ExportCertificatePem() + "\n";

    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    /// <summary>A certificate with its key, valid for some days around today.</summary>
    public TestIdentity Issue(string commonName, string[]? hosts = null, int fromDay = -1, int untilDay = 10, bool server = true, bool client = true)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={commonName}", key, HashAlgorithmName.SHA256);
        var uses = new OidCollection();
        if (server) uses.Add(new Oid(ServerUse));
        if (client) uses.Add(new Oid(ClientUse));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(uses, critical: false));
        var names = new SubjectAlternativeNameBuilder();
        foreach (var host in hosts ?? ["127.0.0.1", "localhost"])
        {
            if (IPAddress.TryParse(host, out var address)) names.AddIpAddress(address);
            else names.AddDnsName(host);
        }

        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.Create(Certificate, Now.AddDays(fromDay), Now.AddDays(untilDay), Serial());
        var chain = _issuer is null ? "" : Pem;
        return new TestIdentity(certificate.ExportCertificatePem() + "\n" + chain, key.ExportPkcs8PrivateKeyPem() + "\n", certificate.SerialNumber);
    }

    /// <summary>A revocation list with these certificates in it, in PEM form.</summary>
    public string Revoke(params TestIdentity[] identities)
    {
        var list = new CertificateRevocationListBuilder();
        foreach (var identity in identities) list.AddEntry(Convert.FromHexString(identity.Serial));
        return PemEncoding.WriteString("X509 CRL", list.Build(Certificate, 1, Now.AddDays(30), HashAlgorithmName.SHA256)) + "\n";
    }

    /// <inheritdoc/>
    public void Dispose() => Certificate.Dispose();

    // Positive: some readers take the first bit for a sign.
    private static byte[] Serial() => [0x40, .. RandomNumberGenerator.GetBytes(15)];
}

/// <summary>A certificate with what stands between it and its authority, and its key, both in PEM form.</summary>
/// <param name="Chain">The certificate first.</param>
/// <param name="Key">Its private key.</param>
/// <param name="Serial">Its serial number.</param>
public sealed record TestIdentity(string Chain, string Key, string Serial)
{
    /// <summary>Writes <c>name.crt</c> and <c>name.key</c>.</summary>
    public void Write(string directory, string name)
    {
        File.WriteAllText(Path.Combine(directory, name + ".key"), Key);
        File.WriteAllText(Path.Combine(directory, name + ".crt"), Chain);
    }

    /// <summary>The certificate with its key, for a client.</summary>
    public X509Certificate2 Load() => X509Certificate2.CreateFromPem(Chain, Key);
}

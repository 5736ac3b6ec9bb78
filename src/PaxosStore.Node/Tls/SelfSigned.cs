using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace PaxosStore.Node.Tls;

/// <summary>
/// Certificates made by the node itself, for traffic that is encrypted between parties that do not check each other. They lie in the data directory, so that
/// clients that remember one meet it again after a restart.
/// </summary>
public static class SelfSigned
{
    private static readonly TimeSpan Skew = TimeSpan.FromHours(1);

    /// <summary>The settings with the files of a certificate for <paramref name="hosts"/>, made if there is none that is still valid.</summary>
    /// <exception cref="NodeStartupException">It can't be written.</exception>
    public static TlsSettings Provide(TlsSettings settings, string directory, IEnumerable<string> hosts, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(hosts);
        ArgumentNullException.ThrowIfNull(time);
        var (cert, key) = (Path.Combine(directory, "cert.pem"), Path.Combine(directory, "key.pem"));
        string[] names = [.. hosts.Distinct(StringComparer.OrdinalIgnoreCase).Order(StringComparer.OrdinalIgnoreCase)];
        try
        {
            if (!IsUsable(cert, key, names, time.GetUtcNow())) Write(directory, cert, key, names, time.GetUtcNow(), settings.SelfSignedYears);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new NodeStartupException(
                $"{settings.Flag("auto-tls")}: can't write a certificate to {directory} ({e.Message}): fix its permissions, or choose another data directory with --data-dir");
        }

        return settings with { CertFile = cert, KeyFile = key };
    }

    private static bool IsUsable(string cert, string key, string[] names, DateTimeOffset now)
    {
        if (!File.Exists(cert) || !File.Exists(key)) return false;
        try
        {
            using var certificate = X509Certificate2.CreateFromPemFile(cert, key);
            return now < certificate.NotAfter.ToUniversalTime()
                && names.All(name => certificate.MatchesHostname(name, allowWildcards: false, allowCommonName: false));
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or NotSupportedException)
        {
            // Cut short by a crash while it was written: made anew.
            return false;
        }
    }

    private static void Write(string directory, string cert, string key, string[] names, DateTimeOffset now, int years)
    {
        Directory.CreateDirectory(directory);
        using var pair = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("O=PaxosStore", pair, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyCertSign, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], critical: false));
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (var name in names)
        {
            if (IPAddress.TryParse(name, out var address)) alternatives.AddIpAddress(address);
            else alternatives.AddDnsName(name);
        }

        request.CertificateExtensions.Add(alternatives.Build());
        using var certificate = request.CreateSelfSigned(now - Skew, now.AddYears(years));
        WritePrivate(key, pair.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(cert, certificate.ExportCertificatePem() + "\n");
    }

    private static void WritePrivate(string path, string text)
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var writer = new StreamWriter(path, options);
        writer.Write(text + "\n");
    }
}

using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace PaxosStore.Node.Tls;

/// <summary>What the other side's certificate is shown for.</summary>
public enum CertificateUse
{
    /// <summary>The other side has called us.</summary>
    Client,

    /// <summary>We have called the other side.</summary>
    Server,
}

/// <summary>Whether a certificate shown by the other side is good enough. The machine's own authorities count only where no others are named.</summary>
public static class CertificateCheck
{
    private const string ClientUse = "1.3.6.1.5.5.7.3.2";
    private const string ServerUse = "1.3.6.1.5.5.7.3.1";

    /// <summary>Why the certificate is refused; null when it is not.</summary>
    public static string? Refusal(TlsSettings settings, TlsMaterial material, X509Certificate2 certificate, X509Certificate2Collection? shown, CertificateUse use)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(material);
        ArgumentNullException.ThrowIfNull(certificate);
        using var chain = new X509Chain { ChainPolicy = Policy(material, shown, use) };
        var built = chain.Build(certificate);
        try
        {
            if (!built && !EndsAtAuthority(chain, material)) return Reason(chain);
            if (chain.ChainElements.FirstOrDefault(e => material.Revoked.Contains(e.Certificate)) is { } revoked)
            {
                return $"certificate {revoked.Certificate.SerialNumber} is in the revocation list";
            }
        }
        finally
        {
            foreach (var element in chain.ChainElements) element.Certificate.Dispose();
        }

        return WrongName(settings, certificate);
    }

    /// <summary>The rules of a chain, which fetch nothing from anywhere.</summary>
    public static X509ChainPolicy Policy(TlsMaterial material, X509Certificate2Collection? shown, CertificateUse use)
    {
        ArgumentNullException.ThrowIfNull(material);
        var policy = new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        policy.ApplicationPolicy.Add(new Oid(use == CertificateUse.Client ? ClientUse : ServerUse));
        if (shown is not null) policy.ExtraStore.AddRange(shown);
        policy.ExtraStore.AddRange(material.Intermediates);
        if (material.Authorities is not { } authorities) return policy;
        policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        policy.CustomTrustStore.AddRange(authorities);
        return policy;
    }

    private static string? WrongName(TlsSettings settings, X509Certificate2 certificate)
    {
        var (names, hosts) = (settings.AllowedNames, settings.AllowedHosts);
        var name = certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
        if (names.Count > 0 && !names.Contains(name)) return $"its common name is '{name}', not {string.Join(" or ", names)}";
        return hosts.Count > 0 && !hosts.Any(host => certificate.MatchesHostname(host, allowWildcards: true, allowCommonName: false))
            ? $"it does not carry the host name {string.Join(" or ", hosts)}"
            : null;
    }

    /// <summary>An authority named by the operator is one, even when another has signed it.</summary>
    private static bool EndsAtAuthority(X509Chain chain, TlsMaterial material) =>
        material.Authorities is { } authorities
        && chain.ChainStatus.All(s => s.Status == X509ChainStatusFlags.PartialChain)
        && chain.ChainElements is { Count: > 0 } elements
        && authorities.Any(a => a.RawDataMemory.Span.SequenceEqual(elements[^1].Certificate.RawDataMemory.Span));

    private static string Reason(X509Chain chain) => string.Join(' ', chain.ChainStatus.Select(s => s.Status).Distinct().Select(Words));

    private static string Words(X509ChainStatusFlags status) => status switch
    {
        X509ChainStatusFlags.NotTimeValid => "it is expired or not valid yet (is the clock right?)",
        X509ChainStatusFlags.UntrustedRoot or X509ChainStatusFlags.PartialChain => "it does not come from an authority in the trusted CA file",
        X509ChainStatusFlags.NotSignatureValid => "its signature is wrong",
        X509ChainStatusFlags.NotValidForUsage => "it is not made for this use (extended key usage)",
        var other => other.ToString(),
    };
}

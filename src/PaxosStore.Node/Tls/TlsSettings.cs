namespace PaxosStore.Node.Tls;

/// <summary>What operators say about TLS on one kind of port: the clients' or the peers'.</summary>
public sealed record TlsSettings
{
    /// <summary>Begins the names of the flags, for messages: nothing for clients, <c>peer-</c> for peers.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>The certificate shown, in PEM form, followed by its intermediates; empty when there is none.</summary>
    public string CertFile { get; init; } = "";

    /// <summary>Its private key.</summary>
    public string KeyFile { get; init; } = "";

    /// <summary>The authorities that the other side's certificate must come from.</summary>
    public string TrustedCaFile { get; init; } = "";

    /// <summary>Certificates that are no longer accepted.</summary>
    public string CrlFile { get; init; } = "";

    /// <summary>The other side must show a certificate.</summary>
    public bool ClientCertAuth { get; init; }

    /// <summary>A certificate is made when none is given; nobody can check it.</summary>
    public bool Auto { get; init; }

    /// <summary>Common names of which the other side's certificate must carry one; empty for any.</summary>
    public IReadOnlyList<string> AllowedNames { get; init; } = [];

    /// <summary>Host names of which the other side's certificate must carry one; empty for any.</summary>
    public IReadOnlyList<string> AllowedHosts { get; init; } = [];

    /// <summary>How many years a made certificate is valid.</summary>
    public int SelfSignedYears { get; init; } = 1;

    /// <summary>Whether a certificate of the other side is demanded: as with etcd, naming an authority demands it too.</summary>
    public bool IsMutual => ClientCertAuth || TrustedCaFile.Length > 0;

    /// <summary>A certificate and key are given.</summary>
    public bool HasFiles => CertFile.Length > 0 || KeyFile.Length > 0;

    /// <summary>The certificate is made here: etcd ignores the wish too when files are given.</summary>
    public bool IsSelfSigned => Auto && !HasFiles;

    /// <summary>A flag by the name it has for clients.</summary>
    internal string Flag(string name) => name switch
    {
        "crl-file" when Prefix.Length == 0 => "--client-crl-file",
        _ => $"--{Prefix}{name}",
    };

    /// <summary>Checks what goes together, before any file is read.</summary>
    /// <exception cref="NodeStartupException">Something is missing.</exception>
    public void Check(Uri url)
    {
        ArgumentNullException.ThrowIfNull(url);
        if (!HasFiles && !Auto)
        {
            throw new NodeStartupException(
                $"{url} is https: give the certificate with {Flag("cert-file")} and {Flag("key-file")}, or have one made with {Flag("auto-tls")}");
        }

        if (HasFiles && (CertFile.Length == 0 || KeyFile.Length == 0))
        {
            var (given, missing) = CertFile.Length > 0 ? ("cert-file", "key-file") : ("key-file", "cert-file");
            throw new NodeStartupException($"{Flag(given)} is given without {Flag(missing)}: give both");
        }

        if (IsMutual && TrustedCaFile.Length == 0)
        {
            throw new NodeStartupException(
                $"{Flag("client-cert-auth")} is set: name the authorities whose certificates are accepted with {Flag("trusted-ca-file")}");
        }

        if (AllowedNames.Count > 0 && AllowedHosts.Count > 0)
        {
            throw new NodeStartupException($"{Flag("cert-allowed-cn")} and {Flag("cert-allowed-hostname")} exclude each other: give one of them");
        }

        if (!IsMutual && (AllowedNames.Count > 0 || AllowedHosts.Count > 0 || CrlFile.Length > 0))
        {
            throw new NodeStartupException(
                $"which certificates are accepted is said, but none is asked for: add {Flag("client-cert-auth")} and {Flag("trusted-ca-file")}");
        }
    }
}

namespace PaxosStore.Server.Options;

/// <summary>The rows of the option table about certificates.</summary>
internal static class TlsOptions
{
    internal const string CertFile = "cert-file";
    internal const string KeyFile = "key-file";
    internal const string TrustedCaFile = "trusted-ca-file";
    internal const string ClientCertAuth = "client-cert-auth";
    internal const string ClientCrlFile = "client-crl-file";
    internal const string AllowedHostname = "client-cert-allowed-hostname";
    internal const string AutoTls = "auto-tls";
    internal const string SelfSignedValidity = "self-signed-cert-validity";
    internal const string CipherSuites = "cipher-suites";
    internal const string MinVersion = "tls-min-version";
    internal const string MaxVersion = "tls-max-version";

    internal static IReadOnlyList<ServerOption> All { get; } =
    [
        File(CertFile, "Certificate shown to clients on https:// addresses, followed by its intermediates (PEM).") with
        {
            Advice = "Replaced files are taken up at the next connection, without a restart.",
        },
        File(KeyFile, "Its private key (PEM, without a passphrase)."),
        File(TrustedCaFile, "Authorities that clients' certificates must come from; naming them demands a certificate of every client (PEM)."),
        Switch(ClientCertAuth, "Demand a certificate of every client; its common name is the user where the client gives no token."),
        File(ClientCrlFile, "Clients' certificates that are no longer accepted (revocation lists, PEM or DER)."),
        Words(AllowedHostname, "Host names of which a client's certificate must carry one."),
        Switch(AutoTls, "Make a certificate for clients when none is given: encrypted, but nobody can check it."),
        new(SelfSignedValidity, OptionGroup.Tls, OptionKind.Count, "YEARS", "How long a made certificate is valid.") { Most = 100 },
        Words(CipherSuites, "Cipher suites of the client ports before TLS 1.3, by their names in Go or at IANA.") with
        {
            DerivedDefault = "the machine's",
            Advice = "The peers' port always takes the machine's.",
        },
        Version(MinVersion, "Oldest version of TLS on the client ports."),
        Version(MaxVersion, "Newest version of TLS on the client ports.") with { DerivedDefault = "the newest" },
        File("peer-cert-file", "Certificate shown to peers, both when they call and when they are called (PEM).") with
        {
            Advice = "Replaced files are taken up at the next start of the node. Its intermediates are not sent: every member's trusted file should hold them.",
        },
        File("peer-key-file", "Its private key (PEM, without a passphrase)."),
        File("peer-trusted-ca-file", "Authorities that peers' certificates must come from; naming them demands a certificate of every peer that calls (PEM).") with
        {
            DerivedDefault = "the machine's",
        },
        Switch("peer-client-cert-auth", "Demand a certificate of every peer that calls."),
        File("peer-crl-file", "Peers' certificates that are no longer accepted (revocation lists, PEM or DER)."),
        Words("peer-cert-allowed-cn", "Common names of which a peer's certificate must carry one."),
        Words("peer-cert-allowed-hostname", "Host names of which a peer's certificate must carry one."),
        Switch("peer-auto-tls", "Make a certificate for peers when none is given: encrypted, but whoever reaches the port is taken for a peer."),
    ];

    private static ServerOption File(string name, string help) => new(name, OptionGroup.Tls, OptionKind.Path, "FILE", help) { DerivedDefault = "none" };

    private static ServerOption Switch(string name, string help) => new(name, OptionGroup.Tls, OptionKind.Switch, "BOOL", help);

    private static ServerOption Words(string name, string help) => new(name, OptionGroup.Tls, OptionKind.Text, "NAMES", help) { DerivedDefault = "any" };

    private static ServerOption Version(string name, string help) =>
        new(name, OptionGroup.Tls, OptionKind.Choice, "VERSION", help) { Choices = ["TLS1.2", "TLS1.3"] };
}

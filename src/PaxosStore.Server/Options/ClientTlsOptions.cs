using System.Net.Security;
using System.Security.Authentication;
using PaxosStore.Node.Tls;

namespace PaxosStore.Server.Options;

/// <summary>TLS on the client ports.</summary>
/// <param name="Settings">Certificates.</param>
/// <param name="Protocols">Versions spoken.</param>
/// <param name="CipherSuites">Suites spoken; empty for the machine's.</param>
internal sealed record ClientTlsOptions(TlsSettings Settings, SslProtocols Protocols, IReadOnlyList<TlsCipherSuite> CipherSuites)
{
    // TLS 1.3 has suites of its own, which neither Go's programs nor this one let anybody choose.
    private static readonly TlsCipherSuite[] Newest =
        [TlsCipherSuite.TLS_AES_128_GCM_SHA256, TlsCipherSuite.TLS_AES_256_GCM_SHA384, TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256];

    /// <exception cref="OptionsException">A suite is unknown, or no version is left.</exception>
    internal static ClientTlsOptions Read(IReadOnlyDictionary<string, Given> values)
    {
        string Text(string name) => Completion.Effective(values, name);
        var settings = new TlsSettings
        {
            CertFile = Text(TlsOptions.CertFile),
            KeyFile = Text(TlsOptions.KeyFile),
            TrustedCaFile = Text(TlsOptions.TrustedCaFile),
            CrlFile = Text(TlsOptions.ClientCrlFile),
            ClientCertAuth = values.IsOn(TlsOptions.ClientCertAuth),
            Auto = values.IsOn(TlsOptions.AutoTls),
            AllowedHosts = OptionValue.Split(Text(TlsOptions.AllowedHostname)),
            SelfSignedYears = (int)values.Number(TlsOptions.SelfSignedValidity),
        };
        var protocols = Versions(Text(TlsOptions.MinVersion), Text(TlsOptions.MaxVersion));
        return new ClientTlsOptions(settings, protocols, Suites(OptionValue.Split(Text(TlsOptions.CipherSuites)), protocols));
    }

    private static SslProtocols Versions(string oldest, string newest) => (oldest, newest) switch
    {
        ("TLS1.3", "TLS1.2") => throw new OptionsException($"--{TlsOptions.MinVersion} is newer than --{TlsOptions.MaxVersion}: no version is left"),
        ("TLS1.3", _) => SslProtocols.Tls13,
        (_, "TLS1.2") => SslProtocols.Tls12,
        _ => SslProtocols.Tls12 | SslProtocols.Tls13,
    };

    private static TlsCipherSuite[] Suites(string[] names, SslProtocols protocols)
    {
        if (names.Length == 0) return [];
        var suites = names.Select(Suite).ToArray();
        return protocols.HasFlag(SslProtocols.Tls13) ? [.. suites.Union(Newest)] : suites;
    }

    private static TlsCipherSuite Suite(string name)
    {
        // Go leaves the hash out of these names.
        var full = name.EndsWith("_CHACHA20_POLY1305", StringComparison.Ordinal) ? name + "_SHA256" : name;
        if (Enum.TryParse<TlsCipherSuite>(full, out var suite) && Enum.IsDefined(suite) && !char.IsDigit(name[0])) return suite;
        var near = Nearest.Find(full, Enum.GetNames<TlsCipherSuite>());
        throw new OptionsException($"--{TlsOptions.CipherSuites}: '{name}' is not known" + (near is null ? "" : $"; did you mean {near}?"));
    }
}

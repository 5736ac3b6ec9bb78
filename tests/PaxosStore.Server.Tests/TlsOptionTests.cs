using System.Net.Security;
using System.Security.Authentication;
using PaxosStore.Server.Options;

namespace PaxosStore.Server.Tests;

/// <summary>Which flags of TLS go together, and what is said when they do not.</summary>
public sealed class TlsOptionTests
{
    private const string Clients = "--listen-client-urls=https://127.0.0.1:2379";
    private const string Peers = "--listen-peer-urls=https://127.0.0.1:2380";

    [Theory]
    [InlineData("https://127.0.0.1:2379/ is https: give the certificate with --cert-file and --key-file, or have one made with --auto-tls", Clients)]
    [InlineData("--cert-file is given without --key-file: give both", Clients, "--cert-file=c")]
    [InlineData("--key-file is given without --cert-file: give both", Clients, "--key-file=k", "--auto-tls")]
    [InlineData("--client-cert-auth is set: name the authorities", Clients, "--cert-file=c", "--key-file=k", "--client-cert-auth")]
    [InlineData("none is asked for: add --client-cert-auth and --trusted-ca-file", Clients, "--auto-tls", "--client-crl-file=x")]
    [InlineData("--tls-min-version is newer than --tls-max-version", Clients, "--auto-tls", "--tls-min-version=TLS1.3", "--tls-max-version=TLS1.2")]
    [InlineData("https://127.0.0.1:2380/ is https: give the certificate with --peer-cert-file and --peer-key-file, or have one made with --peer-auto-tls", Peers)]
    [InlineData("--peer-cert-allowed-cn and --peer-cert-allowed-hostname exclude each other", Peers, "--peer-cert-file=c", "--peer-key-file=k", "--peer-trusted-ca-file=a",
        "--peer-cert-allowed-cn=x", "--peer-cert-allowed-hostname=y")]
    [InlineData("--peer-auto-tls makes certificates that no authority vouches for", Peers, "--peer-auto-tls", "--peer-trusted-ca-file=a")]
    [InlineData("peer URLs are all http or all https", Peers, "--peer-auto-tls", "--initial-cluster=default=https://127.0.0.1:2380,n2=http://127.0.0.1:22380")]
    [InlineData("both use port 2379", "--listen-client-urls=https://127.0.0.1:2379,http://127.0.0.1:2379", "--auto-tls")]
    public void What_is_missing_or_contradicts_is_named_with_its_flags(string message, params string[] flags) =>
        Assert.Contains(message, Load.ErrorOf(flags), StringComparison.Ordinal);

    [Fact]
    public void Http_and_https_may_be_served_side_by_side()
    {
        var options = Load.From("--listen-client-urls=https://127.0.0.1:1001,http://127.0.0.1:1002", "--auto-tls", Peers, "--peer-auto-tls");

        Assert.Equal(["https", "http"], options.Node.ListenClientUrls.Select(url => url.Scheme));
        Assert.Equal(["https", "http"], options.Node.AdvertiseClientUrls.Select(url => url.Scheme));
        Assert.Equal("https", options.Node.AdvertisePeerUrl.Scheme);
        Assert.Empty(options.Notices);
    }

    [Fact]
    public void Certificates_without_an_https_address_are_told_to_have_no_effect()
    {
        var options = Load.From("--cert-file=c", "--key-file=k", "--peer-cert-file=c", "--peer-key-file=k");

        Assert.Equal(2, options.Notices.Count);
        Assert.All(options.Notices, notice => Assert.Contains("have no effect", notice, StringComparison.Ordinal));
    }

    [Fact]
    public void A_certificate_given_is_preferred_to_one_made()
    {
        var options = Load.From(Clients, "--auto-tls", "--cert-file=c", "--key-file=k", Peers, "--peer-auto-tls", "--peer-cert-file=c", "--peer-key-file=k");

        Assert.Equal(["--auto-tls has no effect: a certificate is given", "--peer-auto-tls has no effect: a certificate is given"], options.Notices);
        Assert.False(options.ClientTls.Settings.IsSelfSigned || options.Node.PeerTls.IsSelfSigned);
    }

    [Theory]
    [InlineData("--tls-min-version=TLS1.3")]
    [InlineData("--cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")]
    public void What_the_peers_port_can_not_do_is_told(string flag)
    {
        Assert.Contains("hold for clients only", Assert.Single(Load.From(Peers, "--peer-auto-tls", flag).Notices), StringComparison.Ordinal);
        Assert.Empty(Load.From(flag).Notices);
    }

    [Fact]
    public void Versions_and_suites_are_read_by_the_names_of_Go()
    {
        Assert.Equal(SslProtocols.Tls12 | SslProtocols.Tls13, Load.From().ClientTls.Protocols);
        Assert.Equal(SslProtocols.Tls13, Load.From("--tls-min-version=TLS1.3").ClientTls.Protocols);
        var tls = Load.From("--tls-max-version=TLS1.2", "--cipher-suites=TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305,TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256").ClientTls;
        Assert.Equal(SslProtocols.Tls12, tls.Protocols);
        Assert.Equal([TlsCipherSuite.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256], tls.CipherSuites);
    }
}

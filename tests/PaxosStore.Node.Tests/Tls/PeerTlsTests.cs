using System.Net.Security;
using Microsoft.Extensions.Logging.Abstractions;
using PaxosStore.Node.Tls;
using PaxosStore.Testing;

namespace PaxosStore.Node.Tests.Tls;

/// <summary>Whom the transport between peers lets in, and whom it calls.</summary>
public sealed class PeerTlsTests : IDisposable
{
    private const string Caller = "[::ffff:127.0.0.1]:52824";
    private const string Called = "ssl.tcp://paxosstore@127.0.0.1:2380";
    private readonly string _directory = Directory.CreateTempSubdirectory("paxosstore-peers-").FullName;
    private readonly TestAuthority _authority = new("authority");
    private readonly TestAuthority _other = new("other");

    public void Dispose()
    {
        _authority.Dispose();
        _other.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public void A_peer_is_known_by_its_authority_and_one_that_is_called_by_its_address_too()
    {
        var tls = Open(Files());

        Assert.True(Accepts(tls, _authority.Issue("peer"), Caller));
        Assert.True(Accepts(tls, _authority.Issue("peer"), Called));
        Assert.False(Accepts(tls, _other.Issue("peer"), Caller));
        Assert.False(Accepts(tls, _other.Issue("peer"), Called));
        Assert.True(Accepts(tls, _authority.Issue("peer", ["10.0.0.9"]), Caller));
        Assert.False(Accepts(tls, _authority.Issue("peer", ["10.0.0.9"]), Called));
        Assert.True(Accepts(tls, _authority.Issue("peer", ["n2.example"]), "ssl.tcp://paxosstore@n2.example:2380"));
        Assert.True(Accepts(tls, _authority.Issue("peer", ["::1"]), "ssl.tcp://paxosstore@[::1]:2380"));
        Assert.True(tls.Setup.RequireMutualAuthentication);
    }

    [Fact]
    public void A_certificate_for_one_side_only_is_no_peers()
    {
        var tls = Open(Files());

        Assert.False(Accepts(tls, _authority.Issue("peer", client: false), Caller));
        Assert.False(Accepts(tls, _authority.Issue("peer", server: false), Called));
    }

    [Fact]
    public void Names_may_be_demanded_of_both_sides()
    {
        var tls = Open(Files() + "\npeer-cert-allowed-cn = \"n1,n2\"");
        foreach (var remote in (string[])[Caller, Called])
        {
            Assert.True(Accepts(tls, _authority.Issue("n2"), remote));
            Assert.False(Accepts(tls, _authority.Issue("alice"), remote));
        }
    }

    [Fact]
    public void Wishing_for_a_made_certificate_beside_a_given_one_opens_no_door() =>
        Assert.False(Accepts(Open(Files() + "\npeer-auto-tls = true"), _other.Issue("peer"), Caller));

    [Fact]
    public void Whoever_makes_certificates_takes_all_of_them()
    {
        var tls = Open("peer-auto-tls = true");

        Assert.True(Accepts(tls, _other.Issue("peer"), Called));
        Assert.False(tls.Setup.RequireMutualAuthentication);
        Assert.True(tls.Setup.Certificate.MatchesHostname("127.0.0.1"));
    }

    [Fact]
    public void Without_https_there_is_no_TLS() => Assert.Null(PeerTls.Open(TestNode.Settings(), NullLogger.Instance, TimeProvider.System));

    private static bool Accepts(PeerTls tls, TestIdentity identity, string remote)
    {
        using var certificate = identity.Load();
        return tls.Setup.CustomValidator!(certificate, null, remote, SslPolicyErrors.None, null!);
    }

    private string Files()
    {
        _authority.Issue("self").Write(_directory, "self");
        File.WriteAllText(Path.Combine(_directory, "ca.crt"), _authority.Pem);
        return $"""
            peer-cert-file = "{_directory}/self.crt"
            peer-key-file = "{_directory}/self.key"
            peer-trusted-ca-file = "{_directory}/ca.crt"
            """;
    }

    private PeerTls Open(string flags)
    {
        var settings = TestNode.Settings(
            $"""
            data-dir = "{_directory}/data"
            listen-peer-urls = "https://127.0.0.1:2380"
            initial-advertise-peer-urls = "https://127.0.0.1:2380"
            {flags}
            """);
        return PeerTls.Open(settings, NullLogger.Instance, TimeProvider.System)!;
    }
}

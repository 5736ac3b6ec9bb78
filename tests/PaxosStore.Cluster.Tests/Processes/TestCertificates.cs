using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using PaxosStore.Testing;

namespace PaxosStore.Cluster.Tests.Processes;

/// <summary>The certificates of one cluster, as files: <c>ca.crt</c>, and <c>.crt</c> and <c>.key</c> of <c>server</c>, <c>peer</c> and <c>client</c>.</summary>
internal sealed class TestCertificates : IDisposable
{
    private readonly TestAuthority _authority = new("authority");
    private readonly TestAuthority _other = new("other");
    private readonly X509Certificate2 _client;

    public TestCertificates()
    {
        Directory = System.IO.Directory.CreateTempSubdirectory("paxosstore-certificates-").FullName;
        File.WriteAllText(At("ca.crt"), _authority.Pem);
        foreach (var name in (string[])["server", "peer", "client"])
            Renew(name);
        _other.Issue("stranger").Write(Directory, "stranger");
        using var client = X509Certificate2.CreateFromPemFile(At("client.crt"), At("client.key"));
        _client = X509CertificateLoader.LoadPkcs12(client.Export(X509ContentType.Pkcs12), null);
    }

    /// <summary>Where the files are.</summary>
    public string Directory { get; }

    /// <summary>Flags that make a node serve clients that show a certificate.</summary>
    public string[] ClientFlags =>
        ["--cert-file", At("server.crt"), "--key-file", At("server.key"), "--client-cert-auth", "--trusted-ca-file", At("ca.crt")];

    /// <summary>Flags that make a node speak to peers that show a certificate.</summary>
    public string[] PeerFlags =>
        ["--peer-cert-file", At("peer.crt"), "--peer-key-file", At("peer.key"), "--peer-client-cert-auth", "--peer-trusted-ca-file", At("ca.crt")];

    /// <summary>What an honest client trusts and shows.</summary>
    public SslClientAuthenticationOptions Client => new()
    {
        CertificateChainPolicy = Trusting(_authority),
        ClientCertificates = [_client],
    };

    /// <summary>The same for etcdctl and paxosctl.</summary>
    public string[] ClientArguments => ["--cacert", At("ca.crt"), "--cert", At("client.crt"), "--key", At("client.key")];

    public string At(string name) => Path.Combine(Directory, name);

    /// <summary>Writes a new certificate and key over the old ones; its serial number.</summary>
    public string Renew(string name)
    {
        var identity = _authority.Issue(name);
        identity.Write(Directory, name);
        return identity.Serial;
    }

    /// <summary>Writes a certificate of an authority that nobody trusts over that of a name.</summary>
    public void Spoil(string name) => _other.Issue(name).Write(Directory, name);

    public void Dispose()
    {
        _client.Dispose();
        _authority.Dispose();
        _other.Dispose();
        System.IO.Directory.Delete(Directory, recursive: true);
    }

    private static X509ChainPolicy Trusting(TestAuthority authority)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.Add(authority.Certificate);
        return policy;
    }
}

using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using PaxosStore.Server.Hosting;
using PaxosStore.Server.Options;
using PaxosStore.Testing;

namespace PaxosStore.Server.Tests;

/// <summary>What stands between a client's socket and the door: TLS and who may ask.</summary>
public sealed class ClientPortTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("paxosstore-ports-").FullName;
    private readonly TestAuthority _authority = new("authority");
    private readonly Warnings _log = new();

    public void Dispose()
    {
        _authority.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task The_clients_certificate_can_be_read_behind_the_port(string version)
    {
        await using var host = await StartAsync(Https(), "--client-cert-auth", $"--trusted-ca-file={At("ca.crt")}");
        using var alice = Exportable(_authority.Issue("alice", server: false));
        using var client = Client(alice);

        using var request = new HttpRequestMessage(HttpMethod.Get, host.Url) { Version = Version.Parse(version), VersionPolicy = HttpVersionPolicy.RequestVersionExact };

        var reply = await client.SendAsync(request);

        Assert.Equal("CN=alice", await reply.Content.ReadAsStringAsync());
        Assert.Equal(Version.Parse(version), reply.Version);
    }

    [Fact]
    public async Task A_client_without_a_certificate_or_with_a_strangers_gets_no_answer()
    {
        await using var host = await StartAsync(Https(), $"--trusted-ca-file={At("ca.crt")}");
        using var stranger = new TestAuthority("stranger");
        using var mallory = Exportable(stranger.Issue("mallory"));
        foreach (var shown in (X509Certificate2?[])[null, mallory])
        {
            using var client = Client(shown);
            await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync(host.Url));
        }
    }

    [Fact]
    public async Task What_stands_between_the_certificate_and_its_authority_is_shown_too()
    {
        using var between = new TestAuthority("between", _authority);
        between.Issue("server").Write(_directory, "server");
        await using var host = await StartAsync("https");
        using var client = Client(null);

        Assert.Equal("nobody", await client.GetStringAsync(host.Url));
    }

    [Fact]
    public async Task Without_an_authority_nobody_is_asked_for_a_certificate()
    {
        await using var host = await StartAsync(Https());
        using var client = Client(null);

        Assert.Equal("nobody", await client.GetStringAsync(host.Url));
    }

    [Fact]
    public async Task Old_versions_are_refused_where_the_operator_says_so()
    {
        await using var host = await StartAsync(Https(), "--tls-min-version=TLS1.3");
        using var newer = Client(null);
        using var older = Client(null, SslProtocols.Tls12);

        Assert.Equal("nobody", await newer.GetStringAsync(host.Url));
        await Assert.ThrowsAsync<HttpRequestException>(() => older.GetAsync(host.Url));
    }

    [Fact]
    public async Task Only_the_suites_chosen_are_spoken()
    {
        await using var host = await StartAsync(Https(), "--tls-max-version=TLS1.2", "--cipher-suites=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
        using var tcp = new System.Net.Sockets.TcpClient("127.0.0.1", new Uri(host.Url).Port);
        await using var tls = new SslStream(tcp.GetStream());

        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "127.0.0.1", CertificateChainPolicy = Trusting() });

        Assert.Equal((SslProtocols.Tls12, TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256), (tls.SslProtocol, tls.NegotiatedCipherSuite));
    }

    /// <summary>.NET's TLS throws what it shouldn't on a greeting whose list of extensions is cut within its length.</summary>
    [Fact]
    public async Task A_greeting_that_trips_the_runtime_up_is_a_warning_and_ends_that_connection_only()
    {
        byte[] greeting = [0x16, 3, 1, 0, 46, 1, 0, 0, 42, 3, 3, .. new byte[32], 0, 0, 2, 0x13, 1, 1, 0, 0];
        await using var host = await StartAsync(Https());
        for (var again = 0; again < 3; again++)
        {
            using var tcp = new System.Net.Sockets.TcpClient("127.0.0.1", new Uri(host.Url).Port);
            await tcp.GetStream().WriteAsync(greeting);
            Assert.Equal(0, await tcp.GetStream().ReadAsync(new byte[100]));
        }

        using var client = Client(null);
        Assert.Equal("nobody", await client.GetStringAsync(host.Url));
        Assert.StartsWith("Warning a TLS handshake on a client port failed from=127.0.0.1:", Assert.Single(_log.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_made_certificate_can_be_trusted_by_who_has_its_file()
    {
        await using var host = await StartAsync("https", "--auto-tls", $"--data-dir={_directory}");
        using var made = X509CertificateLoader.LoadCertificateFromFile(Path.Combine(_directory, "fixtures", "client", "cert.pem"));
        using var client = Client(null, authority: made);

        Assert.Equal("nobody", await client.GetStringAsync(host.Url));
    }

    [Fact]
    public async Task A_name_that_is_not_this_nodes_is_not_answered_in_the_clear()
    {
        await using var host = await StartAsync("http", "--host-whitelist=127.0.0.1,n1.example");
        using var client = new HttpClient();

        Assert.Equal("nobody", await client.GetStringAsync(host.Url));
        Assert.Equal(HttpStatusCode.OK, (await client.SendAsync(Asking(host.Url, "n1.example"))).StatusCode);
        var refused = await client.SendAsync(Asking(host.Url, "evil.example"));
        Assert.Equal(HttpStatusCode.MisdirectedRequest, refused.StatusCode);
        Assert.Contains("CVE-2018-5702", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Web_pages_of_the_origins_named_may_read_answers()
    {
        await using var host = await StartAsync("http", "--cors=https://a.example");
        using var client = new HttpClient();

        Assert.Equal(["https://a.example"], await OriginsAsync(client, host.Url, HttpMethod.Get, "https://a.example"));
        Assert.Empty(await OriginsAsync(client, host.Url, HttpMethod.Get, "https://b.example"));
        Assert.Equal(["https://a.example"], await OriginsAsync(client, host.Url, HttpMethod.Options, "https://a.example"));
    }

    [Fact]
    public async Task The_metrics_port_serves_metrics_and_health_and_nothing_else()
    {
        var port = FreePorts.One();
        await using var host = await StartAsync("http", $"--listen-metrics-urls=http://127.0.0.1:{port}");
        using var client = new HttpClient();

        foreach (var path in (string[])["metrics", "health", "readyz/serializable_read", "version"])
        {
            Assert.Equal("nobody", await client.GetStringAsync($"http://127.0.0.1:{port}/{path}"));
        }

        using var other = await client.GetAsync($"http://127.0.0.1:{port}/v3/kv/range");
        Assert.Equal(HttpStatusCode.NotFound, other.StatusCode);
    }

    private static HttpRequestMessage Asking(string url, string host) => new(HttpMethod.Get, url) { Headers = { Host = host } };

    private static async Task<string[]> OriginsAsync(HttpClient client, string url, HttpMethod method, string origin)
    {
        using var request = new HttpRequestMessage(method, url) { Headers = { { "Origin", origin } } };
        using var reply = await client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, reply.StatusCode);
        return reply.Headers.TryGetValues("Access-Control-Allow-Origin", out var values) ? [.. values] : [];
    }

    private string Https()
    {
        _authority.Issue("server").Write(_directory, "server");
        File.WriteAllText(At("ca.crt"), _authority.Pem);
        return "https";
    }

    private string At(string name) => Path.Combine(_directory, name);

    private async Task<Host> StartAsync(string scheme, params string[] flags)
    {
        var url = $"{scheme}://127.0.0.1:{FreePorts.One()}";
        string[] files = scheme == "https" && !flags.Contains("--auto-tls") ? [$"--cert-file={At("server.crt")}", $"--key-file={At("server.key")}"] : [];
        var options = Load.From([$"--listen-client-urls={url}", .. files, .. flags]);
        var tls = new ClientTls(options, _log, TimeProvider.System);
        tls.Open();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.AddProvider(_log);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            foreach (var secure in CrossChecks.TlsUrls(options)) tls.Listen(kestrel, secure);
            var plain = options.Node.ListenClientUrls.Concat(options.ListenMetricsUrls).Where(u => u.Scheme == "http");
            foreach (var port in plain.Select(u => u.Port)) kestrel.Listen(IPAddress.Loopback, port);
        });
        var app = builder.Build();
        HttpAccessControl.Use(app, options);
        app.Run(context => context.Response.WriteAsync(context.Connection.ClientCertificate?.Subject ?? "nobody"));
        await app.StartAsync();
        return new Host(app, url);
    }

    private HttpClient Client(X509Certificate2? shown, SslProtocols protocols = SslProtocols.None, X509Certificate2? authority = null)
    {
        var handler = new SocketsHttpHandler { SslOptions = { CertificateChainPolicy = Trusting(authority), EnabledSslProtocols = protocols } };
        if (shown is not null) handler.SslOptions.ClientCertificates = [shown];
        return new HttpClient(handler);
    }

    private X509ChainPolicy Trusting(X509Certificate2? authority = null)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.Add(authority ?? _authority.Certificate);
        return policy;
    }

    private static X509Certificate2 Exportable(TestIdentity identity)
    {
        using var certificate = identity.Load();
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
    }

    /// <summary>What the server and the web server in it warn of, and worse.</summary>
    private sealed class Warnings : ILogger, ILoggerProvider
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel)) Lines.Enqueue($"{logLevel} {formatter(state, exception)}");
        }

        public void Dispose()
        {
        }
    }

    private sealed class Host(WebApplication app, string url) : IAsyncDisposable
    {
        public string Url => url;

        public ValueTask DisposeAsync() => app.DisposeAsync();
    }
}

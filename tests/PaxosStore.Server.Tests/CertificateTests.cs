using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using PaxosStore.Node;
using PaxosStore.Node.Tls;
using PaxosStore.Testing;

namespace PaxosStore.Server.Tests;

/// <summary>Files of certificates: what is accepted, what is said about mistakes, and that they may be replaced at any time.</summary>
public sealed class CertificateTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("paxosstore-tls-").FullName;
    private readonly TestAuthority _authority = new("authority");
    private readonly TestAuthority _other = new("other");
    private readonly Clock _clock = new();
    private readonly Lines _log = new();

    public void Dispose()
    {
        _authority.Dispose();
        _other.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public void A_certificate_of_the_authority_is_accepted_and_others_are_refused_with_the_reason()
    {
        var files = Open();

        Assert.Null(Refusal(files, _authority.Issue("alice")));
        Assert.Equal("it does not come from an authority in the trusted CA file", Refusal(files, _other.Issue("alice")));
        Assert.Contains("expired or not valid yet", Refusal(files, _authority.Issue("alice", fromDay: -9, untilDay: -2)), StringComparison.Ordinal);
        Assert.Contains("extended key usage", Refusal(files, _authority.Issue("alice", client: false)), StringComparison.Ordinal);
        Assert.Null(Refusal(files, _authority.Issue("alice", client: false), use: CertificateUse.Server));
    }

    [Fact]
    public void A_certificate_with_an_intermediate_is_accepted_when_it_is_shown_with_it()
    {
        using var between = new TestAuthority("between", _authority);
        var identity = between.Issue("alice");
        var shown = new X509Certificate2Collection();
        shown.ImportFromPem(identity.Chain);
        var files = Open();

        Assert.Null(Refusal(files, identity, shown));
        Assert.NotNull(Refusal(files, identity));
    }

    [Fact]
    public void An_authority_that_another_has_signed_may_be_named_alone()
    {
        using var between = new TestAuthority("between", _authority);

        Assert.Null(Refusal(Open(authority: between.Pem), between.Issue("alice")));
        Assert.NotNull(Refusal(Open(authority: between.Pem), _authority.Issue("alice")));
    }

    [Fact]
    public void A_certificate_taken_back_is_refused_whatever_form_the_list_has()
    {
        var (good, bad) = (_authority.Issue("good"), _authority.Issue("bad"));
        var foreign = _other.Issue("foreign");
        var pem = _other.Revoke(foreign) + _authority.Revoke(bad);
        foreach (var list in (byte[][])[System.Text.Encoding.ASCII.GetBytes(pem), Der(_authority.Revoke(bad))])
        {
            var files = Open(revoked: list);

            Assert.Null(Refusal(files, good));
            Assert.Equal($"certificate {bad.Serial} is in the revocation list", Refusal(files, bad));
        }
    }

    [Fact]
    public void A_serial_number_counts_with_its_issuer()
    {
        var good = _authority.Issue("good");

        Assert.Null(Refusal(Open(revoked: System.Text.Encoding.ASCII.GetBytes(_other.Revoke(good))), good));
    }

    [Fact]
    public void An_empty_list_takes_nothing_back() =>
        Assert.Null(Refusal(Open(revoked: System.Text.Encoding.ASCII.GetBytes(_authority.Revoke())), _authority.Issue("good")));

    [Fact]
    public void Names_may_be_demanded()
    {
        var alice = _authority.Issue("alice", ["a.example"]);

        Assert.Null(Refusal(Open(s => s with { AllowedNames = ["bob", "alice"] }), alice));
        Assert.Equal("its common name is 'alice', not bob", Refusal(Open(s => s with { AllowedNames = ["bob"] }), alice));
        Assert.Null(Refusal(Open(s => s with { AllowedHosts = ["a.example"] }), alice));
        Assert.Equal("it does not carry the host name b.example", Refusal(Open(s => s with { AllowedHosts = ["b.example"] }), alice));
    }

    [Fact]
    public void Replaced_files_are_taken_up_and_unusable_ones_keep_the_last_good_ones_and_are_told_once()
    {
        var files = Open();
        var first = files.Current.Certificate.SerialNumber;
        var next = _authority.Issue("next");

        File.WriteAllText(At("server.crt"), next.Chain);
        Assert.Equal(first, files.Current.Certificate.SerialNumber);
        _clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(first, files.Current.Certificate.SerialNumber);
        _clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(first, files.Current.Certificate.SerialNumber);
        Assert.Contains("TLS files have changed but can't be used, the last good ones stay in force: the key in", Assert.Single(_log.Written), StringComparison.Ordinal);

        File.Delete(At("server.key"));
        for (var i = 0; i < 3; i++)
        {
            _clock.Advance(TimeSpan.FromSeconds(2));
            Assert.Equal(first, files.Current.Certificate.SerialNumber);
        }

        Assert.Equal(2, _log.Written.Count);
        Assert.Contains("--key-file: can't read", _log.Written[1], StringComparison.Ordinal);

        next.Write(_directory, "server");
        _clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(next.Serial, files.Current.Certificate.SerialNumber);
        Assert.StartsWith("certificate replaced file=", _log.Written[2], StringComparison.Ordinal);
    }

    [Fact]
    public void A_certificate_that_is_out_of_time_is_told_at_once()
    {
        Open(server: _authority.Issue("old", fromDay: -9, untilDay: -2));

        Assert.Contains("the certificate is not valid now, others will refuse it", Assert.Single(_log.Written), StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrong_file_is_named_with_its_flag()
    {
        var server = _authority.Issue("server");
        var encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";

        Assert.Contains("--cert-file: ", ErrorOf(server with { Chain = server.Key }), StringComparison.Ordinal);
        Assert.Contains("holds no certificate in PEM form", ErrorOf(server with { Chain = server.Key }), StringComparison.Ordinal);
        Assert.Contains("holds no private key in PEM form", ErrorOf(server with { Key = server.Chain }), StringComparison.Ordinal);
        Assert.Contains("has a passphrase, which a server can't type", ErrorOf(server with { Key = encrypted }), StringComparison.Ordinal);
        Assert.Contains("does not belong to the first certificate", ErrorOf(server with { Key = _authority.Issue("x").Key }), StringComparison.Ordinal);
        Assert.Contains("--trusted-ca-file: ", Assert.Throws<NodeStartupException>(() => Open(authority: "nothing")).Message, StringComparison.Ordinal);
        Assert.Contains("--client-crl-file: ", Assert.Throws<NodeStartupException>(() => Open(revoked: [1, 2, 3])).Message, StringComparison.Ordinal);
        Assert.Contains("--client-crl-file: ", Assert.Throws<NodeStartupException>(() => Open(revoked: [0x30, 2, 3])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Whatever_the_files_hold_the_answer_is_a_reason_or_a_certificate()
    {
        var good = _authority.Issue("server");
        var list = System.Text.Encoding.ASCII.GetBytes(_authority.Revoke(good));
        Open(revoked: list);
        string[] names = [At("server.crt"), At("server.key"), At("ca.crt"), At("revoked.crl")];
        var settings = new TlsSettings { CertFile = names[0], KeyFile = names[1], TrustedCaFile = names[2], CrlFile = names[3] };
        var contents = names.ToDictionary(name => name, File.ReadAllBytes);
        contents[names[3]] = Der(System.Text.Encoding.ASCII.GetString(list));
        var (refused, random) = (0, new Random(7));
        for (var round = 0; round < 400; round++)
        {
            foreach (var (name, bytes) in contents) File.WriteAllBytes(name, round % 4 == Array.IndexOf(names, name) ? Altered(bytes, random) : bytes);
            try
            {
                TlsFiles.Open(settings, _log, _clock);
            }
            catch (NodeStartupException e)
            {
                Assert.Contains(names[round % 4], e.Message, StringComparison.Ordinal);
                refused++;
            }
        }

        Assert.InRange(refused, 50, 399);
    }

    private static byte[] Altered(byte[] bytes, Random random)
    {
        if (random.Next(3) == 0) return bytes[..random.Next(bytes.Length)];
        var altered = (byte[])bytes.Clone();
        for (var i = random.Next(1, 4); i > 0; i--) altered[random.Next(altered.Length)] = (byte)random.Next(256);
        return altered;
    }

    [Fact]
    public void A_made_certificate_is_kept_until_it_no_longer_fits()
    {
        TlsSettings Provide(params string[] hosts) => SelfSigned.Provide(new TlsSettings { Auto = true, SelfSignedYears = 1 }, At("fixtures"), hosts, _clock);
        string Serial() => TlsFiles.Open(Provide("127.0.0.1", "localhost"), _log, _clock).Current.Certificate.SerialNumber;

        var first = Serial();
        Assert.Equal(first, Serial());
        Assert.NotEqual(first, TlsFiles.Open(Provide("127.0.0.1", "localhost", "n1.example"), _log, _clock).Current.Certificate.SerialNumber);
        var second = Serial();
        _clock.Advance(TimeSpan.FromDays(400));
        Assert.NotEqual(second, Serial());
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(At("fixtures"), "key.pem")));
    }

    private static byte[] Der(string pem) =>
        Convert.FromBase64String(string.Concat(pem.Split('\n').Where(line => line.Length > 0 && line[0] != '-')));

    private string ErrorOf(TestIdentity server) => Assert.Throws<NodeStartupException>(() => Open(server: server)).Message;

    private string At(string name) => Path.Combine(_directory, name);

    private TlsFiles Open(
        Func<TlsSettings, TlsSettings>? change = null, string? authority = null, byte[]? revoked = null, TestIdentity? server = null)
    {
        (server ?? _authority.Issue("server")).Write(_directory, "server");
        File.WriteAllText(At("ca.crt"), authority ?? _authority.Pem);
        var settings = new TlsSettings { CertFile = At("server.crt"), KeyFile = At("server.key"), TrustedCaFile = At("ca.crt") };
        if (revoked is not null)
        {
            File.WriteAllBytes(At("revoked.crl"), revoked);
            settings = settings with { CrlFile = At("revoked.crl") };
        }

        return TlsFiles.Open(change is null ? settings : change(settings), _log, _clock);
    }

    private static string? Refusal(TlsFiles files, TestIdentity identity, X509Certificate2Collection? shown = null, CertificateUse use = CertificateUse.Client)
    {
        using var certificate = identity.Load();
        return CertificateCheck.Refusal(files.Settings, files.Current, certificate, shown, use);
    }

    private sealed class Clock : TimeProvider
    {
        private TimeSpan _passed;

        public void Advance(TimeSpan by) => _passed += by;

        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + _passed;

        public override long GetTimestamp() => _passed.Ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;
    }

    private sealed class Lines : ILogger
    {
        public List<string> Written { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Written.Add(formatter(state, exception));
    }
}

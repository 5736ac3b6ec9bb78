using PaxosStore.Server.Hosting;
using PaxosStore.Server.Options;

namespace PaxosStore.Server.Tests;

public sealed class BadInputTests
{
    private const string Three = "n1=http://127.0.0.1:2380,n2=http://127.0.0.1:22380,n3=http://127.0.0.1:32380";

    [Theory]
    [InlineData("--nmae", "unknown flag --nmae; did you mean --name?")]
    [InlineData("--listen-clients-url=x", "unknown flag --listen-clients-url; did you mean --listen-client-urls?")]
    [InlineData("--inital-cluster", "unknown flag --inital-cluster; did you mean --initial-cluster?")]
    [InlineData("--qqqqqqqqqqqqqqqq", "unknown flag --qqqqqqqqqqqqqqqq")]
    [InlineData("--cert-fil=x", "unknown flag --cert-fil; did you mean --cert-file?")]
    [InlineData("--enable-v3", "unknown flag --enable-v3; did you mean --enable-v2?")]
    [InlineData("--experimental-nmae=x", "unknown flag --experimental-nmae")]
    [InlineData("start", "'start' is not a flag; options are written --flag value or --flag=value")]
    [InlineData("--", "'--' is not a flag; options are written --flag value or --flag=value")]
    public void An_unknown_argument_is_answered_with_what_may_have_been_meant(string argument, string message) =>
        Assert.Equal(message, Load.ErrorOf(argument));

    [Theory]
    [InlineData("--name", "", "--name: '' is not usable; expected a name")]
    [InlineData("--name", "a b", "--name: 'a b' is not usable; expected a name")]
    [InlineData("--request-timeout", "soon", "--request-timeout: 'soon' is not usable; expected a duration such as 100ms")]
    [InlineData("--request-timeout", "-5", "--request-timeout: '-5' is not usable; expected a duration")]
    [InlineData("--request-timeout", "0", "expected a duration from 1ms to 24h")]
    [InlineData("--pipeline-window", "0", "--pipeline-window: '0' is not usable; expected a whole number of at least 1")]
    [InlineData("--log-level", "loud", "--log-level: 'loud' is not usable; expected debug or info or warn or error or dpanic or panic or fatal")]
    [InlineData("--grpc-keepalive-timeout", "1m30", "--grpc-keepalive-timeout: '1m30' is not usable; expected a duration such as 100ms")]
    [InlineData("--max-request-bytes", "5000000", "expected a whole number from 1 to 4194304")]
    [InlineData("--bcrypt-cost", "3", "expected a whole number from 4 to 31")]
    [InlineData("--auth-token", "paper", "'paper' is neither 'simple' nor 'jwt,sign-method=METHOD")]
    [InlineData("--auth-token", "jwt,sign-method=RS256", "pub-key or priv-key is missing")]
    [InlineData("--tls-min-version", "SSL3", "expected TLS1.2 or TLS1.3")]
    [InlineData("--cipher-suites", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA257", "did you mean TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256?")]
    [InlineData("--force-new-cluster", "true", "paxosctl recover --data-dir ")]
    [InlineData("--discovery", "http://10.0.0.1/x", "name the members with --initial-cluster")]
    [InlineData("--proxy", "on", "the v2 proxy does not exist here")]
    [InlineData("--peer-client-cert-file", "x.crt", "give it with --peer-cert-file and --peer-key-file")]
    [InlineData("--initial-cluster-state", "old", "--initial-cluster-state: 'old' is not usable; expected new or existing")]
    [InlineData("--quota-backend-bytes", "2GB", "expected a whole number of bytes such as 4294967296")]
    [InlineData("--auto-compaction-mode", "daily", "expected periodic or revision")]
    [InlineData("--auto-compaction-retention", "soon", "'soon' is not usable; expected hours such as 8, or a duration such as 30m or 1h30m")]
    [InlineData("--auto-compaction-retention", "-1", "'-1' is not usable; expected hours")]
    [InlineData("--max-learners", "0", "expected a whole number of at least 1")]
    [InlineData("--listen-client-urls", "127.0.0.1:2379", "lacks its scheme; expected http://127.0.0.1:2379 or https://127.0.0.1:2379")]
    [InlineData("--listen-client-urls", "http://127.0.0.1", "is not usable; expected URLs with an IP address or localhost")]
    [InlineData("--listen-client-urls", "http://example.org:2379", "is not usable; expected URLs with an IP address or localhost")]
    [InlineData("--listen-client-urls", "http://127.0.0.1:99999", "--listen-client-urls: 'http://127.0.0.1:99999' is not usable")]
    [InlineData("--listen-client-urls", "http://127.0.0.1:2379/v3", "is not usable")]
    [InlineData("--listen-peer-urls", "http://127.0.0.1:1,http://127.0.0.1:2", "has several URLs; expected a URL")]
    [InlineData("--advertise-client-urls", "http://0.0.0.0:2379", "means every interface, which nobody can connect to")]
    [InlineData("--initial-cluster", "http://127.0.0.1:2380", "expected members as name=url")]
    public void A_bad_value_is_answered_with_the_flag_the_value_and_what_is_expected(string flag, string value, string message)
    {
        var error = Load.ErrorOf(flag, value);

        Assert.StartsWith(flag + ":", error, StringComparison.Ordinal);
        Assert.Contains(message, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--name")]
    [InlineData("--name", "--log-level=info")]
    public void A_flag_without_its_value_says_what_is_missing(params string[] arguments) =>
        Assert.StartsWith("--name needs a value: a name", Load.ErrorOf(arguments), StringComparison.Ordinal);

    [Fact]
    public void A_bad_value_in_the_environment_names_the_variable()
    {
        var environment = new Dictionary<string, string> { ["ETCD_HEARTBEAT_INTERVAL"] = "often" };

        var error = Assert.Throws<OptionsException>(() => Load.With(environment)).Message;

        Assert.StartsWith("environment variable ETCD_HEARTBEAT_INTERVAL: 'often'", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("paxosstore {\n  nmae = x\n}", "unknown key paxosstore.nmae; did you mean name?")]
    [InlineData("name = x", "'name' must stand inside paxosstore { ... }")]
    [InlineData("raft { }", "unknown section 'raft'")]
    [InlineData("paxosstore = 5", "'paxosstore' must be a section")]
    [InlineData("paxosstore {\n  log-level = loud\n}", "paxosstore.log-level: 'loud' is not usable; expected debug or")]
    [InlineData("paxosstore {\n  name { a = 1 }\n}", "paxosstore.name must be one value")]
    [InlineData("paxosstore {\n\n  listen-peer-urls = http://127.0.0.1:2380\n}", ", line 3: put the address in quotation marks")]
    [InlineData("paxosstore {\n  name = \"x\n}", ", line 2: a quotation mark is not closed")]
    [InlineData("paxosstore {\n  name = ${HOSTNAME}\n}", ", line 2: environment variables are not substituted")]
    [InlineData("include \"other.conf\"", ", line 1: 'include' is not supported")]
    [InlineData("paxosstore {\n  name = x\n}\n}", ", line 4: this closing brace has no opening one")]
    [InlineData("paxosstore {\n  name = x\n", ": 1 closing brace(s) missing")]
    [InlineData("paxosstore {\n  listen-client-urls = [ \"http://127.0.0.1:1\"\n}", ": 1 closing bracket(s) missing")]
    [InlineData("paxosstore { name = x }, akka { }", ": not valid HOCON: ")]
    [InlineData("paxosstore { name = ${nothing.there} }", ": not valid HOCON: ")]
    public void A_mistake_in_the_file_names_the_file_and_the_place(string text, string message)
    {
        using var file = new TemporaryFile(text);

        var error = Load.ErrorOf("--config-file", file.Path);

        Assert.StartsWith(file.Path, error, StringComparison.Ordinal);
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error);
    }

    [Fact]
    public void A_file_that_is_not_there_is_named()
    {
        var error = Load.ErrorOf("--config-file", "/no/such/file.conf");

        Assert.StartsWith("--config-file: can't read /no/such/file.conf:", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Comments_and_quoted_text_may_contain_anything()
    {
        using var file = new TemporaryFile("# { \" http://x ${HOME}\npaxosstore { // }\n  initial-cluster-token = \"a{b#c//d\" # \"\n}\n");

        Assert.Equal("a{b#c//d", Load.From("--config-file", file.Path).Node.ClusterToken);
    }

    [Fact]
    public void A_retention_must_fit_its_mode() =>
        Assert.Equal(
            "--auto-compaction-retention: '30m' is not usable; expected a number of revisions such as 1000",
            Load.ErrorOf("--auto-compaction-mode=revision", "--auto-compaction-retention=30m"));

    [Fact]
    public void A_switch_is_true_or_false() =>
        Assert.Equal("--strict-reconfig-check: 'maybe' is not usable; expected true or false", Load.ErrorOf("--strict-reconfig-check=maybe"));

    [Fact]
    public void Joining_needs_somebody_to_join() =>
        Assert.Contains("name the members that run", Load.ErrorOf("--initial-cluster-state", "existing"), StringComparison.Ordinal);

    [Theory]
    [InlineData("n4", null, "n4")]
    [InlineData("n1", "http://127.0.0.1:9999", "http://127.0.0.1:9999")]
    public void A_node_must_be_in_the_cluster_under_its_own_peer_url(string name, string? advertised, string mentioned)
    {
        string[] flags = ["--name", name, "--initial-cluster", Three];
        if (advertised is not null) flags = [.. flags, "--initial-advertise-peer-urls", advertised];

        var error = Load.ErrorOf(flags);

        Assert.Contains("initial-cluster", error, StringComparison.Ordinal);
        Assert.Contains(mentioned, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("100ms", "499ms", false)]
    [InlineData("100ms", "500ms", true)]
    public void An_election_must_outlast_five_heartbeats(string heartbeat, string election, bool fine)
    {
        string[] flags = ["--heartbeat-interval", heartbeat, "--election-timeout", election];

        if (fine) Load.From(flags);
        else Assert.Contains("must be at least 5 times heartbeat-interval", Load.ErrorOf(flags), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--listen-client-urls", "http://127.0.0.1:2380", "--listen-client-urls and --listen-peer-urls both use port 2380")]
    [InlineData("--listen-client-urls", "http://0.0.0.0:2380", "--listen-client-urls and --listen-peer-urls both use port 2380")]
    [InlineData("--listen-http-urls", "http://localhost:2379", "--listen-client-urls and --listen-http-urls both use port 2379")]
    [InlineData("--listen-http-urls", "http://127.0.0.1:2380", "--listen-http-urls and --listen-peer-urls both use port 2380")]
    public void Two_listeners_may_not_share_a_port(string flag, string url, string message) =>
        Assert.Contains(message, Load.ErrorOf(flag, url), StringComparison.Ordinal);

    [Fact]
    public async Task Wrong_options_end_with_code_2_and_point_to_the_help()
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();

        var code = await Lifecycle.MainAsync(["--nmae", "x"], new Dictionary<string, string>(), output, errors);

        Assert.Equal(2, code);
        Assert.Empty(output.ToString());
        Assert.Equal(
            "error: unknown flag --nmae; did you mean --name?\nRun with --help to see all options.\n", errors.ToString().ReplaceLineEndings("\n"));
    }
}

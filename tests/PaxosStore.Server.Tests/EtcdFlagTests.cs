using System.Diagnostics;
using System.Text.RegularExpressions;
using PaxosStore.Server.Hosting;
using PaxosStore.Server.Options;

namespace PaxosStore.Server.Tests;

/// <summary>What operators of etcd type and set is understood here, or refused with the way to go.</summary>
public sealed class EtcdFlagTests
{
    // Written by etcd 3.4's help in the description of another flag, or no flag of the server.
    private static readonly string[] NoFlags = ["help", "version"];

    [Fact]
    public void Every_flag_of_a_real_etcd_is_an_option_or_known_to_have_no_meaning_here()
    {
        if (RealHelp() is not { } help) return;
        var flags = Regex.Matches(help, @"^\s+--([a-z0-9-]+)", RegexOptions.Multiline).Select(match => match.Groups[1].Value).Except(NoFlags).ToArray();

        Assert.True(flags.Length > 70, $"only {flags.Length} flags were found in etcd's help");
        Assert.All(flags, flag =>
        {
            var name = EtcdFlags.Canonical(flag);
            Assert.True(OptionTable.Find(name) is not null || EtcdFlags.Find(name) is not null, $"--{flag} is a flag of etcd's that is not known here");
        });
    }

    [Fact]
    public void No_flag_is_both_an_option_and_without_meaning() => Assert.DoesNotContain(EtcdFlags.Names, name => OptionTable.Find(name) is not null);

    [Fact]
    public void A_flag_without_a_meaning_here_is_accepted_with_one_line_that_says_so()
    {
        var options = Load.From("--enable-v2", "--max-wals", "3", "-logger=zap", "--experimental-initial-corrupt-check=true", "--proxy=off", "--force-new-cluster=false");

        Assert.Equal(
            [
                "--enable-v2 has no effect: the v2 API is not served",
                "--experimental-initial-corrupt-check has no effect: it is always done",
                "--logger has no effect: log lines have one format and go to standard error",
                "--max-wals has no effect: old log and snapshots go by themselves",
            ],
            options.Notices);
    }

    [Fact]
    public void The_way_out_of_a_lost_majority_is_named_with_its_command()
    {
        var error = Load.ErrorOf("--force-new-cluster", "--data-dir", "/var/lib/n1");

        Assert.Contains("paxosctl recover --data-dir /var/lib/n1;", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--experimental-watch-progress-notify-interval=5s")]
    [InlineData("--watch-progress-notify-interval=5s")]
    public void An_experimental_flag_is_the_flag_it_became(string flag) =>
        Assert.Equal(TimeSpan.FromSeconds(5), Load.From(flag).Limits.WatchProgressInterval);

    [Fact]
    public void Limits_and_access_are_read()
    {
        var options = Load.From(
            "--max-txn-ops=7", "--max-request-bytes=1000", "--max-concurrent-streams=4294967295", "--grpc-keepalive-interval=0s", "--grpc-keepalive-timeout=1s",
            "--cors=https://a.example,https://b.example", "--host-whitelist=", "--listen-metrics-urls=http://127.0.0.1:5555");

        Assert.Equal(new DoorLimits(7, 1000, uint.MaxValue, TimeSpan.FromMinutes(10), TimeSpan.Zero, TimeSpan.FromSeconds(1)), options.Limits);
        Assert.Equal(["https://a.example", "https://b.example"], options.Access.Origins);
        Assert.Empty(options.Access.Hosts);
        Assert.Equal(5555, Assert.Single(options.ListenMetricsUrls).Port);
    }

    [Fact]
    public void How_users_log_in_is_read()
    {
        Assert.Equal(new AuthOptions("simple", TimeSpan.FromSeconds(300), 10), Load.From().Auth);
        Assert.Equal(
            new AuthOptions("simple", TimeSpan.FromSeconds(5), 4),
            Load.From("--auth-token=simple", "--auth-token-ttl=5", "--bcrypt-cost=4").Auth);
    }

    [Fact]
    public void A_flag_and_its_variable_exclude_each_other_in_etcds_words()
    {
        var environment = new Dictionary<string, string> { ["ETCD_NAME"] = "y" };

        var error = Assert.Throws<OptionsException>(() => Load.With(environment, "--name", "x")).Message;

        Assert.StartsWith("conflicting environment variable \"ETCD_NAME\" is shadowed by corresponding command-line flag", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_variable_without_a_meaning_here_is_told_like_the_flag()
    {
        var environment = new Dictionary<string, string> { ["ETCD_ENABLE_V2"] = "true", ["ETCD_EXPERIMENTAL_WATCH_PROGRESS_NOTIFY_INTERVAL"] = "7s" };

        var options = Load.With(environment);

        Assert.Equal(["environment variable ETCD_ENABLE_V2 has no effect: the v2 API is not served"], options.Notices);
        Assert.Equal(TimeSpan.FromSeconds(7), options.Limits.WatchProgressInterval);
    }

    [Fact]
    public void Under_etcds_name_the_defaults_are_etcds()
    {
        var environment = new Dictionary<string, string> { ["PAXOSSTORE_LAUNCHED_AS"] = "etcd" };

        var node = Load.With(environment, "--name", "n1").Node;

        Assert.Equal(("n1.etcd", "etcd-cluster", TimeSpan.FromSeconds(1)), (Path.GetFileName(node.DataDirectory), node.ClusterToken, node.ElectionTimeout));
        Assert.Equal("/x", Load.With(environment, "--data-dir", "/x").Node.DataDirectory);
        Assert.StartsWith("etcd Version: ", Lifecycle.VersionText(asEtcd: true), StringComparison.Ordinal);
    }

    private static string? RealHelp()
    {
        var etcd = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(directory => Path.Combine(directory, "etcd")).FirstOrDefault(File.Exists);
        if (etcd is null)
        {
            Assert.True(Environment.GetEnvironmentVariable("PAXOSSTORE_REQUIRE_ALL") != "1", "etcd is missing and PAXOSSTORE_REQUIRE_ALL=1 (scripts/install-test-tools.sh)");
            return null;
        }

        using var process = Process.Start(new ProcessStartInfo(etcd, "--help") { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        return process.StandardOutput.ReadToEnd() + error.Result;
    }
}

using PaxosStore.Cluster.Tests.Processes;
using Xunit.Abstractions;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>etcdctl can't tell this store from a real etcd: the same commands at every endpoint of both print the same.</summary>
[Collection(ProcessCollection.Name)]
public class EtcdctlTests(ITestOutputHelper output)
{
    [SkippableFact]
    public async Task Every_endpoint_answers_etcdctl_as_a_real_etcd_does()
    {
        Programs.Require("etcd");
        Programs.Require("etcdctl");
        await using var subject = await TestCluster.StartAsync("etcdctl");
        await using var reference = await TestCluster.StartAsync(new ClusterPlan("etcdctl-reference", 3) { Target = Target.Etcd });
        await subject.RunAsync(async () =>
        {
            var differences = new List<string>();
            for (var endpoint = 0; endpoint < 3; endpoint++)
            {
                var ours = new EtcdctlSession(subject, endpoint);
                var theirs = new EtcdctlSession(reference, endpoint);
                foreach (var step in EtcdctlScript.Steps($"e{endpoint}/"))
                {
                    var said = await Task.WhenAll(ours.RunAsync(step), theirs.RunAsync(step));
                    if (said[0] != said[1])
                        differences.Add($"endpoint {endpoint}: etcdctl {string.Join(' ', step.Arguments)}\n  ours: {said[0]}\n  etcd: {said[1]}");
                }
            }

            Assert.True(differences.Count == 0, $"{differences.Count} differences:\n{string.Join('\n', differences.Take(15))}");
        });
    }

    [SkippableFact]
    public async Task Every_command_prints_and_ends_as_with_a_real_etcd()
    {
        Programs.Require("etcd");
        Programs.Require("etcdctl");
        await using var subject = await TestCluster.StartAsync("etcdctl-commands");
        await using var reference = await TestCluster.StartAsync(new ClusterPlan("etcdctl-commands-reference", 3) { Target = Target.Etcd });
        await subject.RunAsync(async () =>
        {
            var (ours, theirs) = (new EtcdctlSession(subject, 0), new EtcdctlSession(reference, 0));
            var differences = new List<string>();
            foreach (var step in EtcdctlCommands.Steps)
            {
                var said = await Task.WhenAll(ours.RunAsync(step), theirs.RunAsync(step));
                if (said[0] != said[1])
                    differences.Add($"etcdctl {string.Join(' ', step.Arguments)}\n  ours: {said[0]}\n  etcd: {said[1]}");
            }

            Assert.True(differences.Count == 0, $"{differences.Count} of {EtcdctlCommands.Steps.Count} differ:\n{string.Join('\n', differences)}");

            // A size that etcdctl takes for whole: pages, and a checksum behind them.
            foreach (var session in (EtcdctlSession[])[ours, theirs])
                Assert.Equal(32, session.Backup.Length % 512);
        });
    }

    /// <summary>A minute or more each, so only with PAXOSSTORE_ETCDCTL_CHECKS=1 (scripts/endurance.sh checks).</summary>
    [SkippableFact]
    public async Task Checks_come_to_their_verdict()
    {
        Skip.If(Amount.From("PAXOSSTORE_ETCDCTL_CHECKS", usual: 0) == 0, "PAXOSSTORE_ETCDCTL_CHECKS=1 runs it");
        Programs.Require("etcdctl");
        await using var subject = await TestCluster.StartAsync("etcdctl-checks");
        await subject.RunAsync(async () =>
        {
            foreach (var check in EtcdctlCommands.Checks)
            {
                var result = await CheckAsync(subject, check.Arguments);
                Assert.Contains("PASS", result.Output, StringComparison.Ordinal);
                Assert.DoesNotContain("FAIL", result.Output, StringComparison.Ordinal);
                Assert.Equal(0, result.ExitCode);
            }
        });
    }

    /// <summary>More than two cores bear, so what it says is told beside what it says of a real etcd, each twice in turn, and not judged.</summary>
    [SkippableFact]
    public async Task Checks_with_the_largest_load_are_told_beside_a_real_etcd()
    {
        Skip.If(Amount.From("PAXOSSTORE_ETCDCTL_CHECKS", usual: 0) == 0, "PAXOSSTORE_ETCDCTL_CHECKS=1 runs it");
        Programs.Require("etcd");
        Programs.Require("etcdctl");
        foreach (var target in (Target[])[Target.PaxosStore, Target.Etcd, Target.PaxosStore, Target.Etcd])
        {
            await using var cluster = await TestCluster.StartAsync(new ClusterPlan("etcdctl-largest-load", 3) { Target = target });
            await cluster.RunAsync(async () =>
            {
                var result = await CheckAsync(cluster, ["check", "perf", "--load=l"]);
                Assert.Contains("writes/s", result.Output, StringComparison.Ordinal);
            });
        }
    }

    private async Task<ProgramResult> CheckAsync(TestCluster cluster, IReadOnlyList<string> check)
    {
        string[] arguments = ["--endpoints", string.Join(',', cluster.Nodes.Select(n => n.ClientUrl)), .. check];
        var result = await Programs.RunAsync("etcdctl", arguments, environment: new Dictionary<string, string> { ["ETCDCTL_API"] = "3" }, timeout: TimeSpan.FromMinutes(5));
        var verdicts = result.Output.Split('\n', '\r').Where(l => l.StartsWith("PASS", StringComparison.Ordinal) || l.StartsWith("FAIL", StringComparison.Ordinal));
        Figures.Tell(output, $"etcdctl {string.Join(' ', check)} on {cluster.Target.Name}: {string.Join("; ", verdicts)}");
        return result;
    }

    [SkippableFact]
    public async Task No_command_is_forgotten()
    {
        Programs.Require("etcdctl");
        var help = await Programs.RunAsync("etcdctl", ["--help"], environment: new Dictionary<string, string> { ["ETCDCTL_API"] = "3" });
        var commands = help.Output.Split('\n').SkipWhile(l => l != "COMMANDS:").Skip(1).TakeWhile(l => l != "OPTIONS:")
            .Select(l => l.Trim().Split('\t')[0]).Where(c => c.Length > 0).ToArray();
        var run = EtcdctlCommands.Steps.Concat(EtcdctlCommands.Checks).Concat(EtcdctlScript.Steps("")).Select(s => string.Join(' ', s.Arguments)).ToArray();

        Assert.True(commands.Length > 40, help.ToString());
        Assert.DoesNotContain(commands, c => !EtcdctlCommands.NotCompared.ContainsKey(c) && !run.Any(line => $" {line} ".Contains($" {c} ", StringComparison.Ordinal)));
        Assert.Empty(EtcdctlCommands.NotCompared.Keys.Except(commands));
    }
}

/// <summary>The commands, about keys under one prefix.</summary>
internal static class EtcdctlScript
{
    public static IEnumerable<EtcdctlStep> Steps(string prefix) =>
        [.. KeyValues(prefix), .. Transactions(prefix), .. Leases(prefix), .. Watches(prefix), .. History(prefix), .. Cluster()];

    private static EtcdctlStep[] KeyValues(string p) =>
    [
        new(["put", p + "a", "1"]),
        new(["put", p + "a", "2", "--prev-kv"]),
        new(["put", p + "b", "with spaces and ünïcode"]),
        new(["put", p + "c"], Input: "from stdin"),
        new(["put", p + "empty", ""]),
        new(["put", p + "a", "--ignore-value"]),
        new(["put", p + "missing", "--ignore-value"]),
        new(["put", "", "x"]),
        new(["get", p + "a"]),
        new(["get", p + "a", "-w", "json"]),
        new(["get", p + "a", "-w", "fields"]),
        new(["get", p + "missing"]),
        new(["get", p + "missing", "-w", "json"]),
        new(["get", p, "--prefix"]),
        new(["get", p, "--prefix", "--keys-only"]),
        new(["get", p, "--prefix", "--limit", "2", "-w", "json"]),
        new(["get", p, "--prefix", "--sort-by", "MODIFY", "--order", "DESCEND"]),
        new(["get", p, "--prefix", "--sort-by", "VERSION", "--order", "ASCEND", "--print-value-only"]),
        new(["get", p + "a", p + "c"]),
        new(["get", p + "b", "--from-key", "--limit", "1"]),
        new(["get", p + "a", "--consistency", "s"]),
        new(["get", p + "a", "--rev", "999999"]),
        new(["get", p + "a", "--rev", "2"]),
        new(["del", p + "missing"]),
        new(["del", p + "b", "--prev-kv"]),
        new(["del", p + "a", p + "b", "-w", "json"]),
        new(["put", p + "d/1", "x"]),
        new(["put", p + "d/2", "y"]),
        new(["del", p + "d/", "--prefix"]),
        new(["get", p, "--prefix", "-w", "json"]),
    ];

    private static EtcdctlStep[] Transactions(string p) =>
    [
        new(["txn"], Input: $"version(\"{p}t\") = \"0\"\n\nput {p}t first\nget {p}t\n\nget {p}t\n\n"),
        new(["txn"], Input: $"version(\"{p}t\") = \"0\"\n\nput {p}t again\n\nget {p}t\ndel {p}t\n\n"),
        new(["txn", "-w", "json"], Input: $"value(\"{p}c\") = \"from stdin\"\ncreate(\"{p}c\") > \"1\"\nmod(\"{p}t\") = \"0\"\n\nput {p}t second\ndel {p}c\n\n\n"),
        new(["txn"], Input: $"value(\"{p}t\") != \"second\"\n\nput {p}t third\n\nput {p}t fourth\n\n"),
        new(["txn"], Input: $"\nput {p}dup 1\nput {p}dup 2\n\n\n"),
        new(["get", p, "--prefix", "-w", "json"]),
    ];

    private static EtcdctlStep[] Leases(string p) =>
    [
        new(["lease", "grant", "300"]),
        new(["put", p + "leased/1", "x", "--lease", "$LEASE"]),
        new(["put", p + "leased/2", "y", "--lease", "$LEASE"]),
        new(["put", p + "leased/1", "z", "--ignore-lease"]),
        new(["get", p + "leased/1", "-w", "fields"]),
        new(["lease", "timetolive", "$LEASE"]),
        new(["lease", "timetolive", "$LEASE", "--keys"]),
        new(["lease", "timetolive", "$LEASE", "--keys", "-w", "json"]),
        new(["lease", "keep-alive", "$LEASE", "--once"]),
        new(["lease", "list"]),
        new(["lease", "revoke", "$LEASE"]),
        new(["get", p + "leased/", "--prefix", "-w", "json"]),
        new(["lease", "revoke", "$LEASE"]),
        new(["lease", "keep-alive", "$LEASE", "--once"]),
        new(["lease", "timetolive", "$LEASE"]),
        new(["lease", "list"]),
        new(["put", p + "orphan", "x", "--lease", "123abc"]),
        new(["lease", "grant", "99999999999"]),
    ];

    private static EtcdctlStep[] Watches(string p) =>
    [
        new(["watch", p, "--prefix", "--rev", "2"], IsWatch: true),
        new(["watch", p, "--prefix", "--rev", "2", "--prev-kv", "-w", "json"], IsWatch: true),
        new(["watch", p + "a", "--rev", "1"], IsWatch: true),
    ];

    private static EtcdctlStep[] History(string p) =>
    [
        new(["put", p + "h", "1"]),
        new(["compaction", "$REVISION"]),
        new(["compaction", "$REVISION"]),
        new(["compaction", "999999"]),
        new(["get", p + "a", "--rev", "1"]),
        new(["watch", p, "--prefix", "--rev", "1"], IsWatch: true),
        new(["get", p, "--prefix"]),
    ];

    private static EtcdctlStep[] Cluster() =>
    [
        new(["endpoint", "health"], AllEndpoints: true),
        new(["endpoint", "status", "-w", "table"], AllEndpoints: true),
        new(["member", "list"]),
        new(["member", "list", "-w", "table"]),
    ];
}

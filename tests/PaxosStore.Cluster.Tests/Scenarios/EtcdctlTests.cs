using System.Text.RegularExpressions;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>etcdctl can't tell this store from a real etcd: the same commands at every endpoint of both print the same.</summary>
[Collection(ProcessCollection.Name)]
public class EtcdctlTests
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
}

/// <summary>One command for etcdctl. A watch is stopped after a while, for it has no end of its own.</summary>
internal sealed record EtcdctlStep(string[] Arguments, string Input = "", bool IsWatch = false, bool AllEndpoints = false);

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

/// <summary>Runs etcdctl against one endpoint and takes out of what it prints whatever differs between any two clusters.</summary>
internal sealed partial class EtcdctlSession(TestCluster cluster, int endpoint)
{
    private static readonly Dictionary<string, string> Environment = new() { ["ETCDCTL_API"] = "3" };
    private static readonly string[] OwnColumns = ["ID", "VERSION", "DB SIZE", "RAFT TERM", "RAFT INDEX", "RAFT APPLIED INDEX"];
    private string _lease = "";
    private string _revision = "";

    public async Task<string> RunAsync(EtcdctlStep step)
    {
        var endpoints = step.AllEndpoints ? string.Join(',', cluster.Nodes.Select(n => n.ClientUrl)) : cluster.Nodes[endpoint].ClientUrl;
        var arguments = step.Arguments.Select(a => a.Replace("$LEASE", _lease, StringComparison.Ordinal).Replace("$REVISION", _revision, StringComparison.Ordinal));
        string[] all = ["--endpoints", endpoints, .. arguments];
        var result = step.IsWatch
            ? await Programs.RunAsync("timeout", ["-s", "INT", "1", "etcdctl", .. all], step.Input, Environment)
            : await Programs.RunAsync("etcdctl", all, step.Input, Environment);
        Remember(result.Output);
        var lines = (result.Output + "\n" + result.Error).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var clean = lines.Any(l => l.StartsWith('|')) ? CleanTable(lines) : lines.Select(CleanLine);
        var unordered = step.Arguments[0] is "member" or "endpoint" ? clean.Order(StringComparer.Ordinal) : clean;
        return $"exit {result.ExitCode}\n{string.Join('\n', unordered)}";
    }

    private void Remember(string output)
    {
        if (GrantedLease().Match(output) is { Success: true } lease)
            _lease = lease.Groups[1].Value;
        if (HeaderRevision().Match(output) is { Success: true } revision)
            _revision = revision.Groups[1].Value;
    }

    private string CleanLine(string line)
    {
        foreach (var node in cluster.Nodes)
        {
            line = line.Replace($"127.0.0.1:{node.Ports.Client}", $"<client {node.Name}>", StringComparison.Ordinal);
            line = line.Replace($"127.0.0.1:{node.Ports.Peer}", $"<peer {node.Name}>", StringComparison.Ordinal);
        }

        if (LoggedError().Match(line) is { Success: true } logged)
            return "logged: " + logged.Groups[1].Value;
        line = OwnNumbers().Replace(line, "$1<own>");
        line = Remaining().Replace(line, "remaining(<s>)");
        line = Took().Replace(line, "took = <t>");
        line = AttachedKeys().Replace(line, m => m.Groups[1].Value + string.Join(' ', m.Groups[2].Value.Split(' ', ',').Order(StringComparer.Ordinal)));
        return HexIds().Replace(line, "<id>");
    }

    /// <summary>Cells without borders; columns that are a cluster's own are emptied, and who leads is told once.</summary>
    private IEnumerable<string> CleanTable(string[] lines)
    {
        var rows = lines.Where(l => l.StartsWith('|')).Select(l => l.Trim('|').Split('|').Select(c => c.Trim()).ToArray()).ToArray();
        var header = rows[0];
        var leader = Array.IndexOf(header, "IS LEADER");
        yield return string.Join(" | ", header);
        if (leader >= 0)
            yield return $"leaders: {rows.Skip(1).Count(r => r[leader] == "true")}";
        foreach (var line in lines.Where(l => !l.StartsWith('|') && !l.StartsWith('+')))
            yield return CleanLine(line);
        foreach (var row in rows.Skip(1))
            yield return string.Join(" | ", row.Select((cell, i) => i == leader || OwnColumns.Contains(header[i]) ? "" : CleanLine(cell)));
    }

    [GeneratedRegex(@"lease ([0-9a-f]+) granted")]
    private static partial Regex GrantedLease();

    [GeneratedRegex(@"""revision"":(\d+)")]
    private static partial Regex HeaderRevision();

    [GeneratedRegex(@"^\{""level"":.*""error"":""(.*)""\}")]
    private static partial Regex LoggedError();

    [GeneratedRegex(@"(""cluster_id"":|""member_id"":|""raft_term"":|""lease"":|""id"":|""ttl"":|""ID"":|""ClusterID"" : |""MemberID"" : |""RaftTerm"" : |""Lease"" : )\d+")]
    private static partial Regex OwnNumbers();

    [GeneratedRegex(@"remaining\(\d+s\)")]
    private static partial Regex Remaining();

    /// <summary>etcd lists the keys of a lease in no particular order.</summary>
    [GeneratedRegex(@"(attached keys\(\[|""keys"":\[)([^\]]*)")]
    private static partial Regex AttachedKeys();

    [GeneratedRegex(@"took = [\d.]+[µnm]?s")]
    private static partial Regex Took();

    [GeneratedRegex(@"\b[0-9a-f]{11,16}\b")]
    private static partial Regex HexIds();
}

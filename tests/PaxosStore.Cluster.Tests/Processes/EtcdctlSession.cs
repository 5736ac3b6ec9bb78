using System.Text.RegularExpressions;
using Etcdserverpb;

namespace PaxosStore.Cluster.Tests.Processes;

/// <summary>
/// One command for etcdctl. A watch is stopped after a while, for it has no end of its own; its input stays open for as long.
/// Of what is <paramref name="Distinct"/>, equal lines count once: whether one member or all of them have an alarm is their own business.
/// </summary>
internal sealed record EtcdctlStep(string[] Arguments, string Input = "", bool IsWatch = false, bool AllEndpoints = false, bool Distinct = false)
{
    /// <summary>How long one that has no end of its own goes on.</summary>
    public int Seconds { get; init; } = 2;

    /// <summary>Why what is printed differs on purpose (docs/etcd.md); the exit code must still agree.</summary>
    public string? Meant { get; init; }
}

/// <summary>Runs etcdctl against one endpoint and takes out of what it prints whatever differs between any two clusters.</summary>
internal sealed partial class EtcdctlSession(TestCluster cluster, int endpoint)
{
    private static readonly Dictionary<string, string> Environment = new() { ["ETCDCTL_API"] = "3" };
    private static readonly string[] OwnColumns = ["ID", "VERSION", "DB SIZE", "RAFT TERM", "RAFT INDEX", "RAFT APPLIED INDEX", "HASH", "TOOK"];
    private readonly string _file = Path.Combine(cluster.Directory, "backup");
    private string _lease = "";
    private string _member = "";
    private string _revision = "";

    public async Task<string> RunAsync(EtcdctlStep step)
    {
        var endpoints = step.AllEndpoints ? string.Join(',', cluster.Nodes.Select(n => n.ClientUrl)) : cluster.Nodes[endpoint].ClientUrl;
        var arguments = await Task.WhenAll(step.Arguments.Select(FillInAsync));
        string[] all = ["--endpoints", endpoints, .. arguments];
        string[] open = step.Input.Length > 0 ? ["sh", "-c", $"(cat; sleep {step.Seconds}) | \"$@\"", "sh"] : [];

        // One that reads its input ends when that does; it is stopped only if it doesn't.
        var limit = step.Input.Length > 0 ? 2 * step.Seconds + 2 : step.Seconds;
        var result = step.IsWatch
            ? await Programs.RunAsync("timeout", ["-s", "INT", $"{limit}", .. open, "etcdctl", .. all], step.Input, Environment)
            : await Programs.RunAsync("etcdctl", all, step.Input, Environment);
        Remember(result.Output);
        if (step.Meant is not null)
            return $"exit {result.ExitCode}, {step.Meant}";
        var lines = (result.Output + "\n" + result.Error).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(l => !l.StartsWith("{\"level\":\"info\"", StringComparison.Ordinal))
            .TakeWhile(l => !l.StartsWith("goroutine ", StringComparison.Ordinal)).ToArray();
        var clean = lines.Any(l => l.StartsWith('|')) ? CleanTable(lines) : lines.Select(CleanLine);
        var unordered = step.Arguments.Any(a => a is "member" or "endpoint" or "alarm" or "defrag") ? clean.Order(StringComparer.Ordinal) : clean;
        return $"exit {result.ExitCode}\n{string.Join('\n', step.Distinct ? unordered.Distinct() : unordered)}";
    }

    /// <summary>The backup that was saved last.</summary>
    public FileInfo Backup => new(_file);

    private async Task<string> FillInAsync(string argument) => argument switch
    {
        "$ENDPOINT" => cluster.Nodes[endpoint].ClientUrl["http://".Length..],
        "$FILE" => _file,
        "$MEMBER" => _member,
        "$FOLLOWER" => await FollowerAsync(),
        _ => argument.Replace("$LEASE", _lease, StringComparison.Ordinal).Replace("$REVISION", _revision, StringComparison.Ordinal),
    };

    private async Task<string> FollowerAsync()
    {
        var leader = await cluster.LeaderAsync(TimeSpan.FromSeconds(20));
        var status = await cluster.Clients[(leader + 1) % cluster.Clients.Length].Maintenance.StatusAsync(new StatusRequest());
        return $"{status.Header.MemberId:x}";
    }

    private void Remember(string output)
    {
        if (AddedMember().Match(output) is { Success: true } member)
            _member = member.Groups[1].Value;
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
        line = line.Replace(cluster.Directory, "<directory>", StringComparison.Ordinal);
        line = PaddedId().Replace(line, "$1 ");
        line = StatusLine().Replace(line, "$1, <status>, learner $2,$3");
        line = HashLine().Replace(line, "$1, <hash>");
        line = OwnFields().Replace(line, "$1<own>");
        line = InitialCluster().Replace(line, m => m.Groups[1].Value + string.Join(',', m.Groups[2].Value.Split(',').Order(StringComparer.Ordinal)));
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

    [GeneratedRegex(@"(memberID:|""cluster_id"":|""member_id"":|""raft_term"":|""lease"":|""id"":|""ttl"":|""ID"":|""ClusterID"" : |""MemberID"" : |""RaftTerm"" : |""Lease"" : )\d+")]
    private static partial Regex OwnNumbers();

    /// <summary>What a member says of itself, in JSON and as fields.</summary>
    [GeneratedRegex(
        @"(""(?:version|took)"":""|""(?:dbSize|leader|raftIndex|raftTerm|raftAppliedIndex|dbSizeInUse|hash)"":|""(?:Version|Took)"" : ""|"
        + @"""(?:ID|TTL|DBSize|Leader|RaftIndex|RaftAppliedIndex|DBSizeInUse|Hash)"" : )[\w.]+")]
    private static partial Regex OwnFields();

    [GeneratedRegex(@"^(\S*<client \w+>), [0-9a-f]+, [\d.]+, [\d.]+ [kMG]?B, (?:true|false), (true|false), \d+, \d+, \d+,(.*)$")]
    private static partial Regex StatusLine();

    [GeneratedRegex(@"^(\S*<client \w+>), \d+$")]
    private static partial Regex HashLine();

    /// <summary>Members are listed by their ids.</summary>
    [GeneratedRegex("(ETCD_INITIAL_CLUSTER=\")([^\"]*)")]
    private static partial Regex InitialCluster();

    /// <summary>An id with a leading zero is filled up with a space.</summary>
    [GeneratedRegex("(^Member|cluster) +(?=[0-9a-f]+)")]
    private static partial Regex PaddedId();

    [GeneratedRegex(@"Member +([0-9a-f]+) added")]
    private static partial Regex AddedMember();

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

using System.Diagnostics;
using PaxosStore.Cluster.Tests.Processes;
using PaxosStore.Testing;

namespace PaxosStore.Cluster.Tests.Patroni;

/// <summary>Three Patroni members that keep their state in a store.</summary>
internal sealed class PatroniCluster : IAsyncDisposable
{
    // The shortest that Patroni takes.
    public static readonly TimeSpan Ttl = TimeSpan.FromSeconds(20);

    private const int Size = 3;
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(200);

    // Short: PostgreSQL's sockets stand here.
    private readonly string _folder = Directory.CreateTempSubdirectory("pxpat-").FullName;
    private readonly PatroniMember[] _members;
    private bool _keep;

    /// <param name="store">Given a folder for files that Patroni may read, the lines of its section <c>etcd3</c>, without indentation.</param>
    public PatroniCluster(Func<string, IReadOnlyList<string>> store)
    {
        var lines = store(_folder);
        _members = [.. Enumerable.Range(1, Size).Select(i => NewMember($"p{i}", lines))];
    }

    public IReadOnlyList<PatroniMember> Members => _members;

    public PatroniMember this[string name] => _members.Single(m => m.Name == name);

    public static void RequirePrograms()
    {
        Programs.Require("patroni");
        Programs.Require("patronictl");
        Skip.IfNot(Programs.Found(File.Exists(Path.Combine(PatroniMember.Programs, "initdb")), "PostgreSQL 15"), "PostgreSQL 15 is not installed (scripts/install-test-tools.sh)");
    }

    /// <summary>Starts all members and waits until one leads and the others follow.</summary>
    public async Task StartAsync()
    {
        if (Environment.IsPrivilegedProcess) Assert.Equal(0, (await Programs.RunAsync("chown", ["-R", "postgres:postgres", _folder])).ExitCode);
        foreach (var member in _members) member.Start();
        await WaitHealthyAsync(TimeSpan.FromSeconds(120));
    }

    /// <summary>Waits until one member leads, all others follow, and all agree on it.</summary>
    /// <returns>The leader.</returns>
    public async Task<PatroniMember> WaitHealthyAsync(TimeSpan limit, string? except = null)
    {
        PatroniMember? leader = null;
        await UntilAsync("one leader and two replicas", limit, async () =>
        {
            if (await LeaderAsync() is not { } found || found.Name == except || await found.ClusterAsync() is not { Count: Size } states) return false;
            leader = found;
            return states.Count(s => s.Role == "replica" && s.State is "running" or "streaming") == Size - 1
                && await found.SqlAsync("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") is { ExitCode: 0 } result && result.Output.Trim() == "2";
        });
        return leader!;
    }

    /// <summary>Waits until another member than <paramref name="former"/> takes writes.</summary>
    public async Task<PatroniMember> WaitFailoverAsync(PatroniMember former, TimeSpan limit)
    {
        PatroniMember? leader = null;
        await UntilAsync($"another leader than {former.Name}", limit, async () => (leader = await LeaderAsync()) is not null && leader != former);
        return leader!;
    }

    /// <summary>The one member whose PostgreSQL takes writes; null when there is none.</summary>
    public async Task<PatroniMember?> LeaderAsync()
    {
        var primaries = new List<PatroniMember>();
        foreach (var member in _members)
        {
            if (await member.IsPrimaryAsync() == true) primaries.Add(member);
        }

        Assert.True(primaries.Count <= 1, $"two take writes: {string.Join(' ', primaries.Select(p => p.Name))}");
        return primaries is [var one] ? one : null;
    }

    /// <summary>Looks again and again that <paramref name="leader"/> takes writes, and does one each time.</summary>
    public static async Task StaysLeaderAsync(PatroniMember leader, TimeSpan time)
    {
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < time; await Task.Delay(Poll))
        {
            var result = await leader.SqlAsync("INSERT INTO t DEFAULT VALUES");
            Assert.True(result.ExitCode == 0, $"{leader.Name} lost its role after {watch.Elapsed.TotalSeconds:F1} s: {result}");
        }
    }

    public Task<ProgramResult> ControlAsync(params string[] arguments) =>
        Programs.RunAsync("patronictl", ["-c", _members[0].ConfigurationFile, .. arguments], timeout: TimeSpan.FromSeconds(90));

    public static async Task UntilAsync(string what, TimeSpan limit, Func<Task<bool>> holds)
    {
        for (var watch = Stopwatch.StartNew(); !await holds(); await Task.Delay(Poll))
        {
            if (watch.Elapsed > limit) throw new TimeoutException($"did not come about in {limit.TotalSeconds} s: {what}");
        }
    }

    /// <summary>Runs a scenario; when it fails, tells what the members said last and keeps their files.</summary>
    public async Task RunAsync(Func<Task> scenario)
    {
        try
        {
            await scenario();
        }
        catch (Exception e) when (e is not SkipException)
        {
            _keep = true;
            throw new ScenarioFailedException($"{e.Message}\n{string.Join('\n', _members.Select(m => m.LogTail))}", e);
        }
    }

    public ValueTask DisposeAsync()
    {
        foreach (var member in _members) member.Dispose();
        if (!_keep) Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    private PatroniMember NewMember(string name, IReadOnlyList<string> store)
    {
        var (rest, sql) = (FreePorts.One(), FreePorts.One());
        var text = $"""
            scope: {PatroniMember.Scope}
            name: {name}
            restapi:
              listen: 127.0.0.1:{rest}
              connect_address: 127.0.0.1:{rest}
            etcd3:
            {string.Join('\n', store.Select(line => "  " + line))}
            bootstrap:
              dcs:
                ttl: {Ttl.TotalSeconds}
                loop_wait: 2
                retry_timeout: 4
                postgresql:
                  use_pg_rewind: true
                  parameters:
                    wal_keep_size: 64MB
                    shared_buffers: 16MB
                    max_connections: 20
              initdb:
              - encoding: UTF8
              - no-sync
              pg_hba:
              - host all all 127.0.0.1/32 md5
              - host replication replicator 127.0.0.1/32 md5
            postgresql:
              listen: 127.0.0.1:{sql}
              connect_address: 127.0.0.1:{sql}
              data_dir: {Path.Combine(_folder, name)}
              bin_dir: {PatroniMember.Programs}
              pgpass: {Path.Combine(_folder, name + ".pgpass")}
              authentication:
                superuser:
                  username: postgres
                  password: secret
                replication:
                  username: replicator
                  password: secret
              parameters:
                unix_socket_directories: {_folder}
                fsync: "off"

            """;
        return new PatroniMember(name, _folder, text, rest, sql);
    }
}

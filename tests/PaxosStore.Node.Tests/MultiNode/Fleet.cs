using System.Collections.Concurrent;
using System.Diagnostics;
using Akka.Configuration;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using PaxosStore.Testing;

namespace PaxosStore.Node.Tests.MultiNode;

/// <summary>Nodes in one process that come and go at the word of one script: real sockets and disks.</summary>
internal sealed class Fleet : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly string _common;
    private readonly string _root = Directory.CreateTempSubdirectory("paxosstore-fleet-").FullName;
    private readonly Dictionary<string, string> _urls = [];
    private readonly ConcurrentDictionary<string, PaxosNode> _nodes = new();
    private readonly ConcurrentDictionary<string, Journalist> _logs = new();
    private readonly CancellationTokenSource _end = new(TimeSpan.FromSeconds(90));

    /// <param name="common">HOCON of the section <c>paxosstore</c> for every node.</param>
    public Fleet(string common = "") => _common = common;

    /// <summary>Fires when the scenario takes too long.</summary>
    public CancellationToken End => _end.Token;

    public PaxosNode this[string name] => _nodes[name];

    public IEnumerable<PaxosNode> Nodes => _nodes.Values;

    /// <summary>A fleet whose members formed a cluster together and serve.</summary>
    public static async Task<Fleet> FormAsync(string common, params string[] names)
    {
        var fleet = new Fleet(common);
        foreach (var name in names) fleet.Start(name, names);
        foreach (var name in names) await fleet.ReadyAsync(name);
        return fleet;
    }

    public string DirectoryOf(string name) => Path.Combine(_root, name);

    public string PeerUrl(string name) => _urls.TryGetValue(name, out var url) ? url : _urls[name] = $"http://127.0.0.1:{FreePorts.One()}";

    /// <summary>The node gets another address from now on.</summary>
    public string Move(string name)
    {
        _urls.Remove(name);
        return PeerUrl(name);
    }

    /// <summary>What the node has logged, over all its lives.</summary>
    public IReadOnlyCollection<string> LogOf(string name) => _logs[name].Lines;

    public PaxosNode Start(string name, IEnumerable<string> cluster, bool existing = false)
    {
        var settings = NodeSettings.FromConfig(ConfigurationFactory.ParseString($$"""
            akka.loglevel = OFF
            akka.coordinated-shutdown.run-by-actor-system-terminate = off
            akka.cluster.seed-node-timeout = 1s
            paxosstore {
              request-timeout = 3s
              {{_common}}
              name = "{{name}}"
              data-dir = "{{DirectoryOf(name)}}"
              listen-peer-urls = "{{PeerUrl(name)}}"
              initial-advertise-peer-urls = "{{PeerUrl(name)}}"
              initial-cluster = "{{string.Join(',', cluster.Select(n => $"{n}={PeerUrl(n)}"))}}"
              initial-cluster-state = {{(existing ? "existing" : "new")}}
            }
            """));
        return _nodes[name] = PaxosNode.Start(settings, _logs.GetOrAdd(name, _ => new Journalist()));
    }

    /// <summary>Adds a member through another one and starts it.</summary>
    public async Task<ulong> JoinAsync(string name, string via, bool observer = false)
    {
        var member = await this[via].Admin.AddMemberAsync(PeerUrl(name), observer, End);
        Start(name, [via, name], existing: true);
        return member.Id;
    }

    /// <summary>Waits until the node has served a linearizable read; fails with its own words when it stops instead.</summary>
    public async Task ReadyAsync(string name)
    {
        var (ready, failed) = (this[name].Ready, this[name].Failed);
        if (await Task.WhenAny(ready, failed).WaitAsync(Patience, End) == failed) throw new InvalidOperationException($"{name} has stopped: {await failed}");
    }

    /// <summary>Why the node has stopped.</summary>
    public Task<string> FailureAsync(string name) => this[name].Failed.WaitAsync(Patience, End);

    public async Task StopAsync(string name)
    {
        if (_nodes.TryRemove(name, out var node)) await node.DisposeAsync();
    }

    public void Wipe(string name) => Directory.Delete(DirectoryOf(name), recursive: true);

    /// <summary>Waits until something holds, looking again and again.</summary>
    public async Task EventuallyAsync(string what, Func<bool> holds)
    {
        for (var watch = Stopwatch.StartNew(); !holds(); await Task.Delay(20, End))
        {
            if (watch.Elapsed > Patience) throw new TimeoutException($"did not come about: {what}");
        }
    }

    /// <summary>Writes through a node, again and again until it is decided.</summary>
    /// <returns>How often it had to be tried again.</returns>
    public async Task<int> PutAsync(string name, string key, string value)
    {
        for (var retries = 0; ; retries++)
        {
            try
            {
                await this[name].Store.ExecuteAsync(Commands.Put(key, value), End);
                return retries;
            }
            catch (KvException e) when (e.Code is KvErrorCode.Timeout or KvErrorCode.NoLeader or KvErrorCode.LeaderChanged)
            {
                await Task.Delay(20, End);
            }
        }
    }

    /// <summary>Writes a number of keys, one slot each.</summary>
    public async Task FillAsync(string name, string prefix, int count)
    {
        for (var i = 0; i < count; i++) await PutAsync(name, $"{prefix}{i}", $"{i}");
    }

    /// <summary>Writes <c>k0</c>, <c>k1</c>, … until the beginning of every running node's log has been cut; how many is returned.</summary>
    public async Task<int> FillUntilCutAsync(string name)
    {
        var count = 0;
        for (; !_nodes.Keys.All(n => FirstEvent(n) > 1); count++)
        {
            if (count == 10_000) throw new TimeoutException("the log is not cut");
            await PutAsync(name, $"k{count}", $"{count}");
        }

        return count;
    }

    /// <summary>The name of the node that all running nodes follow.</summary>
    public async Task<string> LeaderAsync()
    {
        string? leader = null;
        await EventuallyAsync("a leader that all follow", () =>
        {
            var followed = _nodes.Values.Select(n => n.Store.Status.LeaderId).Distinct().ToArray();
            leader = followed is [not 0] ? _nodes.FirstOrDefault(n => n.Value.Store.Status.MemberId == followed[0]).Key : null;
            return leader is not null;
        });
        return leader!;
    }

    public string? Local(string name, string key) => Commands.Text(this[name].Store.View.Range(Commands.Range(key)));

    /// <summary>All running nodes have applied the same slots and hold the same state.</summary>
    public Task EqualDigestsAsync() => EventuallyAsync("equal digests", () => _nodes.Values.Select(n => n.Store.View)
        .Select(v => (v.AppliedSlot, Convert.ToHexString(v.ComputeDigest()))).Distinct().Count() == 1);

    /// <summary>Number of the first event that stands in a node's journal: more than 1 once its beginning has been cut.</summary>
    public long FirstEvent(string name) => Query<long>(name, "journal.db", "SELECT MIN(sequence_number) FROM journal WHERE deleted = 0");

    /// <summary>Numbers of the events in a stopped node's journal.</summary>
    public IReadOnlyList<long> Numbers(string name) =>
        [.. Query<string>(name, "journal.db", "SELECT group_concat(sequence_number) FROM journal WHERE deleted = 0").Split(',').Select(long.Parse)];

    public T Query<T>(string name, string file, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(DirectoryOf(name), file)};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // the tests' own text
        command.CommandText = sql;
#pragma warning restore CA2100
        return (T)command.ExecuteScalar()!;
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await Task.WhenAll(_nodes.Values.Select(n => n.DisposeAsync().AsTask()));
        _end.Dispose();
        Directory.Delete(_root, recursive: true);
    }
}

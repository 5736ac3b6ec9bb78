using System.Diagnostics;
using Etcdserverpb;
using Google.Protobuf;
using PaxosStore.Cluster.Tests.Load;
using PaxosStore.Cluster.Tests.Processes;
using Xunit.Abstractions;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>How much one node bears. A small part of it here; <c>scripts/scale.sh</c> runs it at full size.</summary>
[Collection(ProcessCollection.Name)]
public class ScaleTests(ITestOutputHelper output)
{
    private const int Rounds = 5;
    private const int ValueBytes = 50_000;
    private const double AllowedMegabytes = 60;
    private static readonly int Percent = Amount.From("PAXOSSTORE_SCALE_PERCENT", 2);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [SkippableFact]
    public Task Watchers_on_keys_of_their_own() => OnNodeAsync("scale-keys", async (node, client) =>
    {
        var count = 1000 * Percent;
        var before = node.ResidentMegabytes;
        var clock = Stopwatch.StartNew();
        using var watchers = await ManyWatchers.OpenAsync(node, count, Key);
        var opened = clock.Elapsed;
        var worst = TimeSpan.Zero;
        var step = Math.Max(1, count / 200);
        var puts = 0;
        for (var i = 0; i < count; i += step)
        {
            clock.Restart();
            await PutAsync(client, Key(i), []);
            await watchers.WaitEventsAsync(++puts);
            worst = clock.Elapsed > worst ? clock.Elapsed : worst;
        }

        // Every event is some watcher's only one: a watcher that got another's would show here.
        await client.Kv.RangeAsync(new RangeRequest { Key = Key(0) });
        Assert.Equal(puts, watchers.Events);
        Tell($"{count} watchers on keys of their own", $"opened in {opened.TotalSeconds:F1} s; write to event at most {worst.TotalMilliseconds:F0} ms", before, node);
    });

    [SkippableFact]
    public Task Watchers_on_one_key() => OnNodeAsync("scale-key", async (node, client) =>
    {
        var count = 100 * Percent;
        var before = node.ResidentMegabytes;
        using var watchers = await ManyWatchers.OpenAsync(node, count, _ => Key(0));
        var times = new List<double>();
        for (var round = 1; round <= Rounds; round++)
        {
            var clock = Stopwatch.StartNew();
            await PutAsync(client, Key(0), new byte[100]);
            await watchers.WaitEventsAsync((long)count * round);
            times.Add(clock.Elapsed.TotalMilliseconds);
        }

        Assert.Equal((long)count * Rounds, watchers.Events);
        Tell($"{count} watchers on one key", $"a write has reached all after {times.Order().ElementAt(Rounds / 2):F0} ms (at most {times.Max():F0})", before, node);
    });

    [SkippableFact]
    public Task Leases_that_are_kept_alive() => OnNodeAsync("scale-leases", async (node, _) =>
    {
        var count = 1000 * Percent;
        var ttl = Percent < 50 ? 6 : 60;
        var before = node.ResidentMegabytes;
        using var leases = new ManyLeases(node, ttl);
        var clock = Stopwatch.StartNew();
        await leases.GrantAsync(count);
        var granted = clock.Elapsed;
        clock.Restart();
        var kept = await leases.KeepAsync(TimeSpan.FromSeconds(5), TimeSpan.Zero);
        var rate = kept / clock.Elapsed.TotalSeconds;
        await leases.KeepAsync(TimeSpan.FromSeconds(ttl * 1.25), TimeSpan.FromSeconds(ttl / 3.0));
        Assert.Equal(count, await leases.CountAsync());
        Tell($"{count} leases", $"granted at {count / granted.TotalSeconds:F0}/s; {rate:F0} keep-alives/s; none of {ttl} s gone after {ttl * 1.25:F0} s", before, node);
    });

    [SkippableFact]
    public Task Connections() => OnNodeAsync("scale-connections", async (node, _) =>
    {
        var count = 100 * Percent;
        Assert.True(OpenFiles() > count + 1000, $"{count} connections need as many open files and some more; {OpenFiles()} are allowed (ulimit -n)");
        var before = node.ResidentMegabytes;
        var clients = Enumerable.Range(0, count).Select(i => new NodeClient($"{i}", node.ClientUrl)).ToArray();
        try
        {
            var clock = Stopwatch.StartNew();
            await EachAsync(clients, c => c.ReadRevisionAsync(Limit));
            var opened = clock.Elapsed;
            clock.Restart();
            await EachAsync(clients, c => PutAsync(c, Key(0), []));
            Tell($"{count} connections", $"opened in {opened.TotalSeconds:F1} s; then a write on each in {clock.Elapsed.TotalSeconds:F1} s", before, node);
        }
        finally
        {
            Array.ForEach(clients, c => c.Dispose());
        }
    });

    [SkippableFact]
    public Task A_watcher_that_does_not_read() => OnNodeAsync("scale-slow", async (node, client) =>
    {
        var megabytes = Math.Max(10, Percent);
        var before = node.ResidentMegabytes;
        await WriteAsync(node, client, megabytes, compact: true);
        var (without, _) = await WriteAsync(node, client, megabytes, compact: true);
        using var slow = await SlowWatcher.OpenAsync(node, Key(0));
        var (with, last) = await WriteAsync(node, client, megabytes, compact: true);
        var (events, compacted) = await slow.ReadAsync(last, Limit);
        Assert.True(with < without + AllowedMegabytes, $"at most {without:F0} MB without the watcher, {with:F0} MB with it");

        using var patient = await SlowWatcher.OpenAsync(node, Key(0));
        (_, last) = await WriteAsync(node, client, megabytes, compact: false);
        var (all, cut) = await patient.ReadAsync(last, Limit);
        Assert.Equal((Writes(megabytes), false), (all, cut));
        var end = compacted ? $"{events} events, then compacted" : $"all {events} events";
        Tell(
            "a watcher that does not read", $"{megabytes} MB of events pass: at most {with:F0} MB resident, {without:F0} MB without it; then it gets {end}; uncompacted, it gets all {all}",
            before, node);
    });

    private static async Task OnNodeAsync(string purpose, Func<NodeProcess, NodeClient, Task> scenario)
    {
        await using var cluster = await TestCluster.StartAsync(purpose, size: 1);
        await cluster.RunAsync(() => scenario(cluster.Nodes[0], cluster.Clients[0]));
    }

    private void Tell(string what, string figures, double before, NodeProcess node) =>
        Figures.Tell(output, $"scale | {what} | {figures} | {before:F0} MB | {node.ResidentMegabytes:F0} MB |");

    /// <summary>Values over one key; the most memory the node used meanwhile, and the last revision.</summary>
    private static async Task<(double Megabytes, long Last)> WriteAsync(NodeProcess node, NodeClient client, int megabytes, bool compact)
    {
        var (most, last) = (0.0, 0L);
        var value = new byte[ValueBytes];
        for (var i = 1; i <= Writes(megabytes); i++)
        {
            last = await PutAsync(client, Key(0), value);
            if (i % 50 != 0)
                continue;
            most = Math.Max(most, node.ResidentMegabytes);
            if (compact)
                await client.Kv.CompactAsync(new CompactionRequest { Revision = last }, deadline: NodeClient.Within(Limit));
        }

        return (most, last);
    }

    private static int Writes(int megabytes) => megabytes * 1_000_000 / ValueBytes;

    private static async Task<long> PutAsync(NodeClient client, ByteString key, byte[] value)
    {
        var request = new PutRequest { Key = key, Value = UnsafeByteOperations.UnsafeWrap(value) };
        return (await client.Kv.PutAsync(request, deadline: NodeClient.Within(Limit))).Header.Revision;
    }

    private static Task EachAsync(NodeClient[] clients, Func<NodeClient, Task> act) =>
        Parallel.ForEachAsync(clients, new ParallelOptions { MaxDegreeOfParallelism = 50 }, async (client, _) => await act(client));

    private static ByteString Key(int i) => ByteString.CopyFromUtf8($"scale/{i}");

    private static long OpenFiles()
    {
        var fields = File.ReadLines("/proc/self/limits").First(l => l.StartsWith("Max open files", StringComparison.Ordinal)).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        return long.TryParse(fields[4], out var hard) ? hard : long.MaxValue;
    }
}

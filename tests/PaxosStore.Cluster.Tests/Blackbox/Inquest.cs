using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Judges;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Blackbox;

/// <summary>After the load: every lease ends, every watcher and every node gets to the same revision, and all nodes hold the same there, which is what the log says.</summary>
internal sealed class Inquest(World world, LogBook book, Watchers watchers, List<string> findings)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan CallLimit = TimeSpan.FromSeconds(10);
    private static readonly ByteString FromFirstKey = ByteString.CopyFrom(0);

    /// <summary>The log as each node shows it; only the watchers' where history was compacted.</summary>
    public async Task<IReadOnlyList<(string Node, LogDump Log)>> RunAsync(bool whole)
    {
        var client = world.Cluster.Clients[0];
        if (!await UntilAsync(async () => (await client.Lease.LeaseLeasesAsync(new LeaseLeasesRequest(), deadline: NodeClient.Within(CallLimit))).Leases.Count == 0))
            findings.Add($"lease: some have not ended {Limit.TotalSeconds} s after the load");
        var revision = await client.ReadRevisionAsync(CallLimit);
        if (!await watchers.KnowAsync(revision, Limit))
            findings.Add($"watch: not every watcher knew all up to revision {revision} within {Limit.TotalSeconds} s");
        if (book.Contiguous != revision)
            findings.Add($"watch: the scribes know all up to revision {book.Contiguous}, the store is at {revision}");
        findings.AddRange(book.Conflicts.Select(c => $"watch: {c}"));
        await CompareNodesAsync(revision);

        var dumps = new List<(string, LogDump)> { ("the scribes", book.Dump()) };
        foreach (var node in whole ? world.Cluster.Clients : [])
            dumps.Add((node.Name, await node.DumpAsync(Limit)));
        return dumps;
    }

    private async Task CompareNodesAsync(long revision)
    {
        var state = new Replay(book.Dump()).State;
        var there = new List<NodeClient>();
        foreach (var node in world.Cluster.Clients)
        {
            if (!await UntilAsync(async () => (await StateAsync(node)).Header.Revision >= revision))
            {
                findings.Add($"liveness: {node.Name} is not at revision {revision} after {Limit.TotalSeconds} s");
                continue;
            }

            there.Add(node);
            CompareState(node.Name, await StateAsync(node), state);
        }

        await CompareHashesAsync(there, revision);
    }

    /// <summary>A hash covers what lies above the compact revision, and the last compaction may still be on its way to some: it is asked again until all are past it.</summary>
    private async Task CompareHashesAsync(List<NodeClient> nodes, long revision)
    {
        NodeHash[] hashes = [];
        if (!await UntilAsync(async () => NodeHash.AreComparable(hashes = await Task.WhenAll(nodes.Select(HashAsync)))))
            findings.Add($"liveness: the nodes are not compacted alike after {Limit.TotalSeconds} s: {string.Join(", ", hashes)}");
        else if (hashes.Distinct().Count() > 1)
            findings.Add($"state: the nodes' hashes at revision {revision} differ: {string.Join(", ", hashes)}");

        async Task<NodeHash> HashAsync(NodeClient node)
        {
            var reply = await node.Maintenance.HashKVAsync(new HashKVRequest { Revision = revision }, deadline: NodeClient.Within(CallLimit));
            return new NodeHash(reply.Hash, reply.CompactRevision);
        }
    }

    private void CompareState(string node, RangeResponse reply, IReadOnlyDictionary<string, SeenEvent> state)
    {
        var holds = reply.Kvs.ToDictionary(kv => kv.Key.ToStringUtf8(), kv => (kv.Value.ToStringUtf8(), kv.ModRevision, kv.CreateRevision, kv.Version));
        var should = state.ToDictionary(p => p.Key, p => (p.Value.Value!, p.Value.Revision, p.Value.CreateRevision, p.Value.Version));
        var wrong = holds.Keys.Union(should.Keys).Where(k => holds.GetValueOrDefault(k) != should.GetValueOrDefault(k)).ToArray();
        if (wrong.Length > 0)
            findings.Add($"state: {node} holds {holds.GetValueOrDefault(wrong[0])} at {wrong[0]}, the log says {should.GetValueOrDefault(wrong[0])} ({wrong.Length} keys differ)");
    }

    private static async Task<RangeResponse> StateAsync(NodeClient node) =>
        await node.Kv.RangeAsync(new RangeRequest { Key = FromFirstKey, RangeEnd = FromFirstKey, Serializable = true }, deadline: NodeClient.Within(CallLimit));

    private static async Task<bool> UntilAsync(Func<Task<bool>> holds)
    {
        var end = HistoryRecorder.Now + (long)Limit.TotalNanoseconds;
        while (true)
        {
            try
            {
                if (await holds())
                    return true;
            }
            catch (RpcException) when (HistoryRecorder.Now < end)
            {
                // Asked again below.
            }

            if (HistoryRecorder.Now > end)
                return false;
            await Task.Delay(50);
        }
    }
}

/// <summary>What a node says of its keys' history above the revision that it is compacted at.</summary>
internal readonly record struct NodeHash(uint Hash, long CompactRevision)
{
    /// <summary>Only hashes of histories that begin at the same revision can be compared.</summary>
    public static bool AreComparable(IEnumerable<NodeHash> hashes) => hashes.Select(h => h.CompactRevision).Distinct().Count() <= 1;

    public override string ToString() => $"{Hash:x8} above {CompactRevision}";
}

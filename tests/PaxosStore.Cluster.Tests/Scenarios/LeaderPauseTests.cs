using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Judges;
using PaxosStore.Cluster.Tests.Load;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>A leader that stood still for a while must not answer from what it knew before.</summary>
[Collection(ProcessCollection.Name)]
public class LeaderPauseTests
{
    private static readonly TimeSpan ElectionTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    [SkippableFact]
    public async Task A_leader_that_was_stopped_reads_nothing_stale_when_it_goes_on()
    {
        var recorder = new HistoryRecorder();
        await using var cluster = await TestCluster.StartAsync("leader-pause", 3, "--election-timeout", $"{ElectionTimeout.TotalMilliseconds}");
        await cluster.RunAsync(async () =>
        {
            var afterPause = 0;
            await using (var load = new LoadGenerator(cluster, recorder, seed: 3))
            {
                foreach (var factor in (double[])[0.5, 1, 1.5, 2, 3, 5])
                {
                    await load.WaitAcknowledgedAsync(200, TimeSpan.FromSeconds(30));
                    afterPause += await PauseLeaderAsync(cluster, recorder, ElectionTimeout * factor);
                    load.NextKeys();
                }
            }

            Assert.True(afterPause > 0, "no value was written by the others during any pause: the scenario tested nothing");
            Court.Judge(recorder, await cluster.DumpAsync(), atLeast: 1_200);
        });
    }

    /// <summary>
    /// Stops the leader, writes through the others meanwhile, and reads from it with requests that were sent while it stood still and right
    /// after it went on. Returns how many writes were acknowledged during the pause.
    /// </summary>
    private static async Task<int> PauseLeaderAsync(TestCluster cluster, HistoryRecorder recorder, TimeSpan pause)
    {
        const string Key = "pause";
        var leader = await cluster.LeaderAsync(Limit);
        var node = cluster.Clients[leader];
        await node.ReadRevisionAsync(Limit);
        var start = HistoryRecorder.Now;
        cluster.Nodes[leader].Pause();
        var writer = WriteDuringAsync(cluster, recorder, leader, Key, start + (long)pause.TotalNanoseconds);
        await Task.Delay(pause);
        var written = await writer;
        var reads = Enumerable.Range(0, 5).Select(_ => new RecordingClient(recorder).GetAsync(node, Key, Limit)).ToList();
        await Task.Delay(30);
        cluster.Nodes[leader].Resume();
        for (var i = 0; i < 20; i++)
        {
            reads.Add(new RecordingClient(recorder).GetAsync(node, Key, Limit));
            await Task.Delay(5);
        }

        var newest = written.Length == 0 ? 0 : written.Max(w => w.Revision);
        foreach (var read in await Task.WhenAll(reads))
        {
            var stale = read.Outcome == Outcome.Ok && read.Revision < newest;
            Assert.False(stale, $"{node.Name}, stopped for {pause.TotalSeconds} s, answered {read.Seen} at revision {read.Revision}; {newest} was acknowledged before");
        }

        await cluster.WaitServingAsync(leader, Limit);
        return written.Length;
    }

    /// <summary>Fires a write at the others every 25 ms, for one that was handed to the old leader waits for it.</summary>
    private static async Task<Operation[]> WriteDuringAsync(TestCluster cluster, HistoryRecorder recorder, int leader, string key, long end)
    {
        var others = cluster.Clients.Where((_, i) => i != leader).ToArray();
        var writes = new List<Task<Operation>>();
        for (var left = end - HistoryRecorder.Now; left > 0; left = end - HistoryRecorder.Now)
        {
            writes.Add(new RecordingClient(recorder).PutAsync(others[writes.Count % others.Length], key, TimeSpan.FromMilliseconds(left / 1e6)));
            await Task.Delay(25);
        }

        return [.. (await Task.WhenAll(writes)).Where(w => w.Outcome == Outcome.Ok)];
    }
}

using System.Diagnostics;
using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Judges;
using PaxosStore.Cluster.Tests.Load;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>A disk that says no once must not be believed again: the node stops, and what it acknowledged is there when it comes back.</summary>
[Collection(ProcessCollection.Name)]
public class DiskFaultTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [SkippableTheory]
    [InlineData("fsync,fdatasync", "EIO")]
    [InlineData("pwrite64,write,pwritev", "ENOSPC")]
    public async Task A_leader_whose_disk_fails_stops_and_nothing_is_lost(string calls, string error)
    {
        Programs.Require("strace");
        var recorder = new HistoryRecorder();
        await using var cluster = await TestCluster.StartAsync("disk-fault");
        await cluster.RunAsync(async () =>
        {
            await using (var load = new LoadGenerator(cluster, recorder, seed: 4))
            {
                await load.WaitAcknowledgedAsync(200, Limit);
                var leader = cluster.Nodes[await cluster.LeaderAsync(Limit)];
                using (var strace = Inject(leader, calls, error))
                {
                    var exit = leader.WaitExitAsync(Limit);
                    var said = strace.StandardError.ReadToEndAsync();
                    await Task.WhenAny(exit, said);
                    var refused = said.IsCompleted && (await said).Contains("attach", StringComparison.Ordinal);
                    Skip.IfNot(Programs.Found(!refused, "the right to attach strace"), "strace may not attach here");
                    Assert.NotEqual(0, await exit);
                    await strace.WaitForExitAsync();
                }

                await load.WaitAcknowledgedAsync(200, Limit);
                await cluster.StartAllAsync();
                await load.WaitAcknowledgedAsync(200, Limit);
            }

            Court.Judge(recorder, await cluster.DumpAsync(), atLeast: 600);
        });
    }

    /// <summary>From now on these calls on files of the node's data directory fail.</summary>
    private static Process Inject(NodeProcess node, string calls, string error)
    {
        var files = Directory.GetFiles(node.DataDirectory, "*", SearchOption.AllDirectories).SelectMany(f => (string[])["-P", f]);
        string[] arguments = ["-f", "-qq", "-p", $"{node.Pid}", "-o", node.LogFile + ".strace", .. files, "-e", $"inject={calls}:error={error}"];
        return Process.Start(new ProcessStartInfo("strace", arguments) { RedirectStandardError = true })!;
    }
}

using System.Diagnostics;
using PaxosStore.Kv;
using PaxosStore.Testing;

namespace PaxosStore.Gateways.Tests.Etcd;

/// <summary>etcd's own command line does an operator's work through this door.</summary>
public sealed class EtcdctlTests
{
    [SkippableFact]
    public async Task Etcdctl_serves_an_operator()
    {
        Skip.If(RealEtcd.Find("etcdctl") is null, "No etcdctl found on the PATH.");
        await using var door = await DoorHost.StartAsync();
        var folder = Directory.CreateTempSubdirectory("paxosstore-etcdctl-").FullName;
        try
        {
            Assert.Contains("OK", await RunAsync(door, "put", "a", "b"), StringComparison.Ordinal);
            var file = Path.Combine(folder, "backup");
            Assert.Contains($"Snapshot saved at {file}", await RunAsync(door, "snapshot", "save", file), StringComparison.Ordinal);
            Assert.Equal(2, KvSnapshotHeader.Parse(await File.ReadAllBytesAsync(file)).Revision);

            var added = await RunAsync(door, "member", "add", "two", "--learner", "--peer-urls=http://127.0.0.1:2390");
            Assert.Contains("added to cluster", added, StringComparison.Ordinal);
            var updated = await RunAsync(door, "member", "update", "100", "--peer-urls=http://127.0.0.1:2391");
            Assert.Contains("updated in cluster", updated, StringComparison.Ordinal);
            Assert.Contains("in sync with leader", await RunAsync(door, "member", "promote", "100"), StringComparison.Ordinal);
            Assert.Contains("100, unstarted, , http://127.0.0.1:2391, , true", await RunAsync(door, "member", "list"), StringComparison.Ordinal);
            Assert.Contains("removed from cluster", await RunAsync(door, "member", "remove", "100"), StringComparison.Ordinal);

            await door.Store.ExecuteAsync(new AlarmCommand(Raise: true, InMemoryKvStore.Self, AlarmKind.NoSpace), default);
            Assert.Contains("database space exceeded", await RunAsync(door, "put", "a", "b"), StringComparison.Ordinal);
            Assert.Contains("memberID:34 alarm:NOSPACE", await RunAsync(door, "alarm", "list"), StringComparison.Ordinal);
            Assert.Contains("memberID:34 alarm:NOSPACE", await RunAsync(door, "endpoint", "status"), StringComparison.Ordinal);
            Assert.Contains("memberID:34 alarm:NOSPACE", await RunAsync(door, "alarm", "disarm"), StringComparison.Ordinal);
            Assert.Contains("is healthy", await RunAsync(door, "endpoint", "health"), StringComparison.Ordinal);
            Assert.Contains(door.Port.ToString(), await RunAsync(door, "endpoint", "hashkv"), StringComparison.Ordinal);
            Assert.Contains("Finished defragmenting", await RunAsync(door, "defrag"), StringComparison.Ordinal);

            door.Store.Members = [.. door.Store.Members, new MemberInfo(5, "five", ["http://127.0.0.1:1"], [], false)];
            Assert.Contains("Leadership transferred from 22 to 5", await RunAsync(door, "move-leader", "5"), StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<string> RunAsync(DoorHost door, params string[] arguments)
    {
        var start = new ProcessStartInfo(RealEtcd.Find("etcdctl")!) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["ETCDCTL_API"] = "3";
        foreach (var argument in (string[])[$"--endpoints=127.0.0.1:{door.Port}", .. arguments]) start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        return await output + await error;
    }
}

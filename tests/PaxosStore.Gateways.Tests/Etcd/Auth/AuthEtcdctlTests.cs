using System.Diagnostics;
using System.Text.RegularExpressions;
using PaxosStore.Testing;

namespace PaxosStore.Gateways.Tests.Etcd.Auth;

/// <summary>etcdctl's commands for users, roles and auth print the same, and end with the same code, in front of a real etcd and of this door.</summary>
public sealed class AuthEtcdctlTests
{
    private static readonly string[] Script =
    [
        "auth enable", "user add root:secret", "user add root:secret", "role add reader", "role add reader", "role add all", "role grant-permission reader read a",
        "role grant-permission reader readwrite b c", "role grant-permission reader write p/ --prefix", "role grant-permission reader read z --from-key",
        "role grant-permission nope read a", "role grant-permission reader fly a", "role grant-permission all readwrite --prefix ''", "role get reader",
        "role get reader -w json", "role get all", "role get nope", "role list", "role list -w json", "role revoke-permission reader b c",
        "role revoke-permission reader b c", "role get reader", "user add ann:pw", "user add cn --no-password", "user grant-role ann reader",
        "user grant-role ann reader", "user grant-role ann nope", "user grant-role nope reader", "user get ann", "user get ann --detail", "user get nope",
        "user get ann -w json", "user list", "user list -w json", "user revoke-role ann all", "auth enable", "auth enable", "put a 1", "--user root:secret put a 1",
        "--user root:secret put q 1", "--user ann:wrong get a", "--user ann:pw get a", "--user ann:pw put a 2", "--user ann:pw put p/1 2", "--user ann:pw get p/1",
        "--user ann:pw get a q", "--user ann:pw get zz", "--user ann:pw get zz --from-key", "--user ann:pw del p/ --prefix", "--user ann:pw user list",
        "--user ann:pw user get ann", "--user ann:pw role get reader", "--user ann:pw role get all", "--user ann:pw auth disable", "--user cn:pw get a",
        "--user ann:pw member list -w json", "--user root:secret user delete root", "--user root:secret role delete root",
        "--user root:secret user revoke-role root root", "--user root:secret user revoke-role ann reader", "--user ann:pw get a",
        "--user root:secret role delete reader", "--user root:secret user get ann", "--user root:secret user delete ann", "--user ann:pw get a",
        "--user root:secret auth disable", "put a 3", "--user root:secret get a", "user list",
    ];

    [SkippableFact]
    public async Task Etcdctl_prints_the_same()
    {
        Skip.If(RealEtcd.Missing() is not null || RealEtcd.Find("etcdctl") is null, "No etcd or etcdctl found on the PATH: nothing to compare with.");
        await using var etcd = await RealEtcd.StartAsync();
        await using var door = await DoorHost.StartAsync(o => o.BcryptCost = 4);
        foreach (var line in Script)
        {
            var expected = await RunAsync(etcd.Endpoint, line);
            var actual = await RunAsync(door.Endpoint, line);
            Assert.True(expected == actual, $"etcdctl {line}\n  etcd: {expected}\n  door: {actual}");
        }
    }

    [SkippableFact]
    public async Task Etcdctl_changes_a_password_it_is_told_on_its_input()
    {
        Skip.If(RealEtcd.Find("etcdctl") is null, "No etcdctl found on the PATH.");
        await using var door = await DoorHost.StartAsync(o => o.BcryptCost = 4);
        foreach (var line in (string[])["user add root:secret", "auth enable"]) Assert.Equal(0, (await RunAsync(door.Endpoint, line)).Code);
        Assert.Equal("Password updated", (await RunAsync(door.Endpoint, "--user root:secret user passwd --interactive=false root", "new\n")).Output);
        Assert.Contains("authentication failed", (await RunAsync(door.Endpoint, "--user root:secret get a")).Output, StringComparison.Ordinal);
        Assert.Equal((0, ""), await RunAsync(door.Endpoint, "--user root:new get a"));
    }

    private static async Task<(int Code, string Output)> RunAsync(string endpoint, string line, string input = "")
    {
        var start = new ProcessStartInfo(RealEtcd.Find("etcdctl")!) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        start.Environment["ETCDCTL_API"] = "3";
        start.ArgumentList.Add("--endpoints=" + endpoint["http://".Length..]);
        foreach (var word in line.Split(' ')) start.ArgumentList.Add(word == "''" ? "" : word);
        using var process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        var lines = (await output + await error).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return (process.ExitCode, string.Join('\n', lines.Where(l => !l.StartsWith("{\"level\":", StringComparison.Ordinal)).Select(Normalise)));
    }

    // Identities, addresses and terms differ; so do what clients' own retries log.
    private static string Normalise(string line)
    {
        line = Regex.Replace(line, "\"(cluster_id|member_id|raft_term|ID)\":[0-9]+", "\"$1\":0");
        line = Regex.Replace(line, "127\\.0\\.0\\.1:[0-9]+", "ADDRESS");
        return Regex.Replace(line, "\"name\":\"(real|one)\"", "\"name\":\"NAME\"");
    }
}

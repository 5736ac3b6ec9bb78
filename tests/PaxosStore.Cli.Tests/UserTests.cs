using Etcdserverpb;
using PaxosStore.Kv;
using PaxosStore.Testing;

namespace PaxosStore.Cli.Tests;

/// <summary>A cluster that checks who asks.</summary>
public sealed class UserTests : IAsyncLifetime
{
    private DoorHost door = null!;

    public async Task InitializeAsync()
    {
        door = await DoorHost.StartAsync(o => o.BcryptCost = 4);
        var auth = door.Client.Auth;
        foreach (var user in (string[])["root", "ann"]) await auth.UserAddAsync(new AuthUserAddRequest { Name = user, Password = "p:w" });
        await auth.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = "root", Role = "root" });
        await auth.AuthEnableAsync(new AuthEnableRequest());
    }

    public async Task DisposeAsync() => await door.DisposeAsync();

    [Theory]
    [InlineData("status")]
    [InlineData("member list")]
    [InlineData("alarm list")]
    [InlineData("alarm disarm")]
    [InlineData("compact 1")]
    [InlineData("defrag")]
    [InlineData("hashkv")]
    public async Task Root_does_everything_and_nobody_nothing(string command)
    {
        var words = command.Split(' ');
        (await Run.Async(door, [.. words, "--user=root:p:w"])).Done();
        (await Run.Async(door, words)).Failed(Ctl.Failure, "users are checked by this cluster: name one with --user NAME:PASSWORD or PAXOSCTL_USER");
    }

    [Fact]
    public async Task A_backup_is_for_root()
    {
        using var folder = new TemporaryFolder();
        (await Run.Async(door, "snapshot", "save", folder.At("b"), "--user", "root:p:w")).Done();
        (await Run.Async(door, "snapshot", "save", folder.At("c"), "--user", "ann:p:w")).Failed(Ctl.Failure, "this needs a user with the role root");
    }

    [Fact]
    public async Task The_password_may_come_from_the_environment_or_a_person()
    {
        var environment = new Dictionary<string, string> { ["PAXOSCTL_USER"] = "root:p:w" };
        (await Run.WithAsync(environment, null, "status", $"--endpoints=127.0.0.1:{door.Port}")).Done();
        var asked = (await Run.WithAsync([], "p:w\n", "status", "--user", "root", $"--endpoints=127.0.0.1:{door.Port}")).Done();
        Assert.Contains("Password of root: ", asked.Error, StringComparison.Ordinal);
        (await Run.Async(door, "status", "--user", "root")).Failed(Ctl.Usage, "--user: give the password too");
        (await Run.Async(door, "status", "--user", "root:wrong")).Failed(Ctl.Failure, "is the name right, and the password?");
    }

    [Fact]
    public async Task A_cluster_that_checks_nobody_says_so()
    {
        await door.Store.ExecuteAsync(new AuthSwitchCommand(Enable: false) { Caller = Caller.Node }, default);
        Assert.Contains("--user has no effect", (await Run.Async(door, "status", "--user", "root:p:w")).Done().Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_way_back_in_is_through_a_data_directory()
    {
        using var folder = new TemporaryFolder();
        (await Run.Async("auth-off")).Failed(Ctl.Usage, "--data-dir is needed");
        (await Run.Async("auth-off", "--data-dir", folder.At("x"))).Failed(Ctl.Failure, "is not there");
        var run = (await Run.Async("auth-off", "--data-dir", folder.Path)).Done();
        Assert.Equal("""{"version":1}""", await File.ReadAllTextAsync(folder.At("auth-off.json")));
        Assert.Contains("etcdctl auth enable", run.Output, StringComparison.Ordinal);
        using var held = new FileStream(folder.At("LOCK"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        (await Run.Async("auth-off", "--data-dir", folder.Path)).Failed(Ctl.Failure, "is in use by a node that runs");
    }
}

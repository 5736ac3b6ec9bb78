using System.Text;
using Authpb;
using Etcdserverpb;
using Grpc.Core;
using PaxosStore.Kv;
using static PaxosStore.Gateways.Tests.Etcd.Expect;
using WirePermission = Authpb.Permission;

namespace PaxosStore.Gateways.Tests.Etcd.Auth;

public sealed class AuthContractTests : IAsyncLifetime
{
    private const string InvalidToken = "etcdserver: invalid auth token";
    private const string Denied = "etcdserver: permission denied";

    private AuthWorld world = null!;

    private Etcdserverpb.Auth.AuthClient Auth => world.Client.Auth;

    public async Task InitializeAsync() => world = await AuthWorld.CreateAsync();

    public async Task DisposeAsync() => await world.DisposeAsync();

    [Theory]
    [InlineData("token", "")]
    [InlineData("authorization", "")]
    [InlineData("authorization", "Bearer ")]
    [InlineData("authorization", "bearer ")]
    public async Task A_token_is_taken_as_clients_send_it(string header, string prefix)
    {
        var token = (await SignInAsync("reader")).Token;
        Assert.Matches("^[A-Za-z]{16}\\.[0-9]+$", token);
        Assert.Single((await GetAsync("k/1", new Metadata { { header, prefix + token } })).Kvs);
    }

    [Fact]
    public async Task The_header_token_is_looked_at_first()
    {
        var token = (await SignInAsync("reader")).Token;
        await ErrorAsync(StatusCode.Unauthenticated, InvalidToken, () => GetAsync("k/1", new Metadata { { "authorization", token }, { "token", "x" } }));
        Assert.Single((await GetAsync("k/1", new Metadata { { "authorization", "x" }, { "token", token } })).Kvs);
    }

    [Fact]
    public async Task Of_tokens_sent_twice_the_first_counts()
    {
        var token = (await SignInAsync("reader")).Token;
        foreach (var header in (string[])["token", "authorization"])
        {
            Assert.Single((await GetAsync("k/1", new Metadata { { header, token }, { header, token } })).Kvs);
            Assert.Single((await GetAsync("k/1", new Metadata { { header, token }, { header, "x" } })).Kvs);
            await ErrorAsync(StatusCode.Unauthenticated, InvalidToken, () => GetAsync("k/1", new Metadata { { header, "x" }, { header, token } }));
        }
    }

    [Fact]
    public async Task Passwords_are_checked_and_kept_as_hashes_only()
    {
        const string failed = "etcdserver: authentication failed, invalid user ID or password";
        await ErrorAsync(StatusCode.InvalidArgument, failed, Auth.AuthenticateAsync(new AuthenticateRequest { Name = "reader", Password = "wrong" }));
        await ErrorAsync(StatusCode.InvalidArgument, failed, Auth.AuthenticateAsync(new AuthenticateRequest { Name = "nobody", Password = "reader" }));
        await ErrorAsync(StatusCode.InvalidArgument, failed, Auth.AuthenticateAsync(new AuthenticateRequest()));
        for (var i = 0; i < 3; i++) Assert.NotEmpty((await SignInAsync("reader")).Token);
        await ErrorAsync(StatusCode.InvalidArgument, failed, Auth.AuthenticateAsync(new AuthenticateRequest { Name = "reader", Password = "wrong" }));
        Assert.StartsWith("$2", world.Door.Store.View.Auth.Users["reader"].PasswordHash, StringComparison.Ordinal);

        var root = await world.AsAsync("root");
        await Auth.UserAddAsync(new AuthUserAddRequest { Name = "cn", Options = new UserAddOptions { NoPassword = true } }, root);
        await ErrorAsync(
            StatusCode.Unknown, "auth: authentication failed, password was given for no password user",
            Auth.AuthenticateAsync(new AuthenticateRequest { Name = "cn", Password = "" }));
        await ErrorAsync(
            StatusCode.InvalidArgument, "etcdserver: password is longer than 72 bytes",
            Auth.UserAddAsync(new AuthUserAddRequest { Name = "long", Password = new string('p', 73) }, root));
    }

    [Fact]
    public async Task No_token_and_no_password_lies_in_the_state()
    {
        var token = (await SignInAsync("reader")).Token;
        using var pin = new MemoryStream();
        foreach (var chunk in KvSnapshot.Write(world.Door.Store.View)) pin.Write(chunk.Span);
        var text = Encoding.Latin1.GetString(pin.ToArray());
        Assert.DoesNotContain(token[..16], text, StringComparison.Ordinal);
        Assert.Contains("reader", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_lasts_as_long_as_it_is_used()
    {
        var (used, unused) = ((await SignInAsync("reader")).Token, (await SignInAsync("reader")).Token);
        for (var round = 0; round < 3; round++)
        {
            world.Door.Store.TimeJump += TimeSpan.FromSeconds(150);
            var before = Deadline(used);
            await GetAsync("k/1", new Metadata { { "token", used } });
            for (var waited = 0; Deadline(used) == before; waited++)
            {
                Assert.True(waited < 500);
                await Task.Delay(20);
            }
        }

        Assert.Single((await GetAsync("k/1", new Metadata { { "token", used } })).Kvs);
        await ErrorAsync(StatusCode.Unauthenticated, InvalidToken, () => GetAsync("k/1", new Metadata { { "token", unused } }));

        TimeSpan Deadline(string token) => world.Door.Store.View.Auth.Token(PaxosStore.Gateways.Etcd.Callers.Tokens.Id(token), TimeSpan.Zero)!.Deadline;
    }

    [Fact]
    public async Task A_new_password_ends_the_tokens_of_its_user_alone()
    {
        var (reader, writer, root) = (await world.AsAsync("reader"), await world.AsAsync("writer"), await world.AsAsync("root"));
        await Auth.UserChangePasswordAsync(new AuthUserChangePasswordRequest { Name = "reader", Password = "new" }, root);
        await ErrorAsync(StatusCode.Unauthenticated, InvalidToken, () => GetAsync("k/1", reader));
        await world.Client.Kv.PutAsync(new PutRequest { Key = Bytes("k/1") }, writer);
        Assert.NotEmpty((await Auth.AuthenticateAsync(new AuthenticateRequest { Name = "reader", Password = "new" })).Token);
    }

    /// <summary>A command judged by users and roles that have just changed is sent again, as long as its caller may do it still.</summary>
    [Fact]
    public async Task A_change_of_users_in_between_is_not_the_clients_business()
    {
        var (writer, changes, names) = (await world.AsAsync("writer"), 0, 0);
        world.Door.Store.BeforeCommand = command =>
        {
            if (command.Caller is { IsNode: true } || changes++ > 1) return;
            var change = world.Door.Store.ExecuteAsync(new RoleAddCommand($"r{names++}") { Caller = Caller.Node }, default);
            Assert.True(change.IsCompletedSuccessfully);
        };
        await world.Client.Kv.PutAsync(new PutRequest { Key = Bytes("k/1") }, writer);
        Assert.Equal(3, changes);
        changes = 0;
        Assert.NotEmpty((await SignInAsync("reader")).Token);
        Assert.Equal(3, changes);
    }

    [Fact]
    public async Task A_watcher_ends_with_the_permission_of_its_caller()
    {
        var root = await world.AsAsync("root");
        using var call = world.Client.Watch.Watch(await world.AsAsync("reader"));
        await call.RequestStream.WriteAsync(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = Bytes("k/"), RangeEnd = Bytes("k0") } });
        Assert.True((await NextAsync(call)).Created);
        await PutAsync();
        Assert.Single((await NextAsync(call)).Events);

        // Changes that leave the permission alone leave the watcher alone.
        await Auth.RoleAddAsync(new AuthRoleAddRequest { Name = "other" }, root);
        await PutAsync();
        Assert.Single((await NextAsync(call)).Events);
        await Auth.RoleRevokePermissionAsync(new AuthRoleRevokePermissionRequest { Role = "reader", Key = Bytes("k/"), RangeEnd = Bytes("k0") }, root);
        await PutAsync();
        var end = await NextAsync(call);
        Assert.Equal((true, 0, $"rpc error: code = PermissionDenied desc = {Denied}"), (end.Canceled, end.Events.Count, end.CancelReason));

        async Task PutAsync() => await world.Client.Kv.PutAsync(new PutRequest { Key = Bytes("k/1") }, root);
    }

    [Fact]
    public async Task A_watcher_of_nobody_ends_when_callers_are_checked()
    {
        var root = await world.AsAsync("root");
        await Auth.AuthDisableAsync(new AuthDisableRequest(), root);
        using var call = world.Client.Watch.Watch();
        await call.RequestStream.WriteAsync(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = Bytes("k/1") } });
        Assert.True((await NextAsync(call)).Created);
        await Auth.AuthEnableAsync(new AuthEnableRequest());
        root = new Metadata { { "token", (await SignInAsync("root")).Token } };
        await world.Client.Kv.PutAsync(new PutRequest { Key = Bytes("k/1") }, root);
        Assert.Equal("rpc error: code = InvalidArgument desc = etcdserver: user name is empty", (await NextAsync(call)).CancelReason);
    }

    [Fact]
    public async Task A_lease_is_kept_alive_as_long_as_its_keys_may_be_written()
    {
        var root = await world.AsAsync("root");
        using var call = world.Client.Lease.LeaseKeepAlive(await world.AsAsync("writer"));
        await call.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = 7 });
        Assert.True(await call.ResponseStream.MoveNext(default));
        await world.Client.Kv.PutAsync(new PutRequest { Key = Bytes("y"), Lease = 7 }, root);
        await call.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = 7 });
        await ErrorAsync(StatusCode.PermissionDenied, Denied, () => call.ResponseStream.MoveNext(default));
    }

    [Fact]
    public async Task Roles_show_their_permissions_as_they_were_given()
    {
        var root = await world.AsAsync("root");
        (WirePermission.Types.Type Type, string Key, string End)[] given =
            [(WirePermission.Types.Type.Write, "m", "n"), (WirePermission.Types.Type.Read, "a", ""), (WirePermission.Types.Type.Readwrite, "c", "\0")];
        foreach (var (type, key, end) in given)
        {
            var permission = new WirePermission { PermType = type, Key = Bytes(key), RangeEnd = Bytes(end) };
            await Auth.RoleGrantPermissionAsync(new AuthRoleGrantPermissionRequest { Name = "nothing", Perm = permission }, root);
        }

        var shown = (await Auth.RoleGetAsync(new AuthRoleGetRequest { Role = "nothing" }, root)).Perm;
        Assert.Equal(given.OrderBy(g => g.Key), shown.Select(p => (p.PermType, p.Key.ToStringUtf8(), p.RangeEnd.ToStringUtf8())));
        var all = Assert.Single((await Auth.RoleGetAsync(new AuthRoleGetRequest { Role = "root" }, root)).Perm);
        Assert.Equal((WirePermission.Types.Type.Readwrite, "", "\0"), (all.PermType, all.Key.ToStringUtf8(), all.RangeEnd.ToStringUtf8()));
        await ErrorAsync(StatusCode.InvalidArgument, "etcdserver: permission not given", Auth.RoleGrantPermissionAsync(new AuthRoleGrantPermissionRequest(), root));
        var backwards = new WirePermission { Key = Bytes("b"), RangeEnd = Bytes("a") };
        await ErrorAsync(
            StatusCode.InvalidArgument, "etcdserver: invalid auth management",
            Auth.RoleGrantPermissionAsync(new AuthRoleGrantPermissionRequest { Name = "nothing", Perm = backwards }, root));
    }

    [Fact]
    public async Task Who_may_not_write_can_raise_no_alarm()
    {
        world.Door.Store.QuotaBytes = world.Door.Store.StorageBytesInUse;
        await ErrorAsync(StatusCode.InvalidArgument, "etcdserver: user name is empty", world.Client.Kv.PutAsync(new PutRequest { Key = Bytes("k/1") }));
        await ErrorAsync(StatusCode.PermissionDenied, Denied, world.Client.Kv.PutAsync(new PutRequest { Key = Bytes("x") }, await world.AsAsync("writer")));
        Assert.Empty(world.Door.Store.View.Alarms);
        var full = world.Client.Kv.PutAsync(new PutRequest { Key = Bytes("k/1") }, await world.AsAsync("writer"));
        await ErrorAsync(StatusCode.ResourceExhausted, "etcdserver: mvcc: database space exceeded", full);
        Assert.Single(world.Door.Store.View.Alarms);
    }

    private async Task<AuthenticateResponse> SignInAsync(string user) => await Auth.AuthenticateAsync(new AuthenticateRequest { Name = user, Password = user });

    private async Task<RangeResponse> GetAsync(string key, Metadata metadata) => await world.Client.Kv.RangeAsync(new RangeRequest { Key = Bytes(key) }, metadata);

    private static async Task<WatchResponse> NextAsync(AsyncDuplexStreamingCall<WatchRequest, WatchResponse> call)
    {
        Assert.True(await call.ResponseStream.MoveNext(default).WaitAsync(TimeSpan.FromSeconds(20)));
        return call.ResponseStream.Current;
    }
}

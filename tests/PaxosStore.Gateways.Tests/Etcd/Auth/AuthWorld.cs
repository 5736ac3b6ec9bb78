using Authpb;
using Etcdserverpb;
using Grpc.Core;
using PaxosStore.Kv;
using PaxosStore.Testing;
using static PaxosStore.Gateways.Tests.Etcd.Expect;
using WirePermission = Authpb.Permission;

namespace PaxosStore.Gateways.Tests.Etcd.Auth;

/// <summary>
/// A door whose callers are checked: users that may do nothing, read, write or both below <c>k/</c>, and root; a lease 7 on a key of theirs and a lease 8 on
/// somebody else's.
/// </summary>
internal sealed class AuthWorld : IAsyncDisposable
{
    internal const string Root = "root";

    private readonly Dictionary<string, string> tokens = [];

    private AuthWorld(DoorHost door) => Door = door;

    internal DoorHost Door { get; }

    internal EtcdClient Client => Door.Client;

    internal static async Task<AuthWorld> CreateAsync()
    {
        var door = await DoorHost.StartAsync(o => o.BcryptCost = 4);
        var world = new AuthWorld(door);
        var auth = door.Client.Auth;
        foreach (var user in (string[])[Root, "nothing", "reader", "writer", "both"])
        {
            await auth.UserAddAsync(new AuthUserAddRequest { Name = user, Password = user });
            await auth.RoleAddAsync(new AuthRoleAddRequest { Name = user });
            await auth.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = user, Role = user });
        }

        await world.GrantAsync("reader", WirePermission.Types.Type.Read);
        await world.GrantAsync("writer", WirePermission.Types.Type.Write);
        await world.GrantAsync("both", WirePermission.Types.Type.Readwrite);
        await door.Client.Lease.LeaseGrantAsync(new LeaseGrantRequest { ID = 7, TTL = 600 });
        await door.Client.Lease.LeaseGrantAsync(new LeaseGrantRequest { ID = 8, TTL = 600 });
        await door.Client.PutAsync("k/1", lease: 7);
        await door.Client.PutAsync("x", lease: 8);
        await auth.AuthEnableAsync(new AuthEnableRequest());
        return world;
    }

    /// <summary>Metadata with a token of that user, from the one time it signed in.</summary>
    internal async Task<Metadata> AsAsync(string user)
    {
        if (!tokens.TryGetValue(user, out var token))
        {
            token = (await Client.Auth.AuthenticateAsync(new AuthenticateRequest { Name = user, Password = user })).Token;
            tokens.Add(user, token);
        }

        return new Metadata { { "token", token } };
    }

    /// <summary>From now on users and roles change before every command that a client causes.</summary>
    internal void ChangeBeforeEveryCommand()
    {
        var n = 0;
        Door.Store.BeforeCommand = command =>
        {
            if (command.Caller is { IsNode: true }) return;
            var change = Door.Store.ExecuteAsync(new RoleAddCommand($"change{n++}") { Caller = Caller.Node }, default);
            Assert.True(change.IsCompletedSuccessfully);
        };
    }

    internal void ChangeNoMore() => Door.Store.BeforeCommand = null;

    private async Task GrantAsync(string role, WirePermission.Types.Type type) => await Client.Auth.RoleGrantPermissionAsync(
        new AuthRoleGrantPermissionRequest { Name = role, Perm = new WirePermission { PermType = type, Key = Bytes("k/"), RangeEnd = Bytes("k0") } });

    public ValueTask DisposeAsync() => Door.DisposeAsync();
}

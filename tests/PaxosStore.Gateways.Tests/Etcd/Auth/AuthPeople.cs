using Authpb;
using Etcdserverpb;
using PaxosStore.Testing;
using static PaxosStore.Gateways.Tests.Etcd.Expect;
using WirePermission = Authpb.Permission;

namespace PaxosStore.Gateways.Tests.Etcd.Auth;

/// <summary>
/// Users that may do nothing, read, write or both below <c>k/</c>, and root; a lease 7 on a key of theirs and a lease 8 on somebody else's. Their passwords are their names.
/// </summary>
internal static class AuthPeople
{
    internal const string Root = "root";

    /// <summary>All but root, from the weakest on.</summary>
    internal static IReadOnlyList<string> Users { get; } = ["nothing", "reader", "writer", "both"];

    /// <summary>Makes them where nobody is, and has callers checked from then on.</summary>
    internal static async Task SettleAsync(EtcdClient client)
    {
        foreach (var user in (string[])[Root, .. Users])
        {
            await client.Auth.UserAddAsync(new AuthUserAddRequest { Name = user, Password = user });
            await client.Auth.RoleAddAsync(new AuthRoleAddRequest { Name = user });
            await client.Auth.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = user, Role = user });
        }

        await GrantAsync(client, "reader", WirePermission.Types.Type.Read);
        await GrantAsync(client, "writer", WirePermission.Types.Type.Write);
        await GrantAsync(client, "both", WirePermission.Types.Type.Readwrite);
        await client.Lease.LeaseGrantAsync(new LeaseGrantRequest { ID = 7, TTL = 600 });
        await client.Lease.LeaseGrantAsync(new LeaseGrantRequest { ID = 8, TTL = 600 });
        await client.PutAsync("k/1", lease: 7);
        await client.PutAsync("x", lease: 8);
        await client.Auth.AuthEnableAsync(new AuthEnableRequest());
    }

    private static async Task GrantAsync(EtcdClient client, string role, WirePermission.Types.Type type) => await client.Auth.RoleGrantPermissionAsync(
        new AuthRoleGrantPermissionRequest { Name = role, Perm = new WirePermission { PermType = type, Key = Bytes("k/"), RangeEnd = Bytes("k0") } });
}

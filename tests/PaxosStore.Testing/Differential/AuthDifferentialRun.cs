using Authpb;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;

namespace PaxosStore.Testing.Differential;

/// <summary>
/// Users, roles and permissions change at random on two fresh etcd endpoints while several users, some without credentials or with wrong ones, read and
/// write; replies and errors are compared. The first endpoint is right by definition, but for the <see cref="NamedExceptions"/>.
/// </summary>
public sealed class AuthDifferentialRun
{
    private const int MostDifferences = 10;
    private const string Nobody = "nobody";
    private const string Stranger = "stranger";
    private static readonly string[] Users = ["u0", "u1", "u2", "u3"];
    private static readonly string[] Roles = ["r0", "r1", "r2"];

    // No key with two ends: a second grant for a range replaces the first here, while etcd keeps both when another range begins at the same key.
    private static readonly (string Key, string End)[] Ranges =
        [("a1", ""), ("a0", "a5"), ("a4", "b4"), ("a/b", "a/b9"), ("b2", ""), ("b4", "c"), ("c/0", "\0"), ("k3", "k7"), ("k", "")];

    private readonly string[] endpoints;
    private readonly int operations;
    private readonly bool overJson;
    private readonly Random random;
    private readonly World world;
    private readonly Dictionary<(string, Side), string> tokens = [];
    private readonly Report report;
    private bool enabled;

    /// <summary>What to compare.</summary>
    public AuthDifferentialRun(string endpointA, string endpointB, int seed, int operations, bool overJson = false)
    {
        (endpoints, this.operations, this.overJson) = ([endpointA, endpointB], operations, overJson);
        (random, report) = (new Random(seed), new Report(seed));
        world = new World(report);
    }

    /// <summary>Runs it; stops early after a handful of differences, since the rest would only be their consequence.</summary>
    public async Task<Report> RunAsync(CancellationToken cancellation = default)
    {
        using var reference = new EtcdClient(endpoints[0], overJson);
        using var tested = new EtcdClient(endpoints[1], overJson);
        foreach (var operation in Beginning().TakeWhile(_ => report.ReferenceLost is null)) await CompareAsync(operation, reference, tested);
        while (report.Operations < operations && report.Differences.Count < MostDifferences && report.ReferenceLost is null)
        {
            cancellation.ThrowIfCancellationRequested();
            var operation = Next();
            report.Begin("Auth");
            await CompareAsync(operation, reference, tested);
        }

        return report;
    }

    private IEnumerable<Operation> Beginning()
    {
        var root = new AuthUserAddRequest { Name = "root", Password = "root" };
        yield return new Operation("AuthEnable", root, async (c, _) => await c.Auth.AuthEnableAsync(new AuthEnableRequest()));
        yield return new Operation("UserAdd", root, async (c, _) => await c.Auth.UserAddAsync(root));
        yield return new Operation("AuthEnable", root, async (c, _) => await c.Auth.AuthEnableAsync(new AuthEnableRequest()));
        yield return new Operation("Authenticate", root, async (c, _) => await c.Auth.AuthenticateAsync(new AuthenticateRequest { Name = "root", Password = "root" }));
        yield return new Operation("RoleAdd", root, async (c, _) => await c.Auth.RoleAddAsync(new AuthRoleAddRequest { Name = "root" }));
        yield return new Operation("RoleGet", root, async (c, _) => await c.Auth.RoleGetAsync(new AuthRoleGetRequest { Role = "root" }), Permissions("root"));
        yield return new Operation("Grant", root, async (c, _) => await c.Auth.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = "root", Role = "root" }));
        foreach (var user in Users)
        {
            var add = new AuthUserAddRequest { Name = user, Password = user };
            yield return new Operation("UserAdd", add, async (c, _) => await c.Auth.UserAddAsync(add));
        }
    }

    private Operation Next() => random.Next(100) switch
    {
        < 2 when !enabled => Switch(enable: true),
        < 30 when !enabled => Switch(enable: true),
        0 when random.Next(4) == 0 => Switch(enable: false),
        < 8 => Authenticate(),
        < 40 => Manage(),
        _ => UseKeys(),
    };

    private Operation Switch(bool enable)
    {
        var who = enable ? Nobody : Anybody();
        return new Operation("Auth" + (enable ? "Enable" : "Disable") + " as " + who, new AuthEnableRequest(), async (c, side) =>
        {
            IMessage reply = enable
                ? await c.Auth.AuthEnableAsync(new AuthEnableRequest(), As(who, side))
                : await c.Auth.AuthDisableAsync(new AuthDisableRequest(), As(who, side));
            if (side == Side.Tested) enabled = enable;
            return reply;
        });
    }

    private Operation Authenticate()
    {
        var user = random.Next(12) switch { 0 => "nope", 1 => "np", < 5 => "root", _ => Pick(Users) };
        var request = new AuthenticateRequest { Name = user, Password = random.Next(12) == 0 ? "wrong" : user };
        return new Operation("Authenticate", request, async (c, side) =>
        {
            var reply = await c.Auth.AuthenticateAsync(request);
            tokens[(user, side)] = reply.Token;
            return new AuthenticateResponse { Header = reply.Header };
        });
    }

    private Operation Manage()
    {
        // Mostly root, or little would ever change.
        var who = random.Next(5) == 0 ? Anybody() : "root";
        var (user, role) = (random.Next(12) == 0 ? "nope" : Pick([.. Users, "np", "root"]), random.Next(12) == 0 ? "nope" : Pick([.. Roles, "root"]));
        var (key, end) = Ranges[random.Next(Ranges.Length)];
        var permission = new Permission { PermType = (Permission.Types.Type)random.Next(3), Key = Bytes(key), RangeEnd = Bytes(end) };
        return random.Next(30) switch
        {
            0 => Call(who, new AuthUserAddRequest { Name = random.Next(8) == 0 ? "" : user, Password = user }, (c, q, m) => c.Auth.UserAddAsync(q, m)),
            1 => Call(
                who, new AuthUserAddRequest { Name = "np", Options = new UserAddOptions { NoPassword = true } }, (c, q, m) => c.Auth.UserAddAsync(q, m)),
            2 => Call(who, new AuthUserDeleteRequest { Name = user }, (c, q, m) => c.Auth.UserDeleteAsync(q, m)),
            3 => Call(who, new AuthUserChangePasswordRequest { Name = user, Password = user }, (c, q, m) => c.Auth.UserChangePasswordAsync(q, m)),
            < 9 => Call(who, new AuthUserGrantRoleRequest { User = user, Role = random.Next(3) == 0 ? role : Pick(Roles) }, (c, q, m) => c.Auth.UserGrantRoleAsync(q, m)),
            < 11 => Call(who, new AuthUserRevokeRoleRequest { Name = user, Role = role }, (c, q, m) => c.Auth.UserRevokeRoleAsync(q, m)),
            < 14 => Call(who, new AuthRoleAddRequest { Name = random.Next(10) == 0 ? "" : role }, (c, q, m) => c.Auth.RoleAddAsync(q, m)),
            14 => Call(who, new AuthRoleDeleteRequest { Role = role }, (c, q, m) => c.Auth.RoleDeleteAsync(q, m)),
            < 20 => Call(who, new AuthRoleGrantPermissionRequest { Name = role, Perm = permission }, (c, q, m) => c.Auth.RoleGrantPermissionAsync(q, m)),
            < 22 => Call(
                who, new AuthRoleRevokePermissionRequest { Role = role, Key = Bytes(key), RangeEnd = Bytes(end) },
                (c, q, m) => c.Auth.RoleRevokePermissionAsync(q, m)),
            < 24 => Call(Anybody(), new AuthUserGetRequest { Name = user }, (c, q, m) => c.Auth.UserGetAsync(q, m)),
            < 26 => Call(Anybody(), new AuthRoleGetRequest { Role = role }, (c, q, m) => c.Auth.RoleGetAsync(q, m), Permissions(role)),
            < 28 => Call(Anybody(), new AuthUserListRequest(), (c, q, m) => c.Auth.UserListAsync(q, m)),
            _ => Call(Anybody(), new AuthRoleListRequest(), (c, q, m) => c.Auth.RoleListAsync(q, m)),
        };
    }

    private Action<IMessage>? Permissions(string role) => role == "root" ? reply => NamedExceptions.RootRole(world, (AuthRoleGetResponse)reply) : null;

    private Operation UseKeys()
    {
        var (who, keys) = (Anybody(), new KvGenerator(random, world));
        switch (random.Next(100))
        {
            case < 35:
                var range = keys.Range();
                range.RangeEnd = NamedExceptions.Forward(world, range.Key, range.RangeEnd);
                return Call(who, range, (c, q, m) => c.Kv.RangeAsync(q, m), r => Normaliser.Ties(world, range, (RangeResponse)r));
            case < 60:
                return Call(who, NamedExceptions.KeepNothing(world, keys.Put()), (c, q, m) => c.Kv.PutAsync(q, m));
            case < 70:
                var delete = keys.Delete();
                delete.RangeEnd = NamedExceptions.Forward(world, delete.Key, delete.RangeEnd);
                return Call(who, delete, (c, q, m) => c.Kv.DeleteRangeAsync(q, m));
            case < 90:
                var txn = NamedExceptions.JudgedByEtcd(world, keys);
                return Call(who, txn, (c, q, m) => c.Kv.TxnAsync(q, m), r => Normaliser.Ties(world, txn, (TxnResponse)r));
            case < 96 when world.Leases.Count < 20 && Known() is { } holder:
                var grant = new LeaseGrantRequest { ID = world.NextLease++, TTL = 3600 };
                world.Leases.Add(grant.ID);
                return Call(holder, grant, (c, q, m) => c.Lease.LeaseGrantAsync(q, m));
            default:
                return Call(Known() ?? Stranger, new LeaseRevokeRequest { ID = Lease() }, (c, q, m) => c.Lease.LeaseRevokeAsync(q, m));
        }
    }

    private Operation Call<TRequest, TReply>(
        string who, TRequest request, Func<EtcdClient, TRequest, Metadata, AsyncUnaryCall<TReply>> call, Action<IMessage>? normalise = null)
        where TRequest : IMessage
        where TReply : IMessage =>
        new($"{typeof(TRequest).Name} as {who}", request, async (client, side) => await call(client, request, As(who, side)), normalise);

    private async Task CompareAsync(Operation operation, EtcdClient reference, EtcdClient tested)
    {
        var expected = await Outcome.OfAsync(operation, reference, Side.Reference);
        if (expected.IsBroken)
        {
            report.Lose(operation.Name, operation.Request, expected.Text);
            return;
        }

        var actual = await Outcome.OfAsync(operation, tested, Side.Tested);
        var name = operation.Name.Split(' ')[0];
        report.Count(expected.Reply is null ? $"{name} → {expected.Code} {expected.Text}" : name);
        if (expected.Code != actual.Code || expected.Text != actual.Text) report.Differ(operation.Name, operation.Request, expected.ToString(), actual.ToString());
        else if (expected.Reply is not null && actual.Reply is not null) report.Compare(operation.Name, operation.Request, expected.Reply, actual.Reply);
        if (expected.Reply?.Descriptor.FindFieldByName("header")?.Accessor.GetValue(expected.Reply) is ResponseHeader header)
            world.Revision = Math.Max(world.Revision, header.Revision);
    }

    // Who has not signed in yet, or never could, shows nothing. While nobody is checked, etcd 3.4 still refuses tokens it does not know; later ones don't.
    private Metadata As(string who, Side side)
    {
        if (!enabled)
        {
            if (who != Nobody) world.Exempt(NamedExceptions.TokenUnchecked);
            return [];
        }

        if (who == Stranger) return new Metadata { { "token", "abcdefghijklmnop.1" } };
        return tokens.TryGetValue((who, side), out var token) ? new Metadata { { side == Side.Tested ? "authorization" : "token", token } } : [];
    }

    private string Anybody() => random.Next(12) switch { 0 => Nobody, 1 => Stranger, < 4 => "root", _ => Pick(Users) };

    // Without credentials etcd 3.4 grants leases, and revokes those without keys.
    private string? Known() => Users.Append("root").Where(u => tokens.ContainsKey((u, Side.Reference))).OrderBy(_ => random.Next()).FirstOrDefault();

    private long Lease() => world.Leases.Count == 0 ? 999 : world.Leases[random.Next(world.Leases.Count)];

    private string Pick(string[] items) => items[random.Next(items.Length)];

    private static ByteString Bytes(string text) => ByteString.CopyFromUtf8(text);
}

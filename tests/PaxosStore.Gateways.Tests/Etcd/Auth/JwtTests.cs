using System.Security.Cryptography;
using System.Text;
using Etcdserverpb;
using Grpc.Core;
using PaxosStore.Gateways.Etcd;
using PaxosStore.Gateways.Etcd.Callers;
using PaxosStore.Kv;
using PaxosStore.Testing;
using static PaxosStore.Gateways.Tests.Etcd.Expect;

namespace PaxosStore.Gateways.Tests.Etcd.Auth;

public sealed class JwtTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("paxosstore-jwt-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("RS256")]
    [InlineData("PS512")]
    [InlineData("ES256")]
    [InlineData("HS256")]
    public async Task A_signed_token_stands_for_its_user_until_users_change(string method)
    {
        await using var door = await OpenAsync(Option(method));
        var token = (await door.Client.Auth.AuthenticateAsync(new AuthenticateRequest { Name = "root", Password = "p" })).Token;
        Assert.Equal(3, token.Split('.').Length);
        var metadata = new Metadata { { "authorization", "Bearer " + token } };
        await door.Client.Kv.PutAsync(new PutRequest { Key = Bytes("k") }, metadata);
        await door.Client.Kv.RangeAsync(new RangeRequest { Key = Bytes("k") }, metadata);

        await door.Store.ExecuteAsync(new RoleAddCommand("r") { Caller = Caller.Node }, default);
        const string old = "etcdserver: revision of auth store is old";
        await ErrorAsync(StatusCode.InvalidArgument, old, door.Client.Kv.PutAsync(new PutRequest { Key = Bytes("k") }, metadata));
        await ErrorAsync(StatusCode.InvalidArgument, old, door.Client.Kv.RangeAsync(new RangeRequest { Key = Bytes("k") }, metadata));
    }

    [Fact]
    public async Task What_is_not_signed_by_the_key_is_no_token()
    {
        await using var door = await OpenAsync(Option("RS256"));
        var token = (await door.Client.Auth.AuthenticateAsync(new AuthenticateRequest { Name = "root", Password = "p" })).Token;
        var parts = token.Split('.');
        var claims = Encoding.UTF8.GetString(Convert.FromBase64String(parts[1].PadRight((parts[1].Length + 3) / 4 * 4, '=')));
        var other = JwtTokens.Parse(Option("RS256", "other"), TimeProvider.System)!.Create("root", 3);
        var publicKey = Path.Combine(folder, "RS256.pub");
        var confused = JwtTokens.Parse($"jwt,sign-method=HS256,priv-key={publicKey}", TimeProvider.System)!.Create("root", 3);
        string[] forged =
        [
            "x", parts[0] + "." + parts[1] + ".", "." + parts[1] + "." + parts[2], other, confused,
            Base64("""{"alg":"none","typ":"JWT"}""") + "." + parts[1] + ".",
            parts[0] + "." + Base64(claims.Replace("root", "r00t", StringComparison.Ordinal)) + "." + parts[2],
        ];
        foreach (var one in forged)
        {
            var call = door.Client.Kv.RangeAsync(new RangeRequest { Key = Bytes("k") }, new Metadata { { "token", one } });
            await ErrorAsync(StatusCode.Unauthenticated, "etcdserver: invalid auth token", call);
        }
    }

    /// <summary>The same keys, a real etcd beside: each takes the other's tokens, refuses the same ones, and as for keys, both say the same of an old one.</summary>
    [SkippableTheory]
    [InlineData("RS256")]
    [InlineData("PS512")]
    [InlineData("ES256")]
    [InlineData("HS256")]
    public async Task Etcd_takes_its_tokens_and_it_takes_those_of_etcd(string method)
    {
        var missing = RealEtcd.Missing();
        Skip.If(missing is not null, missing);
        var option = Option(method);
        await using var door = await OpenAsync(option);
        await using var etcd = await RealEtcd.StartAsync("--auth-token", option, "--bcrypt-cost", "4");
        using var client = new EtcdClient(etcd.Endpoint);
        await PrepareAsync(client);
        var (ours, theirs) = (await SignInAsync(door.Client), await SignInAsync(client));
        Assert.Equal(("done", "done"), await ForBothAsync(theirs));
        Assert.Equal(("done", "done"), await ForBothAsync(ours));
        foreach (var wrong in new[] { "x", ours[..^4], ours.Replace('.', '-'), ours + "." })
            Assert.Equal(("Unauthenticated etcdserver: invalid auth token", "Unauthenticated etcdserver: invalid auth token"), await ForBothAsync(wrong));

        foreach (var one in new[] { client, door.Client })
            await one.Auth.RoleAddAsync(new AuthRoleAddRequest { Name = "r" }, new Metadata { { "token", ours } });
        const string old = "InvalidArgument etcdserver: revision of auth store is old";
        Assert.Equal((old, old), await ForBothAsync(theirs));
        Assert.Equal((old, old), await ForBothAsync(ours));

        async Task<(string Door, string Etcd)> ForBothAsync(string token) => (await PutAsync(door.Client, token), await PutAsync(client, token));
    }

    private static async Task<string> SignInAsync(EtcdClient client) =>
        (await client.Auth.AuthenticateAsync(new AuthenticateRequest { Name = "root", Password = "p" })).Token;

    private static async Task<string> PutAsync(EtcdClient client, string token)
    {
        try
        {
            await client.Kv.PutAsync(new PutRequest { Key = Bytes("k") }, new Metadata { { "token", token } });
            return "done";
        }
        catch (RpcException e)
        {
            return $"{e.StatusCode} {e.Status.Detail}";
        }
    }

    [Fact]
    public async Task A_token_ends_by_its_time()
    {
        var time = new ManualTime();
        var tokens = JwtTokens.Parse(Option("ES256") + ",ttl=10m", time)!;
        var token = tokens.Create("ann", 7);
        time.Advance(TimeSpan.FromSeconds(599));
        Assert.Equal(new Caller("ann", 7), await tokens.ReadAsync(token));
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Null(await tokens.ReadAsync(token));
    }

    [Fact]
    public async Task A_member_with_the_public_key_alone_verifies_only()
    {
        var token = JwtTokens.Parse(Option("RS256"), TimeProvider.System)!.Create("ann", 7);
        var verifier = JwtTokens.Parse($"jwt,sign-method=RS256,pub-key={Path.Combine(folder, "RS256.pub")}", TimeProvider.System)!;
        Assert.Equal(new Caller("ann", 7), await verifier.ReadAsync(token));
        Assert.Equal(KvErrorCode.AuthFailed, Assert.Throws<KvException>(() => verifier.Create("ann", 7)).Code);
    }

    [Theory]
    [InlineData("complex", "is neither 'simple' nor 'jwt")]
    [InlineData("jwt", "sign-method is missing")]
    [InlineData("jwt,sign-method=RS256", "pub-key or priv-key is missing")]
    [InlineData("jwt,sign-method=none,priv-key=x", "sign-method: 'none' is none of RS256")]
    [InlineData("jwt,sign-method=RS256,sign-method=RS256", "sign-method is given twice")]
    [InlineData("jwt,colour=red", "'colour=red' is none of")]
    [InlineData("jwt,sign-method=RS256,priv-key=/nowhere", "/nowhere holds no private key for RS256")]
    [InlineData("jwt,sign-method=RS256,priv-key=RS256.pub", "holds no private key")]
    [InlineData("jwt,sign-method=RS256,priv-key=RS256.key,pub-key=other.pub", "don't belong together")]
    [InlineData("jwt,sign-method=HS256,priv-key=RS256.short", "a key is too short for HS256")]
    [InlineData("jwt,sign-method=RS256,priv-key=RS256.key,ttl=soon", "ttl: 'soon' is not usable")]
    public void A_wrong_option_says_what_is_expected(string option, string expected)
    {
        Option("RS256");
        Option("RS256", "other");
        File.WriteAllText(Path.Combine(folder, "RS256.short"), "secret");
        option = option.Replace("RS256.", Path.Combine(folder, "RS256."), StringComparison.Ordinal).Replace("other.", Path.Combine(folder, "other."), StringComparison.Ordinal);
        Assert.Contains(expected, Assert.Throws<FormatException>(() => EtcdDoorOptions.CheckAuthToken(option)).Message, StringComparison.Ordinal);
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text)).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    private string Option(string method, string? name = null)
    {
        var (key, pub) = (Path.Combine(folder, (name ?? method) + ".key"), Path.Combine(folder, (name ?? method) + ".pub"));
        if (method[0] == 'H')
        {
            File.WriteAllBytes(key, RandomNumberGenerator.GetBytes(64));
            return $"jwt,sign-method={method},priv-key={key}";
        }

        using AsymmetricAlgorithm pair = method[0] == 'E' ? ECDsa.Create(ECCurve.NamedCurves.nistP256) : RSA.Create(2048);
        File.WriteAllText(key, pair.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(pub, pair.ExportSubjectPublicKeyInfoPem());
        return $"jwt,sign-method={method},pub-key={pub},priv-key={key}";
    }

    private static async Task<DoorHost> OpenAsync(string option)
    {
        var door = await DoorHost.StartAsync(o => (o.BcryptCost, o.AuthToken) = (4, option));
        await PrepareAsync(door.Client);
        return door;
    }

    private static async Task PrepareAsync(EtcdClient client)
    {
        await client.Auth.UserAddAsync(new AuthUserAddRequest { Name = "root", Password = "p" });
        await client.Auth.RoleAddAsync(new AuthRoleAddRequest { Name = "root" });
        await client.Auth.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = "root", Role = "root" });
        await client.Auth.AuthEnableAsync(new AuthEnableRequest());
    }
}

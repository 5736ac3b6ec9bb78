using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Etcdserverpb;
using Grpc.Core;
using PaxosStore.Kv;
using PaxosStore.Testing;
using static PaxosStore.Gateways.Tests.Etcd.Expect;

namespace PaxosStore.Gateways.Tests.Etcd.Auth;

/// <summary>The name in a verified certificate stands for the user, unless a token says otherwise.</summary>
public sealed class CertificateTests
{
    [Theory]
    [InlineData("CN=cn", "+")]
    [InlineData("O=somebody, CN=cn", "+")]
    [InlineData("CN=stranger", "etcdserver: permission denied")]
    [InlineData("O=cn", "etcdserver: user name is empty")]
    [InlineData("CN=cn, CN=cn", "etcdserver: user name is empty")]
    [InlineData(null, "etcdserver: user name is empty")]
    public async Task The_common_name_is_the_user(string? subject, string expected)
    {
        using var certificate = subject is null ? null : Certificate(subject);
        await using var door = await OpenAsync(certificate);
        var call = door.Client.Kv.RangeAsync(new RangeRequest { Key = Bytes("k") });
        if (expected == "+") Assert.Empty((await call).Kvs);
        else Assert.Equal(expected, (await Assert.ThrowsAsync<RpcException>(async () => await call)).Status.Detail);
    }

    [Fact]
    public async Task A_token_is_stronger_than_the_certificate()
    {
        using var certificate = Certificate("CN=cn");
        await using var door = await OpenAsync(certificate);
        var bad = door.Client.Kv.RangeAsync(new RangeRequest { Key = Bytes("k") }, new Metadata { { "token", "ABCDEFGHIJKLMNOP.1" } });
        await ErrorAsync(StatusCode.Unauthenticated, "etcdserver: invalid auth token", bad);
        var root = (await door.Client.Auth.AuthenticateAsync(new AuthenticateRequest { Name = "root", Password = "p" })).Token;
        await door.Client.Kv.RangeAsync(new RangeRequest { Key = Bytes("x") }, new Metadata { { "token", root } });
        await ErrorAsync(StatusCode.PermissionDenied, "etcdserver: permission denied", door.Client.Kv.RangeAsync(new RangeRequest { Key = Bytes("x") }));
    }

    private static X509Certificate2 Certificate(string subject)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        return new CertificateRequest(subject, key, HashAlgorithmName.SHA256).CreateSelfSigned(now, now.AddHours(1));
    }

    private static async Task<DoorHost> OpenAsync(X509Certificate2? certificate)
    {
        var door = await DoorHost.StartAsync(o => o.BcryptCost = 4, context => context.Connection.ClientCertificate = certificate);
        var auth = door.Client.Auth;
        await auth.UserAddAsync(new AuthUserAddRequest { Name = "root", Password = "p" });
        await auth.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = "root", Role = "root" });
        await auth.UserAddAsync(new AuthUserAddRequest { Name = "cn", Options = new Authpb.UserAddOptions { NoPassword = true } });
        await auth.RoleAddAsync(new AuthRoleAddRequest { Name = "r" });
        await auth.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = "cn", Role = "r" });
        await door.Store.ExecuteAsync(new RoleGrantCommand("r", new Permission(Access.Read, KeyRange.SingleKey("k"u8.ToArray()))), default);
        await auth.AuthEnableAsync(new AuthEnableRequest());
        return door;
    }
}

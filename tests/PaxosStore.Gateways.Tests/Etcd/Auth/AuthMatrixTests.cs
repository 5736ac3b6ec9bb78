using Grpc.Core;
using PaxosStore.Gateways.Etcd.Callers;
using PaxosStore.Gateways.Etcd.Json;
using PaxosStore.Testing;

namespace PaxosStore.Gateways.Tests.Etcd.Auth;

/// <summary>Every RPC, in every shape that matters, with every credential.</summary>
public sealed class AuthMatrixTests
{
    // What the JSON gateway of etcd has no path for.
    private static readonly string[] NotInJson = ["/etcdserverpb.KV/RangeStream", "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"];

    public static IEnumerable<object[]> Shapes =>
        from row in AuthMatrix.Rows
        from overJson in (bool[])[false, true]
        where !overJson || !NotInJson.Contains(row.Method)
        select (object[])[row.ToString(), overJson];

    [Fact]
    public void Every_method_has_a_row_and_every_row_a_method()
    {
        Assert.Equal(AuthMatrix.Methods.Order(), AuthMatrix.Rows.Select(row => row.Method).Distinct().Order());
        Assert.Equal(AuthMatrix.Rows.Count, AuthMatrix.Rows.Select(row => row.ToString()).Distinct().Count());
    }

    [Fact]
    public void Every_method_is_judged_over_json_too_or_has_no_path_there() =>
        Assert.Equal(AuthMatrix.Methods.Except(NotInJson).Order(), GatewayRoutes.All.Values.Select(method => "/" + method).Distinct().Order());

    /// <summary>What depends on nothing but the credential is judged before the service sees it.</summary>
    [Fact]
    public void Methods_that_nobody_has_thought_of_are_for_root()
    {
        Assert.Equal(AccessRule.Root, AccessRules.Of("/etcdserverpb.KV/Unheard"));
        var open = AuthMatrix.Methods.Where(m => AccessRules.Of(m) == AccessRule.Everybody).Order();
        Assert.Equal(
            ["/etcdserverpb.Auth/AuthStatus", "/etcdserverpb.Auth/Authenticate", "/etcdserverpb.Cluster/MemberList", "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"], open);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public async Task Is_judged_by_who_asks(string shape, bool overJson)
    {
        var row = AuthMatrix.Rows.Single(r => r.ToString() == shape);
        await using var world = await AuthWorld.CreateAsync();
        using var client = new EtcdClient(world.Door.Endpoint, overJson);
        var verdicts = new List<char> { await row.JudgeAsync(client, []), await row.JudgeAsync(client, new Metadata { { "token", "ABCDEFGHIJKLMNOP.7" } }) };
        foreach (var user in AuthPeople.Users) await world.AsAsync(user);
        var root = await world.AsAsync(AuthPeople.Root);
        world.ChangeBeforeEveryCommand();
        verdicts.Add(await row.JudgeAsync(client, root));
        world.ChangeNoMore();
        foreach (var user in (string[])[.. AuthPeople.Users, AuthPeople.Root]) verdicts.Add(await row.JudgeAsync(client, await world.AsAsync(user)));
        Assert.Equal(row.Expected, string.Concat(verdicts));
    }

    [Fact]
    public async Task Nobody_is_refused_while_callers_are_not_checked()
    {
        foreach (var row in AuthMatrix.Rows)
        {
            await using var door = await DoorHost.StartAsync(o => o.BcryptCost = 4);
            foreach (var credential in (Metadata[])[[], new Metadata { { "authorization", "Bearer ABCDEFGHIJKLMNOP.7" } }])
                Assert.True(await row.JudgeAsync(door.Client, credential, lenient: true) == '+', row.ToString());
        }
    }
}

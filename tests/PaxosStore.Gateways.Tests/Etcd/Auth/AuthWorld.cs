using Etcdserverpb;
using Grpc.Core;
using PaxosStore.Kv;
using PaxosStore.Testing;

namespace PaxosStore.Gateways.Tests.Etcd.Auth;

/// <summary>A door whose callers are checked; <see cref="AuthPeople"/> live behind it.</summary>
internal sealed class AuthWorld : IAsyncDisposable
{
    private readonly Dictionary<string, string> tokens = [];

    private AuthWorld(DoorHost door) => Door = door;

    internal DoorHost Door { get; }

    internal EtcdClient Client => Door.Client;

    internal static async Task<AuthWorld> CreateAsync()
    {
        var door = await DoorHost.StartAsync(o => o.BcryptCost = 4);
        var world = new AuthWorld(door);
        await AuthPeople.SettleAsync(door.Client);
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

    public ValueTask DisposeAsync() => Door.DisposeAsync();
}

using Akka.Actor;

namespace PaxosStore.Node.Tests.MultiNode;

/// <summary>A participant of a scenario.</summary>
public sealed record RoleName(string Name)
{
    public override string ToString() => Name;
}

/// <summary>
/// Who takes part in a scenario, in the words of Akka's multi-node test kit: members of the store, and nodes of the Akka cluster without a vote.
/// </summary>
public sealed class MultiNodeConfig
{
    private readonly List<RoleName> _members = [];
    private readonly List<RoleName> _clients = [];

    /// <summary>Members of the store.</summary>
    public IReadOnlyList<RoleName> Members => _members;

    /// <summary>Nodes without a vote.</summary>
    public IReadOnlyList<RoleName> Clients => _clients;

    /// <summary>HOCON of the section <c>paxosstore</c> for every member.</summary>
    public string CommonConfig { get; init; } = "";

    /// <summary>Declares a member.</summary>
    public RoleName Role(string name) => Add(_members, name);

    /// <summary>Declares a node of the Akka cluster that is not a member.</summary>
    public RoleName ClientRole(string name) => Add(_clients, name);

    internal static Address AddressOf(ActorSystem system) => ((ExtendedActorSystem)system).Provider.DefaultAddress;

    private static RoleName Add(List<RoleName> roles, string name)
    {
        var role = new RoleName(name);
        roles.Add(role);
        return role;
    }
}

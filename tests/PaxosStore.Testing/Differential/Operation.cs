using Google.Protobuf;

namespace PaxosStore.Testing.Differential;

/// <summary>Which of the two servers.</summary>
public enum Side
{
    /// <summary>The one that is right by definition.</summary>
    Reference,

    /// <summary>The one under test.</summary>
    Tested,
}

/// <summary>One request, to be sent to both servers.</summary>
/// <param name="Name">What it does.</param>
/// <param name="Request">The request as sent (for the report).</param>
/// <param name="Call">Sends it.</param>
/// <param name="Normalise">Removes from a reply what etcd does not promise.</param>
internal sealed record Operation(string Name, IMessage Request, Func<EtcdClient, Side, Task<IMessage>> Call, Action<IMessage>? Normalise = null);


/// <summary>What the generator needs to know of the servers' state to ask sensible questions.</summary>
internal sealed class World
{
    internal long Revision { get; set; } = 1;

    internal long CompactRevision { get; set; }

    internal List<long> Leases { get; } = [];

    internal long NextLease { get; set; } = 1000;
}

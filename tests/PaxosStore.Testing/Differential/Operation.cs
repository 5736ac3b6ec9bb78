using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;

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
internal sealed record Operation(string Name, IMessage Request, Func<EtcdClient, Side, Task<IMessage>> Call, Action<IMessage>? Normalise = null)
{
    /// <summary>What it is about, as the report counts it.</summary>
    internal string Service => Request switch
    {
        _ when Request.Descriptor.File.Package is "v3lockpb" or "v3electionpb" => "Lock/Election",
        _ when Request.Descriptor.Name.StartsWith("Auth", StringComparison.Ordinal) => "Auth",
        _ when Request.Descriptor.Name.StartsWith("Lease", StringComparison.Ordinal) => "Lease",
        TxnRequest => "Txn",
        CompactionRequest => "Compact",
        _ => "KV",
    };
}

/// <summary>What came of a request: a reply, made comparable, or an error.</summary>
internal sealed record Outcome(StatusCode Code, string Text, IMessage? Reply)
{
    /// <summary>Whether nobody answered at all: the error was made on this side of the connection.</summary>
    internal bool IsBroken { get; private init; }

    internal static async Task<Outcome> OfAsync(Operation operation, EtcdClient client, Side side)
    {
        try
        {
            var reply = await operation.Call(client, side);
            Normaliser.Headers(reply);
            operation.Normalise?.Invoke(reply);
            return new Outcome(StatusCode.OK, "", reply);
        }
        catch (RpcException e)
        {
            return new Outcome(e.StatusCode, e.Status.Detail, null) { IsBroken = e.Status.DebugException is not null };
        }
    }
}

/// <summary>What the generator needs to know of the servers' state to ask sensible questions.</summary>
internal sealed class World(Report report)
{
    /// <summary>A meant difference was let pass.</summary>
    internal void Exempt(string exception) => report.Exempt(exception);

    internal long Revision { get; set; } = 1;

    internal long CompactRevision { get; set; }

    internal List<long> Leases { get; } = [];

    internal long NextLease { get; set; } = 1000;
}

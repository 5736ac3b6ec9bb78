using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Fuzzing;

/// <summary>Where attacks go.</summary>
internal sealed record Prey(NodeProcess Node, int SecurePort)
{
    public int Port => Node.Ports.Client;
}

/// <summary>One kind of attack. Everything it does follows from its random numbers.</summary>
internal abstract class Door : IDisposable
{
    /// <summary>The one of that name.</summary>
    public static async Task<Door> OpenAsync(string name, Prey prey) => name switch
    {
        "grpc" => new FrameDoor(prey),
        "protobuf" => new MessageDoor(prey),
        "json" => new JsonDoor(prey),
        "url" => new UrlDoor(prey),
        "tls" => await HandshakeDoor.CreateAsync(prey),
        _ => throw new ArgumentException($"no door is called {name}"),
    };

    public virtual void Dispose()
    {
    }

    /// <summary>One request, to its end; what it was, or null if its answer may rightly take its time.</summary>
    public abstract Task<string?> AttackAsync(Random random);
}

using System.Diagnostics;
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

    /// <summary>One request, to its end; how long the answer took, or null if it may rightly take its time.</summary>
    public async Task<TimeSpan?> AttackAsync(Random random)
    {
        var start = Stopwatch.GetTimestamp();
        return await SendAsync(random) ? Stopwatch.GetElapsedTime(start) : null;
    }

    public virtual void Dispose()
    {
    }

    /// <summary>Sends it and waits for the end; whether the time that took counts.</summary>
    protected abstract Task<bool> SendAsync(Random random);
}

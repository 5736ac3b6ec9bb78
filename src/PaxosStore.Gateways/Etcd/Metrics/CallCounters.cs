using System.Collections.Concurrent;
using Grpc.Core;

namespace PaxosStore.Gateways.Etcd.Metrics;

/// <summary>What happened to calls, by method and outcome. Only methods that exist are counted, so there are as many as there are methods.</summary>
internal sealed class CallCounters
{
    private readonly ConcurrentDictionary<string, MethodCalls> methods = new(StringComparer.Ordinal);
    private long received;
    private long sent;

    /// <summary>All methods that were called, by name.</summary>
    internal IEnumerable<MethodCalls> Methods => methods.Values.OrderBy(method => method.Name, StringComparer.Ordinal);

    /// <summary>Bytes of messages from clients over gRPC.</summary>
    internal long Received => Interlocked.Read(ref received);

    /// <summary>Bytes of messages to clients over gRPC.</summary>
    internal long Sent => Interlocked.Read(ref sent);

    internal MethodCalls Of(string name, MethodType type) =>
        methods.TryGetValue(name, out var known) ? known : methods.GetOrAdd(name, new MethodCalls(name, type));

    internal void CountReceived(long bytes) => Interlocked.Add(ref received, bytes);

    internal void CountSent(long bytes) => Interlocked.Add(ref sent, bytes);
}

/// <summary>The calls of one method.</summary>
internal sealed class MethodCalls(string name, MethodType type)
{
    // The codes of gRPC are 0 to 16.
    private readonly long[] handled = new long[17];
    private long started;

    /// <summary>Full name with its leading slash.</summary>
    internal string Name { get; } = name;

    internal MethodType Type { get; } = type;

    internal long Started => Interlocked.Read(ref started);

    /// <summary>Calls that ended, by code.</summary>
    internal IReadOnlyList<long> Handled => handled;

    /// <summary>How long they took.</summary>
    internal Histogram Durations { get; } = new(Histogram.Calls);

    internal void Start() => Interlocked.Increment(ref started);

    internal void End(StatusCode code, TimeSpan duration)
    {
        Interlocked.Increment(ref handled[(int)code < handled.Length ? (int)code : (int)StatusCode.Unknown]);
        Durations.Add(duration.TotalSeconds);
    }
}

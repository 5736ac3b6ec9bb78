using System.Diagnostics;
using Etcdserverpb;
using Grpc.Core;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Load;

/// <summary>Leases by the thousand on one node, kept alive over twenty streams.</summary>
internal sealed class ManyLeases(NodeProcess node, int ttl) : IDisposable
{
    private const int Streams = 20;
    private readonly NodeClient[] _clients = [.. Enumerable.Range(0, 4).Select(i => new NodeClient($"leases{i}", node.ClientUrl))];
    private readonly List<long> _leases = [];

    /// <summary>Grants as many.</summary>
    public Task GrantAsync(int count) => Task.WhenAll(Enumerable.Range(0, 200).Select(async worker =>
    {
        for (var i = worker; i < count; i += 200)
        {
            var lease = (await _clients[worker % _clients.Length].Lease.LeaseGrantAsync(new LeaseGrantRequest { TTL = ttl })).ID;
            lock (_leases)
                _leases.Add(lease);
        }
    }));

    /// <summary>Keeps each alive, one round after another, each round taking at least <paramref name="pace"/>; how many keep-alives were answered. A lease that is gone fails.</summary>
    public async Task<long> KeepAsync(TimeSpan duration, TimeSpan pace) =>
        (await Task.WhenAll(Enumerable.Range(0, Streams).Select(stream => Task.Run(() => KeepStreamAsync(stream, duration, pace))))).Sum();

    /// <summary>How many the node knows.</summary>
    public async Task<int> CountAsync() => (await _clients[0].Lease.LeaseLeasesAsync(new LeaseLeasesRequest())).Leases.Count;

    public void Dispose() => Array.ForEach(_clients, c => c.Dispose());

    private async Task<long> KeepStreamAsync(int stream, TimeSpan duration, TimeSpan pace)
    {
        var own = _leases.Where((_, i) => i % Streams == stream).ToArray();
        using var call = _clients[stream % _clients.Length].Lease.LeaseKeepAlive();
        var kept = 0L;
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < duration;)
        {
            var round = Task.Delay(pace);
            var reading = ReadAsync(call, own.Length);
            foreach (var lease in own)
                await call.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = lease });
            await reading;
            kept += own.Length;
            await round;
        }

        await call.RequestStream.CompleteAsync();
        return kept;
    }

    private static async Task ReadAsync(AsyncDuplexStreamingCall<LeaseKeepAliveRequest, LeaseKeepAliveResponse> call, int count)
    {
        for (; count > 0; count--)
        {
            Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None), "the node ended a stream of keep-alives");
            Assert.True(call.ResponseStream.Current.TTL > 0, $"lease {call.ResponseStream.Current.ID} expired though it was kept alive");
        }
    }
}

using System.Buffers.Binary;
using System.Diagnostics;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Load;

/// <summary>
/// Many writes as fast as the store takes them, without a history: every key has one writer, which numbers its values, so that afterwards each key must
/// hold the last acknowledged number, or that of a later write whose fate is unknown.
/// </summary>
internal sealed class BulkLoad : IDisposable
{
    private const int KeysPerTransaction = 64;
    private const int KeysPerPage = 2_000;
    private const int ConnectionsPerNode = 4;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private readonly TestCluster _cluster;
    private readonly byte[] _padding;
    private readonly int[] _acknowledged;
    private readonly int[] _attempted;
    private readonly List<Connections> _connections = [];
    private long _errors;

    public BulkLoad(TestCluster cluster, int keys, int valueBytes)
    {
        _cluster = cluster;
        _padding = new byte[valueBytes];
        new Random(1).NextBytes(_padding);
        _acknowledged = new int[keys];
        _attempted = new int[keys];
        for (var i = 0; i < ConnectionsPerNode; i++)
            _connections.Add(new Connections(cluster));
    }

    /// <summary>Bytes of all keys and values.</summary>
    public long LiveBytes => _acknowledged.LongLength * (Key(0).Length + _padding.Length);

    /// <summary>Requests that failed so far.</summary>
    public long Errors => Interlocked.Read(ref _errors);

    /// <summary>Writes every key once, many in a transaction.</summary>
    public Task FillAsync(int clients = 32)
    {
        var next = -1;
        return Task.WhenAll(Enumerable.Range(0, clients).Select(client => Task.Run(async () =>
        {
            for (var first = Claim(); first < _acknowledged.Length; first = Claim())
            {
                var keys = Enumerable.Range(first, Math.Min(KeysPerTransaction, _acknowledged.Length - first)).ToArray();
                var request = new TxnRequest();
                request.Success.AddRange(keys.Select(k => new RequestOp { RequestPut = Put(k) }));
                await Connect(client).Kv.TxnAsync(request, deadline: NodeClient.Within(Limit));
                Array.ForEach(keys, k => _acknowledged[k] = _attempted[k]);
            }
        })));

        int Claim() => Interlocked.Increment(ref next) * KeysPerTransaction;
    }

    /// <summary>
    /// Writes keys in turn, each client its own, until <paramref name="puts"/> were answered or <paramref name="stop"/> says so; when each began and how
    /// long it took, in order of their beginnings.
    /// </summary>
    public async Task<IReadOnlyList<PutTime>> PutAsync(long puts, int clients, CancellationToken stop = default)
    {
        var left = puts;
        var results = await Task.WhenAll(Enumerable.Range(0, clients).Select(client => Task.Run(async () =>
        {
            var times = new List<PutTime>();
            for (var key = client; Interlocked.Decrement(ref left) >= 0 && !stop.IsCancellationRequested; key = key + clients < _acknowledged.Length ? key + clients : client)
            {
                var began = Stopwatch.GetTimestamp();
                if (await TryPutAsync(Connect(client), key))
                    times.Add(new PutTime(began, (float)Stopwatch.GetElapsedTime(began).TotalMilliseconds));
            }

            return times;
        })));
        return [.. results.SelectMany(r => r).OrderBy(t => t.Began)];
    }

    /// <summary>Reads all keys at each member and compares them with what was acknowledged.</summary>
    public async Task AssertAllThereAsync()
    {
        foreach (var client in _cluster.Clients)
        {
            var wrong = new List<string>();
            for (var first = 0; first < _acknowledged.Length; first += KeysPerPage)
            {
                var end = Math.Min(first + KeysPerPage, _acknowledged.Length);
                var page = await client.Kv.RangeAsync(new RangeRequest { Key = Key(first), RangeEnd = Key(end) }, deadline: NodeClient.Within(Limit));
                var found = page.Kvs.ToDictionary(kv => kv.Key, kv => BinaryPrimitives.ReadInt32LittleEndian(kv.Value.Span));
                for (var key = first; key < end; key++)
                {
                    var number = found.GetValueOrDefault(Key(key));
                    if (number < _acknowledged[key] || number > _attempted[key])
                        wrong.Add($"key {key} holds write {number}; acknowledged {_acknowledged[key]}, tried {_attempted[key]}");
                }
            }

            Assert.True(wrong.Count == 0, $"{client.Name}: {wrong.Count} keys are wrong: {string.Join("; ", wrong.Take(5))}");
        }
    }

    public void Dispose() => _connections.ForEach(c => c.Dispose());

    private static ByteString Key(int number) => ByteString.CopyFromUtf8($"bulk/{number:D8}");

    private NodeClient Connect(int client)
    {
        var nodes = _cluster.Nodes;
        var connections = _connections[client / nodes.Length % _connections.Count];
        lock (connections)
            return connections.To(nodes[client % nodes.Length]);
    }

    private async Task<bool> TryPutAsync(NodeClient client, int key)
    {
        var put = Put(key);
        try
        {
            await client.Kv.PutAsync(put, deadline: NodeClient.Within(Limit));
            _acknowledged[key] = _attempted[key];
            return true;
        }
        catch (RpcException e)
        {
            Trace.WriteLine($"{client.Name}: {e.Status}");
            Interlocked.Increment(ref _errors);
            await Task.Delay(25);
            return false;
        }
    }

    private PutRequest Put(int key)
    {
        var value = (byte[])_padding.Clone();
        BinaryPrimitives.WriteInt32LittleEndian(value, ++_attempted[key]);
        return new PutRequest { Key = Key(key), Value = UnsafeByteOperations.UnsafeWrap(value) };
    }
}

/// <summary>When a put began, by <see cref="Stopwatch"/>, and how long it took.</summary>
internal readonly record struct PutTime(long Began, float Milliseconds)
{
    /// <summary>The time that <paramref name="part"/> of the puts did not exceed.</summary>
    public static double Percentile(IEnumerable<PutTime> times, double part)
    {
        var sorted = times.Select(t => t.Milliseconds).Order().ToArray();
        return sorted.Length == 0 ? double.NaN : sorted[(int)(part * (sorted.Length - 1))];
    }
}

using System.Diagnostics;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace PaxosStore.Benchmarks;

/// <summary>What one load came to.</summary>
internal sealed record Sample(double PerSecond, double P50, double P99, long Errors, double Megabytes);

/// <summary>Drives one load against the cluster on the usual ports: warm-up, then the measured time.</summary>
internal sealed class Load : IDisposable
{
    private const int Keys = 10_000;
    private const int Watchers = 100;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1);
    private static readonly ByteString Prefix = ByteString.CopyFromUtf8("load/");
    private static readonly ByteString PrefixEnd = ByteString.CopyFromUtf8("load0");
    private static readonly ByteString[] KeyBytes = [.. Enumerable.Range(0, Keys).Select(i => ByteString.CopyFromUtf8($"load/{i:x8}"))];
    private readonly ByteString _value;
    private readonly LoadShape _shape;
    private readonly Connection[] _connections;
    private long _delivered;

    public Load(LoadShape shape)
    {
        var value = new byte[256];
        new Random(1).NextBytes(value);
        _value = ByteString.CopyFrom(value);
        _shape = shape;
        _connections = [.. Enumerable.Range(0, shape.Connections).Select(i => new Connection(ClusterSystem.ClientPorts[i % ClusterSystem.ClientPorts.Count]))];
    }

    public async Task<Sample> RunAsync(TimeSpan measured, ClusterSystem system)
    {
        if (_shape.Operation is "range-l" or "range-s" or "mixed" or "txn")
            await FillAsync();
        using var watching = new CancellationTokenSource();
        var watchers = _shape.Operation == "watch" ? Enumerable.Range(0, Watchers).Select(i => WatchAsync(i, watching.Token)).ToArray() : [];
        var start = Stopwatch.GetTimestamp() + (long)(WarmUp.TotalSeconds * Stopwatch.Frequency);
        var end = start + (long)(measured.TotalSeconds * Stopwatch.Frequency);
        var clients = Enumerable.Range(0, _shape.Clients).Select(i => Task.Run(() => ClientAsync(i, start, end))).ToArray();
        await Task.Delay(WarmUp);
        var before = Interlocked.Read(ref _delivered);
        var results = await Task.WhenAll(clients);
        var delivered = Interlocked.Read(ref _delivered) - before;
        await watching.CancelAsync();
        await Task.WhenAll(watchers);

        var latencies = results.SelectMany(r => r.Latencies).Order().ToArray();
        var count = _shape.Operation == "watch" ? delivered : latencies.Length;
        return new Sample(count / measured.TotalSeconds, At(latencies, 0.5), At(latencies, 0.99), results.Sum(r => r.Errors), system.ResidentMegabytes());
    }

    public void Dispose() => Array.ForEach(_connections, c => c.Dispose());

    private static double At(double[] sorted, double part) => sorted.Length == 0 ? double.NaN : sorted[(int)(part * (sorted.Length - 1))];

    private Task FillAsync() => Task.WhenAll(Enumerable.Range(0, 50).Select(async worker =>
    {
        for (var i = worker; i < Keys; i += 50)
            await _connections[worker % _connections.Length].Kv.PutAsync(Put(KeyBytes[i]));
    }));

    private async Task<(List<double> Latencies, long Errors)> ClientAsync(int index, long start, long end)
    {
        var connection = _connections[index % _connections.Length];
        var random = new Random(index);
        var latencies = new List<double>();
        var errors = 0L;
        while (true)
        {
            var began = Stopwatch.GetTimestamp();
            if (began >= end)
                return (latencies, errors);
            var done = await TryAsync(connection, random);
            if (began < start)
                continue;
            if (done)
                latencies.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            else
                errors++;
        }
    }

    private async Task<bool> TryAsync(Connection connection, Random random)
    {
        try
        {
            await OneAsync(connection, KeyBytes[random.Next(Keys)], random.Next(5));
            return true;
        }
        catch (RpcException)
        {
            return false;
        }
    }

    private async Task OneAsync(Connection c, ByteString key, int die)
    {
        var deadline = Clock.In(Limit);
        switch (_shape.Operation)
        {
            case "put" or "watch":
            case "mixed" when die == 0:
                await c.Kv.PutAsync(Put(key), deadline: deadline);
                break;
            case "range-l" or "mixed":
                await c.Kv.RangeAsync(new RangeRequest { Key = key }, deadline: deadline);
                break;
            case "range-s":
                await c.Kv.RangeAsync(new RangeRequest { Key = key, Serializable = true }, deadline: deadline);
                break;
            case "txn":
                await c.Kv.TxnAsync(CompareAndPut(key), deadline: deadline);
                break;
            case "lease":
                var grant = await c.Lease.LeaseGrantAsync(new LeaseGrantRequest { TTL = 60 }, deadline: deadline);
                await c.Lease.LeaseRevokeAsync(new LeaseRevokeRequest { ID = grant.ID }, deadline: deadline);
                break;
            default:
                throw new ArgumentException($"unknown operation {_shape.Operation}");
        }
    }

    private async Task WatchAsync(int index, CancellationToken stop)
    {
        try
        {
            using var call = _connections[index % _connections.Length].Watch.Watch(cancellationToken: stop);
            await call.RequestStream.WriteAsync(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = Prefix, RangeEnd = PrefixEnd } }, stop);
            while (await call.ResponseStream.MoveNext(stop))
                Interlocked.Add(ref _delivered, call.ResponseStream.Current.Events.Count);
        }
        catch (Exception e) when (stop.IsCancellationRequested && e is RpcException or OperationCanceledException)
        {
            // Cancelling is how a watcher ends.
        }
    }

    private PutRequest Put(ByteString key) => new() { Key = key, Value = _value };

    private TxnRequest CompareAndPut(ByteString key) => new()
    {
        Compare = { new Compare { Key = key, Target = Compare.Types.CompareTarget.Version, Result = Compare.Types.CompareResult.Greater, Version = 0 } },
        Success = { new RequestOp { RequestPut = Put(key) } },
        Failure = { new RequestOp { RequestRange = new RangeRequest { Key = key } } },
    };

    private sealed class Connection : IDisposable
    {
        private readonly GrpcChannel _channel;

        public Connection(int port)
        {
            _channel = GrpcChannel.ForAddress($"http://127.0.0.1:{port}", new GrpcChannelOptions { HttpHandler = new SocketsHttpHandler(), DisposeHttpClient = true });
            Kv = new KV.KVClient(_channel);
            Lease = new Lease.LeaseClient(_channel);
            Watch = new Watch.WatchClient(_channel);
        }

        public KV.KVClient Kv { get; }

        public Lease.LeaseClient Lease { get; }

        public Watch.WatchClient Watch { get; }

        public void Dispose() => _channel.Dispose();
    }
}

using System.Net.Sockets;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Load;

/// <summary>One logical client: carries out operations and records what it was told.</summary>
internal sealed class RecordingClient(HistoryRecorder recorder)
{
    private static int _ids;
    private static long _values;
    private int _id = Interlocked.Increment(ref _ids);

    /// <summary>A value no other operation of this process writes.</summary>
    public static string UniqueValue() => $"v{Interlocked.Increment(ref _values)}";

    public Task<Operation> GetAsync(NodeClient node, string key, TimeSpan limit, bool serializable = false) =>
        CarryOutAsync(Draft(node, OperationKind.Get, key) with { Serializable = serializable }, async draft =>
        {
            var request = new RangeRequest { Key = Bytes(key), Serializable = serializable };
            var reply = await node.Kv.RangeAsync(request, deadline: NodeClient.Within(limit));
            return draft with { Revision = reply.Header.Revision, Seen = reply.Kvs.FirstOrDefault()?.Value.ToStringUtf8() };
        });

    /// <summary>Reads all keys that begin with <paramref name="prefix"/>.</summary>
    public Task<Operation> RangeAsync(NodeClient node, string prefix, TimeSpan limit, bool serializable = false) =>
        CarryOutAsync(Draft(node, OperationKind.Range, prefix) with { Serializable = serializable }, async draft =>
        {
            var request = new RangeRequest { Key = Bytes(prefix), RangeEnd = PrefixEnd(prefix), Serializable = serializable };
            var reply = await node.Kv.RangeAsync(request, deadline: NodeClient.Within(limit));
            var seen = reply.Kvs.Select(kv => KeyValuePair.Create(kv.Key.ToStringUtf8(), kv.Value.ToStringUtf8())).ToArray();
            return draft with { Revision = reply.Header.Revision, SeenAll = seen };
        });

    /// <summary>Writes a unique value, made longer by <paramref name="padding"/> characters, to a key that ends with <paramref name="lease"/>, if there is one.</summary>
    public Task<Operation> PutAsync(NodeClient node, string key, TimeSpan limit, int padding = 0, long lease = 0) =>
        CarryOutAsync(Draft(node, OperationKind.Put, key) with { Value = UniqueValue().PadRight(padding, '.'), Lease = lease }, async draft =>
        {
            var request = new PutRequest { Key = Bytes(key), Value = Bytes(draft.Value!), Lease = lease };
            var reply = await node.Kv.PutAsync(request, deadline: NodeClient.Within(limit));
            return draft with { Revision = reply.Header.Revision };
        });

    public Task<Operation> CompareAndSetAsync(NodeClient node, string key, string? expected, TimeSpan limit) =>
        CarryOutAsync(Draft(node, OperationKind.CompareAndSet, key) with { Value = UniqueValue(), Expected = expected }, async draft =>
        {
            var compare = new Compare { Key = Bytes(key), Result = Compare.Types.CompareResult.Equal };
            if (expected is null)
                (compare.Target, compare.Version) = (Compare.Types.CompareTarget.Version, 0);
            else
                (compare.Target, compare.Value) = (Compare.Types.CompareTarget.Value, Bytes(expected));
            var request = new TxnRequest
            {
                Compare = { compare },
                Success = { new RequestOp { RequestPut = new PutRequest { Key = Bytes(key), Value = Bytes(draft.Value!) } } },
                Failure = { new RequestOp { RequestRange = new RangeRequest { Key = Bytes(key) } } },
            };
            var reply = await node.Kv.TxnAsync(request, deadline: NodeClient.Within(limit));
            var seen = reply.Succeeded ? null : reply.Responses[0].ResponseRange.Kvs.FirstOrDefault()?.Value.ToStringUtf8();
            return draft with { Revision = reply.Header.Revision, Succeeded = reply.Succeeded, Seen = seen };
        });

    public Task<Operation> DeleteAsync(NodeClient node, string key, TimeSpan limit) =>
        CarryOutAsync(Draft(node, OperationKind.Delete, key) with { Value = UniqueValue() }, async draft =>
        {
            var request = new TxnRequest
            {
                Success =
                {
                    new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Bytes(key), PrevKv = true } },
                    new RequestOp { RequestPut = new PutRequest { Key = Bytes(draft.MarkerKey), Value = Bytes(draft.Value!) } },
                },
            };
            var reply = await node.Kv.TxnAsync(request, deadline: NodeClient.Within(limit));
            var deleted = reply.Responses[0].ResponseDeleteRange;
            return draft with { Revision = reply.Header.Revision, Succeeded = deleted.Deleted > 0, Seen = deleted.PrevKvs.FirstOrDefault()?.Value.ToStringUtf8() };
        });

    /// <summary>Asks for a lease of a number that the client chose.</summary>
    public Task<Operation> GrantAsync(NodeClient node, long lease, long seconds, TimeSpan limit) =>
        CarryOutAsync(Draft(node, OperationKind.LeaseGrant, "") with { Lease = lease }, async draft =>
        {
            var reply = await node.Lease.LeaseGrantAsync(new LeaseGrantRequest { ID = lease, TTL = seconds }, deadline: NodeClient.Within(limit));
            return draft with { Revision = reply.Header.Revision, Ttl = reply.TTL, Succeeded = true };
        });

    public Task<Operation> KeepAliveAsync(NodeClient node, long lease, TimeSpan limit) =>
        CarryOutAsync(Draft(node, OperationKind.LeaseKeepAlive, "") with { Lease = lease }, async draft =>
        {
            using var call = node.Lease.LeaseKeepAlive(deadline: NodeClient.Within(limit));
            await call.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = lease });
            if (!await call.ResponseStream.MoveNext(CancellationToken.None))
                throw new RpcException(new Status(StatusCode.Unknown, "the stream ended without an answer"));
            var reply = call.ResponseStream.Current;
            return draft with { Revision = reply.Header.Revision, Ttl = reply.TTL, Succeeded = reply.TTL > 0 };
        });

    public Task<Operation> RevokeAsync(NodeClient node, long lease, TimeSpan limit) =>
        CarryOutAsync(Draft(node, OperationKind.LeaseRevoke, "") with { Lease = lease }, async draft =>
        {
            var reply = await node.Lease.LeaseRevokeAsync(new LeaseRevokeRequest { ID = lease }, deadline: NodeClient.Within(limit));
            return draft with { Revision = reply.Header.Revision, Succeeded = true };
        });

    /// <summary>The end of the range of all keys that begin with <paramref name="prefix"/>.</summary>
    public static ByteString PrefixEnd(string prefix)
    {
        var end = Bytes(prefix).ToByteArray();
        end[^1]++;
        return ByteString.CopyFrom(end);
    }

    private static ByteString Bytes(string text) => ByteString.CopyFromUtf8(text);

    /// <summary>
    /// A request that never left this process certainly did not happen, nor did one that was answered with a refusal; any other error leaves its fate open.
    /// </summary>
    private static Outcome FateOf(RpcException e) =>
        e.StatusCode is StatusCode.NotFound or StatusCode.InvalidArgument or StatusCode.Unauthenticated or StatusCode.PermissionDenied ? Outcome.Fail
        : e.Status.DebugException is HttpRequestException { InnerException: SocketException { SocketErrorCode: SocketError.ConnectionRefused } } ? Outcome.Fail : Outcome.Info;

    private Operation Draft(NodeClient node, OperationKind kind, string key) => new()
    {
        Client = _id,
        Node = node.Name,
        Kind = kind,
        Key = key,
        Call = HistoryRecorder.Now,
        Return = Operation.Never,
        Outcome = Outcome.Info,
    };

    private async Task<Operation> CarryOutAsync(Operation draft, Func<Operation, Task<Operation>> call)
    {
        Operation done;
        try
        {
            done = await call(draft) with { Outcome = Outcome.Ok, Return = HistoryRecorder.Now };
        }
        catch (Exception e) when (e is InvalidOperationException or HttpRequestException or IOException)
        {
            done = draft with { Error = e.Message }; // a stream that ended while it was written to
            _id = Interlocked.Increment(ref _ids);
        }
        catch (RpcException e)
        {
            done = draft with { Outcome = FateOf(e), Error = $"{e.StatusCode}: {e.Status.Detail}" };
            if (done.Outcome == Outcome.Info)
                _id = Interlocked.Increment(ref _ids);
        }

        recorder.Add(done);
        return done;
    }
}

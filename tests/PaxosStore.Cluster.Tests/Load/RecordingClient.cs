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

    public Task<Operation> GetAsync(NodeClient node, string key, TimeSpan limit) =>
        CarryOutAsync(Draft(node, OperationKind.Get, key), async draft =>
        {
            var reply = await node.Kv.RangeAsync(new RangeRequest { Key = Bytes(key) }, deadline: NodeClient.Within(limit));
            return draft with { Revision = reply.Header.Revision, Seen = reply.Kvs.FirstOrDefault()?.Value.ToStringUtf8() };
        });

    /// <summary>Writes a unique value, made longer by <paramref name="padding"/> characters.</summary>
    public Task<Operation> PutAsync(NodeClient node, string key, TimeSpan limit, int padding = 0) =>
        CarryOutAsync(Draft(node, OperationKind.Put, key) with { Value = UniqueValue().PadRight(padding, '.') }, async draft =>
        {
            var request = new PutRequest { Key = Bytes(key), Value = Bytes(draft.Value!) };
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

    private static ByteString Bytes(string text) => ByteString.CopyFromUtf8(text);

    /// <summary>Only a request that never left this process certainly did not happen; any other error leaves its fate open.</summary>
    private static Outcome FateOf(RpcException e) =>
        e.Status.DebugException is HttpRequestException { InnerException: SocketException { SocketErrorCode: SocketError.ConnectionRefused } } ? Outcome.Fail : Outcome.Info;

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

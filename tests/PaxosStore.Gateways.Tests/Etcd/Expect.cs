using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using PaxosStore.Testing;

namespace PaxosStore.Gateways.Tests.Etcd;

/// <summary>Short forms for requests and for errors.</summary>
internal static class Expect
{
    internal static async Task ErrorAsync(StatusCode code, string text, Func<Task> call)
    {
        var error = await Assert.ThrowsAsync<RpcException>(call);
        Assert.Equal((code, text), (error.StatusCode, error.Status.Detail));
    }

    internal static async Task ErrorAsync<T>(StatusCode code, string text, AsyncUnaryCall<T> call) => await ErrorAsync(code, text, () => call.ResponseAsync);

    internal static ByteString Bytes(string text) => ByteString.CopyFromUtf8(text);

    internal static async Task<PutResponse> PutAsync(this EtcdClient client, string key, string value = "v", long lease = 0) =>
        await client.Kv.PutAsync(new PutRequest { Key = Bytes(key), Value = Bytes(value), Lease = lease });

    internal static RequestOp Put(string key, string value = "v") => new() { RequestPut = new PutRequest { Key = Bytes(key), Value = Bytes(value) } };

    internal static RequestOp Delete(string key, string end = "") =>
        new() { RequestDeleteRange = new DeleteRangeRequest { Key = Bytes(key), RangeEnd = Bytes(end) } };

    internal static RequestOp Range(string key, bool serializable = false) =>
        new() { RequestRange = new RangeRequest { Key = Bytes(key), Serializable = serializable } };

    internal static RequestOp Nested(IEnumerable<RequestOp> success, IEnumerable<RequestOp>? failure = null) =>
        new() { RequestTxn = Txn(success, failure) };

    internal static TxnRequest Txn(IEnumerable<RequestOp> success, IEnumerable<RequestOp>? failure = null)
    {
        var txn = new TxnRequest();
        txn.Success.AddRange(success);
        txn.Failure.AddRange(failure ?? []);
        return txn;
    }
}

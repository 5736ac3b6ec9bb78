using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using PaxosStore.Testing;
using static PaxosStore.Gateways.Tests.Etcd.Expect;

namespace PaxosStore.Gateways.Tests.Etcd;

/// <summary>Texts and codes that clients of etcd recognise, and what the headers say.</summary>
public sealed class KvContractTests : IAsyncLifetime
{
    private const string EmptyKey = "etcdserver: key is not provided";
    private const string Duplicate = "etcdserver: duplicate key given in txn request";

    private DoorHost door = null!;

    private KV.KVClient Kv => door.Client.Kv;

    public async Task InitializeAsync() => door = await DoorHost.StartAsync();

    public async Task DisposeAsync() => await door.DisposeAsync();

    [Fact]
    public async Task Headers_name_the_member_and_the_revision()
    {
        var header = (await door.Client.PutAsync("k")).Header;
        Assert.Equal((0xC1ul, 0x22ul, 2L, 7ul), (header.ClusterId, header.MemberId, header.Revision, header.RaftTerm));
        header = (await Kv.RangeAsync(new RangeRequest { Key = Bytes("k"), Revision = 1 })).Header;
        Assert.Equal((0xC1ul, 0x22ul, 2L, 7ul), (header.ClusterId, header.MemberId, header.Revision, header.RaftTerm));
    }

    [Fact]
    public async Task An_empty_key_is_refused_everywhere()
    {
        await ErrorAsync(StatusCode.InvalidArgument, EmptyKey, Kv.RangeAsync(new RangeRequest()));
        await ErrorAsync(StatusCode.InvalidArgument, EmptyKey, Kv.PutAsync(new PutRequest()));
        await ErrorAsync(StatusCode.InvalidArgument, EmptyKey, Kv.DeleteRangeAsync(new DeleteRangeRequest()));
        await ErrorAsync(StatusCode.InvalidArgument, EmptyKey, Kv.TxnAsync(Txn([Put("")])));
        await ErrorAsync(StatusCode.InvalidArgument, EmptyKey, Kv.TxnAsync(Txn([], [Nested([Range("")])])));
        await ErrorAsync(StatusCode.InvalidArgument, EmptyKey, Kv.TxnAsync(new TxnRequest { Compare = { new Compare() } }));
    }

    [Theory]
    [InlineData(3, 0)]
    [InlineData(-1, 0)]
    [InlineData(0, 5)]
    public async Task An_unknown_sort_is_refused(int order, int target)
    {
        var request = new RangeRequest
        {
            Key = Bytes("k"), SortOrder = (RangeRequest.Types.SortOrder)order, SortTarget = (RangeRequest.Types.SortTarget)target,
        };
        await ErrorAsync(StatusCode.InvalidArgument, "etcdserver: invalid sort option", Kv.RangeAsync(request));
    }

    [Fact]
    public async Task Ignore_value_and_ignore_lease_exclude_what_they_ignore()
    {
        var put = new PutRequest { Key = Bytes("k"), Value = Bytes("v"), IgnoreValue = true };
        await ErrorAsync(StatusCode.InvalidArgument, "etcdserver: value is provided", Kv.PutAsync(put));
        put = new PutRequest { Key = Bytes("k"), Lease = 1, IgnoreLease = true };
        await ErrorAsync(StatusCode.InvalidArgument, "etcdserver: lease is provided", Kv.PutAsync(put));
        put = new PutRequest { Key = Bytes("k"), IgnoreValue = true };
        await ErrorAsync(StatusCode.InvalidArgument, "etcdserver: key not found", Kv.PutAsync(put));
    }

    [Fact]
    public async Task Unknown_leases_compacted_and_future_revisions_are_named()
    {
        var put = new PutRequest { Key = Bytes("k"), Lease = 5 };
        await ErrorAsync(StatusCode.NotFound, "etcdserver: requested lease not found", Kv.PutAsync(put));
        for (var i = 0; i < 4; i++) await door.Client.PutAsync("k");
        await Kv.CompactAsync(new CompactionRequest { Revision = 4 });

        const string compacted = "etcdserver: mvcc: required revision has been compacted";
        const string future = "etcdserver: mvcc: required revision is a future revision";
        await ErrorAsync(StatusCode.OutOfRange, compacted, Kv.RangeAsync(new RangeRequest { Key = Bytes("k"), Revision = 3 }));
        await ErrorAsync(StatusCode.OutOfRange, compacted, Kv.CompactAsync(new CompactionRequest { Revision = 4 }));
        await ErrorAsync(StatusCode.OutOfRange, future, Kv.RangeAsync(new RangeRequest { Key = Bytes("k"), Revision = 9 }));
        await ErrorAsync(StatusCode.OutOfRange, future, Kv.CompactAsync(new CompactionRequest { Revision = 9 }));
        Assert.Single((await Kv.RangeAsync(new RangeRequest { Key = Bytes("k"), Revision = 4 })).Kvs);
    }

    [Fact]
    public async Task A_transaction_has_room_for_128_operations_over_its_levels()
    {
        const string text = "etcdserver: too many operations in txn request";
        RequestOp[] ops = [.. Enumerable.Range(0, 128).Select(i => Put("k" + i))];
        Assert.True((await Kv.TxnAsync(Txn(ops))).Succeeded);
        await ErrorAsync(StatusCode.InvalidArgument, text, Kv.TxnAsync(Txn([.. ops, Put("x")])));
        await ErrorAsync(StatusCode.InvalidArgument, text, Kv.TxnAsync(Txn([.. ops.Take(100), Nested(ops.Skip(100).Append(Range("x")))])));
        await ErrorAsync(StatusCode.InvalidArgument, "etcdserver: key not found", Kv.TxnAsync(Txn([new RequestOp()])));
    }

    [Fact]
    public async Task No_key_is_written_twice_by_one_branch()
    {
        TxnRequest[] refused =
        [
            Txn([Put("a"), Put("a")]),
            Txn([], [Put("a"), Put("a")]),
            Txn([Put("b"), Delete("a", "c")]),
            Txn([Put("a"), Nested([Put("a")])]),
            Txn([Nested([Put("a")]), Nested([], [Put("a")])]),
            Txn([Delete("a", "c"), Nested([Put("b")])]),
            Txn([Nested([Delete("a", "c")]), Nested([Put("b")])]),
        ];
        foreach (var txn in refused) await ErrorAsync(StatusCode.InvalidArgument, Duplicate, Kv.TxnAsync(txn));

        TxnRequest[] accepted =
        [
            Txn([Nested([Put("a")], [Put("a")])]),
            Txn([Delete("a", "c"), Delete("b")]),
            Txn([Nested([Put("b")]), Nested([Delete("a", "c")])]),
            Txn([Put("b"), Delete("a", "\0")]),
            Txn([Put("b"), Delete("a", "b")]),
        ];
        foreach (var txn in accepted) await Kv.TxnAsync(txn);
    }

    [Fact]
    public async Task Replies_inside_a_transaction_carry_the_revision_as_it_ran()
    {
        await door.Client.PutAsync("a");
        var reply = await Kv.TxnAsync(Txn([Range("a"), Put("b"), Range("b"), Nested([Range("b")])]));
        Assert.Equal(3, reply.Header.Revision);
        Assert.Equal(2, reply.Responses[0].ResponseRange.Header.Revision);
        Assert.Equal(3, reply.Responses[1].ResponsePut.Header.Revision);
        Assert.Equal(3, reply.Responses[2].ResponseRange.Header.Revision);
        Assert.Equal(0, reply.Responses[3].ResponseTxn.Header.Revision);
        Assert.Equal(3, reply.Responses[3].ResponseTxn.Responses[0].ResponseRange.Kvs[0].ModRevision);
    }

    [Fact]
    public async Task Too_large_a_write_is_refused_and_a_far_too_large_message_too()
    {
        var put = new PutRequest { Key = Bytes("k"), Value = ByteString.CopyFrom(new byte[1_572_864]) };
        await ErrorAsync(StatusCode.InvalidArgument, "etcdserver: request is too large", Kv.PutAsync(put));
        put.Value = ByteString.CopyFrom(new byte[3_000_000]);
        var error = await Assert.ThrowsAsync<RpcException>(() => Kv.PutAsync(put).ResponseAsync);
        Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
        put.Value = ByteString.CopyFrom(new byte[1_500_000]);
        await Kv.PutAsync(put);
        Assert.Equal(1_500_000, (await Kv.RangeAsync(new RangeRequest { Key = Bytes("k") })).Kvs[0].Value.Length);
    }

    [Fact]
    public async Task Replies_larger_than_four_megabytes_pass()
    {
        var value = new string('x', 1_000_000);
        for (var i = 0; i < 6; i++) await door.Client.PutAsync("big" + i, value);
        var reply = await Kv.RangeAsync(new RangeRequest { Key = Bytes("big"), RangeEnd = Bytes("bih") });
        Assert.Equal(6_000_000, reply.Kvs.Sum(kv => kv.Value.Length));
    }
}

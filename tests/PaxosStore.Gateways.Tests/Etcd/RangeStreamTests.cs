using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using PaxosStore.Testing;
using static PaxosStore.Gateways.Tests.Etcd.Expect;

namespace PaxosStore.Gateways.Tests.Etcd;

public sealed class RangeStreamTests : IAsyncLifetime
{
    private DoorHost door = null!;

    public async Task InitializeAsync()
    {
        door = await DoorHost.StartAsync(options => options.MaxRequestBytes = 4096);
        for (var i = 0; i < 300; i++) await door.Client.PutAsync($"k{i:d3}", new string('v', i));
    }

    public async Task DisposeAsync() => await door.DisposeAsync();

    [Theory]
    [InlineData(0, 0, false)]
    [InlineData(7, 0, false)]
    [InlineData(10, 0, true)]
    [InlineData(299, 0, false)]
    [InlineData(300, 0, false)]
    [InlineData(0, 100, false)]
    public async Task The_pieces_together_are_the_range(long limit, long revision, bool keysOnly)
    {
        var request = new RangeRequest { Key = Bytes("k"), RangeEnd = Bytes("l"), Limit = limit, Revision = revision, KeysOnly = keysOnly };
        var whole = await door.Client.Kv.RangeAsync(request);
        var pieces = await StreamAsync(request);

        Assert.Equal(whole.Kvs, pieces.SelectMany(p => p.Kvs));
        Assert.Equal((whole.Header.Revision, whole.Count, whole.More), (pieces[^1].Header.Revision, pieces[^1].Count, pieces[^1].More));
        Assert.All(pieces.SkipLast(1), p => Assert.True(p.Header is null && p is { Count: 0, More: false } && p.Kvs.Count > 0));
        Assert.All(pieces, p => Assert.True(p.CalculateSize() < 3 * 4096));
    }

    [Fact]
    public async Task One_state_is_told_whatever_is_written_meanwhile()
    {
        using var call = door.Client.Kv.RangeStream(new RangeRequest { Key = Bytes("k"), RangeEnd = Bytes("l") });
        Assert.True(await call.ResponseStream.MoveNext(default));
        var keys = call.ResponseStream.Current.RangeResponse.Kvs.Count;
        await door.Client.Kv.DeleteRangeAsync(new DeleteRangeRequest { Key = Bytes("k"), RangeEnd = Bytes("l") });
        while (await call.ResponseStream.MoveNext(default)) keys += call.ResponseStream.Current.RangeResponse.Kvs.Count;
        Assert.Equal(300, keys);
    }

    [Fact]
    public async Task A_single_key_a_count_and_nothing_are_one_piece()
    {
        Assert.Single(Assert.Single(await StreamAsync(new RangeRequest { Key = Bytes("k001") })).Kvs);
        Assert.Equal(300, Assert.Single(await StreamAsync(new RangeRequest { Key = Bytes("k"), RangeEnd = Bytes("l"), CountOnly = true })).Count);
        Assert.Empty(Assert.Single(await StreamAsync(new RangeRequest { Key = Bytes("x") })).Kvs);
    }

    [Fact]
    public async Task What_it_cannot_do_is_said()
    {
        await RefusedAsync(
            StatusCode.Unimplemented, "RangeStream does not support custom sort orders",
            new RangeRequest { Key = Bytes("k"), SortTarget = RangeRequest.Types.SortTarget.Mod });
        await RefusedAsync(
            StatusCode.Unimplemented, "RangeStream does not support revision filters", new RangeRequest { Key = Bytes("k"), MinModRevision = 3 });
        await RefusedAsync(StatusCode.InvalidArgument, "etcdserver: key is not provided", new RangeRequest());
        await RefusedAsync(
            StatusCode.OutOfRange, "etcdserver: mvcc: required revision is a future revision", new RangeRequest { Key = Bytes("k"), Revision = 5000 });
    }

    private Task RefusedAsync(StatusCode code, string text, RangeRequest request) => ErrorAsync(code, text, () => StreamAsync(request));

    private async Task<List<RangeResponse>> StreamAsync(RangeRequest request)
    {
        var pieces = new List<RangeResponse>();
        using var call = door.Client.Kv.RangeStream(request);
        while (await call.ResponseStream.MoveNext(default)) pieces.Add(call.ResponseStream.Current.RangeResponse);
        return pieces;
    }
}

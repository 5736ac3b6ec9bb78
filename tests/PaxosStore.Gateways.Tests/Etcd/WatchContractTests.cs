using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using Mvccpb;
using PaxosStore.Testing;
using static PaxosStore.Gateways.Tests.Etcd.Expect;
using CreateFilter = Etcdserverpb.WatchCreateRequest.Types.FilterType;

namespace PaxosStore.Gateways.Tests.Etcd;

public sealed class WatchContractTests : IAsyncLifetime
{
    private DoorHost door = null!;
    private AsyncDuplexStreamingCall<WatchRequest, WatchResponse> stream = null!;

    public async Task InitializeAsync()
    {
        door = await DoorHost.StartAsync(o =>
        {
            o.WatchProgressInterval = TimeSpan.FromMilliseconds(300);
            o.MaxRequestBytes = 100_000;
        });
        stream = door.Client.Watch.Watch();
    }

    public async Task DisposeAsync()
    {
        stream.Dispose();
        await door.DisposeAsync();
    }

    [Fact]
    public async Task The_created_reply_comes_first_and_names_the_revision_to_resume_from()
    {
        await PutAsync("k", 3);
        await CreateAsync(new WatchCreateRequest { Key = Bytes("k"), StartRevision = 2 });
        var created = await NextAsync();
        Assert.Equal((true, 0L, 4L, 0), (created.Created, created.WatchId, created.Header.Revision, created.Events.Count));
        Assert.Equal([2L, 3L, 4L], (await NextAsync()).Events.Select(e => e.Kv.ModRevision));
    }

    [Fact]
    public async Task Events_carry_type_version_and_previous_value()
    {
        await CreatedAsync(new WatchCreateRequest { Key = Bytes("k"), PrevKv = true });
        await PutAsync("k", 1);
        var put = Assert.Single((await NextAsync()).Events);
        Assert.Equal((Event.Types.EventType.Put, 2L, 1L), (put.Type, put.Kv.CreateRevision, put.Kv.Version));
        Assert.Null(put.PrevKv);
        await door.Client.PutAsync("k", "w");
        Assert.Equal(Bytes("v"), (await NextAsync()).Events[0].PrevKv.Value);
        await door.Client.Kv.DeleteRangeAsync(new DeleteRangeRequest { Key = Bytes("k") });
        var delete = (await NextAsync()).Events[0];
        Assert.Equal(new KeyValue { Key = Bytes("k"), ModRevision = 4 }, delete.Kv);
        Assert.Equal((Event.Types.EventType.Delete, Bytes("w")), (delete.Type, delete.PrevKv.Value));
    }

    [Fact]
    public async Task Filters_drop_events_and_empty_batches()
    {
        await CreatedAsync(new WatchCreateRequest { Key = Bytes("k"), Filters = { CreateFilter.Noput } });
        await CreatedAsync(new WatchCreateRequest { Key = Bytes("k"), Filters = { CreateFilter.Nodelete } });
        await PutAsync("k", 1);
        Assert.Equal(1, (await NextAsync()).WatchId);
        await door.Client.Kv.DeleteRangeAsync(new DeleteRangeRequest { Key = Bytes("k") });
        Assert.Equal(0, (await NextAsync()).WatchId);
    }

    [Fact]
    public async Task Refused_watchers_are_created_and_canceled_at_once()
    {
        await CreatedAsync(new WatchCreateRequest { Key = Bytes("k"), WatchId = 7 });
        (WatchCreateRequest Request, string Reason)[] refused =
        [
            (new WatchCreateRequest { Key = Bytes("k"), WatchId = 7 }, "mvcc: duplicate watch ID provided on the WatchStream"),
            (new WatchCreateRequest { Key = Bytes("k"), RangeEnd = Bytes("k") }, "mvcc: watcher range is empty"),
            (new WatchCreateRequest { Key = Bytes("k"), StartRevision = -1 }, "etcdserver: mvcc: required revision has been compacted"),
        ];
        foreach (var (request, reason) in refused)
        {
            await CreateAsync(request);
            var reply = await NextAsync();
            Assert.Equal((true, true, -1L, reason), (reply.Created, reply.Canceled, reply.WatchId, reply.CancelReason));
        }
    }

    [Fact]
    public async Task An_empty_key_with_an_open_end_watches_everything()
    {
        await CreatedAsync(new WatchCreateRequest { RangeEnd = ByteString.CopyFrom(0) });
        await PutAsync("anything", 1);
        Assert.Single((await NextAsync()).Events);
    }

    [Fact]
    public async Task A_compacted_start_is_created_then_canceled_with_the_oldest_revision()
    {
        await PutAsync("k", 5);
        await door.Client.Kv.CompactAsync(new CompactionRequest { Revision = 4 });
        await CreatedAsync(new WatchCreateRequest { Key = Bytes("k"), StartRevision = 3 });
        var canceled = await NextAsync();
        Assert.Equal((true, 4L, "", 0L), (canceled.Canceled, canceled.CompactRevision, canceled.CancelReason, canceled.WatchId));
        Assert.Equal(0, canceled.Header.Revision);

        await CreatedAsync(new WatchCreateRequest { Key = Bytes("k"), StartRevision = 4 });
        Assert.Equal([4L, 5L, 6L], (await NextAsync()).Events.Select(e => e.Kv.ModRevision));
    }

    [Fact]
    public async Task The_number_of_a_watcher_lost_to_a_compaction_is_taken_until_it_is_canceled()
    {
        await PutAsync("k", 5);
        await door.Client.Kv.CompactAsync(new CompactionRequest { Revision = 4 });
        await CreatedAsync(new WatchCreateRequest { Key = Bytes("k"), StartRevision = 3, WatchId = 1 });
        Assert.Equal(4, (await NextAsync()).CompactRevision);

        Assert.Equal(0, (await CreatedAsync(new WatchCreateRequest { Key = Bytes("a") })).WatchId);
        Assert.Equal(2, (await CreatedAsync(new WatchCreateRequest { Key = Bytes("a") })).WatchId);
        await CreateAsync(new WatchCreateRequest { Key = Bytes("a"), WatchId = 1 });
        Assert.Contains("duplicate watch ID", (await NextAsync()).CancelReason, StringComparison.Ordinal);

        await stream.RequestStream.WriteAsync(new WatchRequest { CancelRequest = new WatchCancelRequest { WatchId = 1 } });
        var canceled = await NextAsync();
        Assert.Equal((true, 1L, 0L), (canceled.Canceled, canceled.WatchId, canceled.CompactRevision));
        Assert.Equal(1, (await CreatedAsync(new WatchCreateRequest { Key = Bytes("a"), WatchId = 1 })).WatchId);
    }

    [Fact]
    public async Task Cancel_answers_for_known_ids_only_and_numbers_are_not_given_twice()
    {
        await CreatedAsync(new WatchCreateRequest { Key = Bytes("a") });
        await stream.RequestStream.WriteAsync(new WatchRequest { CancelRequest = new WatchCancelRequest { WatchId = 9 } });
        await stream.RequestStream.WriteAsync(new WatchRequest { CancelRequest = new WatchCancelRequest { WatchId = 0 } });
        var canceled = await NextAsync();
        Assert.Equal((true, 0L, 0L), (canceled.Canceled, canceled.WatchId, canceled.CompactRevision));
        await PutAsync("a", 1);
        Assert.Equal(1, (await CreatedAsync(new WatchCreateRequest { Key = Bytes("a") })).WatchId);
    }

    [Fact]
    public async Task A_half_closed_stream_stays_open()
    {
        await CreateAsync(new WatchCreateRequest { Key = Bytes("k") });
        await stream.RequestStream.CompleteAsync();
        Assert.True((await NextAsync()).Created);
        await PutAsync("k", 1);
        Assert.Single((await NextAsync()).Events);
    }

    [Fact]
    public async Task Large_revisions_are_split_only_for_those_who_ask()
    {
        await CreatedAsync(new WatchCreateRequest { Key = Bytes("k"), RangeEnd = Bytes("l"), Fragment = true });
        var value = new string('x', 40_000);
        await door.Client.Lease.LeaseGrantAsync(new LeaseGrantRequest { ID = 1, TTL = 100 });
        for (var i = 0; i < 6; i++) await door.Client.PutAsync("k" + i, value, lease: 1);
        for (var n = 0; n < 6;) n += (await NextAsync()).Events.Count;
        await CreatedAsync(new WatchCreateRequest { Key = Bytes("k"), RangeEnd = Bytes("l"), StartRevision = 2, Fragment = true });
        var parts = new List<(bool Fragment, int Count)>();
        do
        {
            var part = await NextAsync();
            Assert.True(part.CalculateSize() < 100_000);
            parts.Add((part.Fragment, part.Events.Count));
        }
        while (parts[^1].Fragment);
        Assert.Equal([(true, 2), (true, 2), (false, 2)], parts);
    }

    [Fact]
    public async Task Manual_progress_speaks_for_all_watchers_after_their_events()
    {
        await CreatedAsync(new WatchCreateRequest { Key = Bytes("a") });
        await CreatedAsync(new WatchCreateRequest { Key = Bytes("b") });
        for (var round = 0; round < 50; round++)
        {
            await PutAsync("a", 1);
            await PutAsync("other", 1);
            await stream.RequestStream.WriteAsync(new WatchRequest { ProgressRequest = new WatchProgressRequest() });
            var seen = 0L;
            while (true)
            {
                var reply = await NextAsync();
                if (reply.WatchId == -1)
                {
                    Assert.Equal(3 + (2 * round), reply.Header.Revision);
                    Assert.Equal(2 + (2 * round), seen);
                    break;
                }

                seen = reply.Events[^1].Kv.ModRevision;
            }
        }
    }

    [Fact]
    public async Task Watchers_of_the_future_get_neither_events_nor_progress_before_it_comes()
    {
        await CreatedAsync(new WatchCreateRequest { Key = Bytes("k"), StartRevision = 5, ProgressNotify = true });
        await PutAsync("k", 2);
        await stream.RequestStream.WriteAsync(new WatchRequest { ProgressRequest = new WatchProgressRequest() });
        var next = NextAsync();
        Assert.NotSame(next, await Task.WhenAny(next, Task.Delay(700)));
        await PutAsync("k", 3);
        var reply = await next;
        while (reply.Events.Count == 0) reply = await NextAsync();
        Assert.Equal(5, reply.Events[0].Kv.ModRevision);
    }

    [Fact]
    public async Task Idle_watchers_that_asked_are_told_the_revision_now_and_then()
    {
        await CreatedAsync(new WatchCreateRequest { Key = Bytes("quiet"), ProgressNotify = true });
        await CreatedAsync(new WatchCreateRequest { Key = Bytes("silent") });
        await PutAsync("other", 4);
        var progress = await NextAsync();
        while (progress.Header.Revision < 5) progress = await NextAsync();
        Assert.Equal((0L, 5L, 0), (progress.WatchId, progress.Header.Revision, progress.Events.Count));
    }

    [Fact]
    public async Task Thousands_of_watchers_share_a_stream_and_only_the_concerned_one_speaks()
    {
        const int watchers = 5000;
        var creating = Task.Run(async () =>
        {
            for (var i = 0; i < watchers; i++) await CreateAsync(new WatchCreateRequest { Key = Bytes("k" + i) });
        });
        for (var i = 0; i < watchers; i++) Assert.Equal(i, (await NextAsync()).WatchId);
        await creating;
        for (var i = 0; i < watchers; i += 500)
        {
            await PutAsync("k" + i, 1);
            Assert.Equal(i, (await NextAsync()).WatchId);
        }
    }

    [Fact]
    public async Task A_client_that_does_not_read_loses_nothing()
    {
        await CreatedAsync(new WatchCreateRequest { Key = Bytes("k") });
        var value = new string('x', 50_000);
        for (var i = 0; i < 400; i++) await door.Client.PutAsync("k", value);
        var seen = new List<long>();
        while (seen.Count < 400) seen.AddRange((await NextAsync()).Events.Select(e => e.Kv.ModRevision));
        Assert.Equal(Enumerable.Range(2, 400).Select(i => (long)i), seen);
    }

    private Task CreateAsync(WatchCreateRequest request) => stream.RequestStream.WriteAsync(new WatchRequest { CreateRequest = request });

    private async Task<WatchResponse> CreatedAsync(WatchCreateRequest request)
    {
        await CreateAsync(request);
        var reply = await NextAsync();
        Assert.True(reply.Created && !reply.Canceled, reply.ToString());
        return reply;
    }

    private async Task<WatchResponse> NextAsync()
    {
        Assert.True(await stream.ResponseStream.MoveNext(default).WaitAsync(TimeSpan.FromSeconds(10)));
        return stream.ResponseStream.Current;
    }

    private async Task PutAsync(string key, int times)
    {
        for (var i = 0; i < times; i++) await door.Client.PutAsync(key);
    }
}

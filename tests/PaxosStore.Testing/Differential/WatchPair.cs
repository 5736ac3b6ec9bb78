using System.Diagnostics;
using Etcdserverpb;
using Google.Protobuf;
using CreateFilter = Etcdserverpb.WatchCreateRequest.Types.FilterType;

namespace PaxosStore.Testing.Differential;

/// <summary>The same watch stream on both servers. Every step is compared: replies at once, events whenever the streams are settled.</summary>
internal sealed class WatchPair(EtcdClient reference, EtcdClient tested, Random random, KvGenerator keys, World world, Report report) : IAsyncDisposable
{
    private const int MostWatchers = 8;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    private readonly WatchSession[] sessions = [new(reference), new(tested)];
    private readonly List<(long Id, WatchCreateRequest Request)> open = [];
    private readonly HashSet<WatchCreateRequest> reported = new(ReferenceEqualityComparer.Instance);
    private readonly List<long> lost = [];
    private int expectedControl;

    /// <summary>Does one random thing.</summary>
    internal Task StepAsync() => random.Next(10) switch
    {
        < 6 => open.Count < MostWatchers ? CreateAsync() : CancelAsync(),
        < 8 => CancelAsync(),
        _ => ProgressAsync(),
    };

    private async Task CreateAsync()
    {
        var request = Create();
        var message = new WatchRequest { CreateRequest = request };
        var before = expectedControl;
        if (!await ExchangeAsync("Watch.Create", message, 1)) return;
        var created = sessions[0].Control[before];
        if (created.Canceled) return;
        open.Add((created.WatchId, request));
        if (request.StartRevision > 0 && request.StartRevision < world.CompactRevision)
        {
            if (await ExchangeAsync("Watch.Create(compacted)", null, 1)) Close(created.WatchId);
            lost.Add(created.WatchId);
        }
        else if (request.StartRevision > 0 && request.StartRevision <= world.Revision)
        {
            // The reference catches watchers up ten times a second.
            await Task.Delay(250);
            await SettleAsync();
        }
    }

    private WatchCreateRequest Create()
    {
        var request = new WatchCreateRequest { Key = keys.Key(), RangeEnd = keys.End(), PrevKv = keys.Chance(50), ProgressNotify = keys.Chance(20) };
        if (keys.Chance(15)) request.Filters.Add(CreateFilter.Noput);
        if (keys.Chance(15)) request.Filters.Add(CreateFilter.Nodelete);
        if (keys.Chance(25)) request.WatchId = random.Next(1, 6);
        request.StartRevision = random.Next(10) switch
        {
            < 5 => 0,
            5 => Math.Max(1, world.CompactRevision - 1),
            6 => world.CompactRevision + 1,
            7 => world.Revision + 1,
            _ => Math.Max(world.CompactRevision + 1, world.Revision - random.Next(0, 80)),
        };
        return request;
    }

    private async Task CancelAsync()
    {
        await SettleAsync();
        if (open.Count == 0 || keys.Chance(10))
        {
            await ExchangeAsync("Watch.Cancel(unknown)", Cancel(4711), 0);
            return;
        }

        if (lost.Count > 0 && keys.Chance(30))
        {
            // Lost to a compaction; its id stays taken until now.
            await ExchangeAsync("Watch.Cancel(compacted)", Cancel(lost[0]), 1);
            lost.RemoveAt(0);
            return;
        }

        var id = open[random.Next(open.Count)].Id;
        await ExchangeAsync("Watch.Cancel", Cancel(id), 1);
        Close(id);
    }

    private static WatchRequest Cancel(long id) => new() { CancelRequest = new WatchCancelRequest { WatchId = id } };

    private async Task ProgressAsync()
    {
        await SettleAsync();
        await ExchangeAsync("Watch.Progress", new WatchRequest { ProgressRequest = new WatchProgressRequest() }, 1);
    }

    // Sends to both and compares the next replies. Returns whether both gave them.
    private async Task<bool> ExchangeAsync(string name, WatchRequest? message, int replies)
    {
        expectedControl += replies;
        var came = new bool[2];
        for (var i = 0; i < 2; i++)
        {
            if (message is not null) await sessions[i].SendAsync(message);
            came[i] = await sessions[i].ControlReachesAsync(expectedControl, Limit);
        }

        if (!came[0] || !came[1])
        {
            var detail = string.Join(" / ", sessions.Select(s => string.Join(", ", s.Control.Skip(expectedControl - replies).Select(c => c.ToString()))));
            report.Differ(name, message, $"replied: {came[0]}", $"replied: {came[1]}; {detail}");
            return false;
        }

        for (var i = expectedControl - replies; i < expectedControl; i++)
        {
            var (a, b) = (sessions[0].Control[i].Clone(), sessions[1].Control[i].Clone());
            Normaliser.Headers(a);
            Normaliser.Headers(b);
            report.Compare(name, message, a, b);
        }

        return true;
    }

    /// <summary>Waits until both streams said the same number of events, then compares all of them.</summary>
    internal async Task SettleAsync()
    {
        var since = Stopwatch.StartNew();
        while (since.Elapsed < Limit && open.Any(w => sessions[0].Events(w.Id).Length != sessions[1].Events(w.Id).Length)) await Task.Delay(2);
        foreach (var (id, request) in open) CompareEvents(id, request);
    }

    private void CompareEvents(long id, WatchCreateRequest request)
    {
        var (a, b) = (sessions[0].Events(id), sessions[1].Events(id));
        report.Events += a.Length;
        if (a.SequenceEqual(b) || !reported.Add(request)) return;
        var at = 0;
        while (at < Math.Min(a.Length, b.Length) && a[at].Equals(b[at])) at++;
        report.Differ(
            "Watch.Events", request,
            $"{a.Length} events, at {at}: {(at < a.Length ? a[at].ToString() : "-")}",
            $"{b.Length} events, at {at}: {(at < b.Length ? b[at].ToString() : "-")}");
    }

    private void Close(long id)
    {
        open.RemoveAll(w => w.Id == id);
        foreach (var session in sessions) session.Forget(id);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var session in sessions) await session.DisposeAsync();
    }
}

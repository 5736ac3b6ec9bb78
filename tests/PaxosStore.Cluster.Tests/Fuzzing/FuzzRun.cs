using System.Diagnostics;
using System.Net.Security;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Fuzzing;

/// <summary>What an attack came to.</summary>
/// <param name="Requests">How many requests or connections were thrown at the door.</param>
/// <param name="SlowestAnswer">The longest that one of them waited for its answer, where answers are due at once.</param>
/// <param name="SlowestHonest">The longest that an honest client beside them waited for one answer.</param>
/// <param name="HonestCalls">How many calls that client made.</param>
/// <param name="PeakMegabytes">Most resident memory of the node meanwhile.</param>
internal sealed record FuzzResult(long Requests, Wait SlowestAnswer, Wait SlowestHonest, long HonestCalls, double PeakMegabytes);

/// <summary>How long somebody waited, for what, and when that ended: the node's log may say more about the moment.</summary>
internal readonly record struct Wait(TimeSpan Took, string What, DateTimeOffset At)
{
    public override string ToString() => $"{Took.TotalMilliseconds:F0} ms ({What}, until {At:HH:mm:ss.fff})";
}

/// <summary>Attackers at one door of a node, an honest client beside them, and an eye on the node's memory.</summary>
internal sealed class FuzzRun(Prey prey, SslClientAuthenticationOptions trust, Door door, int seed)
{
    private const int Attackers = 3;
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private readonly Lock _gate = new();
    private Wait _slowestAnswer;
    private Wait _slowestHonest;
    private long _requests;
    private double _peak;

    public async Task<FuzzResult> RunAsync(TimeSpan duration)
    {
        using var stop = new CancellationTokenSource();
        var honest = Task.Run(() => BeHonestAsync(stop.Token));
        var watching = Task.Run(() => WatchMemoryAsync(stop.Token));
        var attackers = Enumerable.Range(0, Attackers).Select(i => Task.Run(() => AttackAsync(new Random(seed + i), duration))).ToArray();
        try
        {
            await Task.WhenAll(attackers);
        }
        finally
        {
            await stop.CancelAsync();
        }

        var calls = await honest;
        await watching;
        return new FuzzResult(_requests, _slowestAnswer, _slowestHonest, calls, _peak);
    }

    private async Task AttackAsync(Random random, TimeSpan duration)
    {
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < duration;)
        {
            var start = Stopwatch.GetTimestamp();
            var what = await door.AttackAsync(random);
            Interlocked.Increment(ref _requests);
            if (what is not null)
                Note(ref _slowestAnswer, what, start);
        }
    }

    private void Note(ref Wait slowest, string what, long start)
    {
        var took = Stopwatch.GetElapsedTime(start);
        lock (_gate)
            slowest = took > slowest.Took ? new Wait(took, what, DateTimeOffset.UtcNow) : slowest;
    }

    // Writes and reads on the port in the clear, and now and then over a new connection with TLS.
    private async Task<long> BeHonestAsync(CancellationToken stop)
    {
        using var client = new NodeClient("honest", prey.Node.ClientUrl);
        var calls = 0L;
        while (!stop.IsCancellationRequested)
        {
            if (calls % 10 == 9)
            {
                using var secure = new NodeClient("honest", $"https://127.0.0.1:{prey.SecurePort}", trust);
                await UseAsync(secure, "over a new connection with TLS");
            }
            else
            {
                await UseAsync(client, "in the clear");
            }

            calls++;
            await Task.WhenAny(Task.Delay(Pace, stop));
        }

        return calls;
    }

    private async Task UseAsync(NodeClient client, string how)
    {
        var key = ByteString.CopyFromUtf8("honest");
        try
        {
            await TimeAsync($"put {how}", () => client.Kv.PutAsync(new PutRequest { Key = key, Value = key }, deadline: NodeClient.Within(Limit)));
            await TimeAsync($"get {how}", () => client.Kv.RangeAsync(new RangeRequest { Key = key }, deadline: NodeClient.Within(Limit)));
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.ResourceExhausted or StatusCode.DataLoss)
        {
            // An attacker has raised an alarm, as everybody may where there are no users.
            var raised = await TimeAsync("alarms", () => client.Maintenance.AlarmAsync(new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Get }));
            foreach (var alarm in raised.Alarms)
            {
                var off = new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Deactivate, MemberID = alarm.MemberID, Alarm = alarm.Alarm };
                await TimeAsync("alarm off", () => client.Maintenance.AlarmAsync(off));
            }
        }
    }

    private async Task<T> TimeAsync<T>(string what, Func<AsyncUnaryCall<T>> call)
    {
        var start = Stopwatch.GetTimestamp();
        try
        {
            using var running = call();
            return await running;
        }
        finally
        {
            Note(ref _slowestHonest, what, start);
        }
    }

    private async Task WatchMemoryAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested && prey.Node.IsRunning)
        {
            _peak = Math.Max(_peak, prey.Node.ResidentMegabytes);
            await Task.WhenAny(Task.Delay(Pace, stop));
        }
    }
}

using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using PaxosStore.Gateways.Etcd.Json;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd;

/// <summary>
/// <c>/livez</c> (is this process to be restarted?) and <c>/readyz</c> (is it to be asked?), each a list of checks that can be asked for alone, by
/// subpath, or left out, by <c>?exclude=</c>. A check that fails is always told; with <c>?verbose</c> all are.
/// </summary>
internal static class Probes
{
    private static readonly Check[] Live = [new("serializable_read", SerializableReadAsync)];

    private static readonly Check[] Ready =
    [
        new("data_corruption", DataCorruptionAsync),
        new("serializable_read", SerializableReadAsync),
        new("linearizable_read", LinearizableReadAsync),
        new("non_learner", NonLearnerAsync),
        new("vote", VoteAsync),
    ];

    internal static Task LivezAsync(HttpContext http, IKvStore store, IOptions<EtcdDoorOptions> options) => AnswerAsync(http, Live, store, options.Value);

    internal static Task ReadyzAsync(HttpContext http, IKvStore store, IOptions<EtcdDoorOptions> options) => AnswerAsync(http, Ready, store, options.Value);

    /// <summary>Runs a read within the time a probe may take.</summary>
    /// <returns>What went wrong, in etcd's words; null when nothing did.</returns>
    internal static async Task<string?> ReadAsync(IKvStore store, ReadConsistency consistency, TimeSpan timeout, CancellationToken gone)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(gone);
        limit.CancelAfter(timeout);
        try
        {
            await store.ReadAsync(consistency, limit.Token);
            return null;
        }
        catch (KvException e)
        {
            return EtcdErrors.FromStore(e.Code).Status.Detail;
        }
        catch (OperationCanceledException) when (!gone.IsCancellationRequested)
        {
            return EtcdErrors.RequestTimedOut.Status.Detail;
        }
    }

    private static async Task AnswerAsync(HttpContext http, Check[] all, IKvStore store, EtcdDoorOptions options)
    {
        if (await EtcdHttp.RefusedAsync(http)) return;
        var checks = all;
        if (http.Request.RouteValues["check"] is string one)
        {
            checks = [.. all.Where(check => check.Name == one)];
            if (checks.Length == 0)
            {
                await PlainText.WriteAsync(http, StatusCodes.Status404NotFound, "404 page not found");
                return;
            }
        }

        var excluded = http.Request.Query["exclude"];
        var told = new StringBuilder();
        var sick = false;
        foreach (var check in checks.Where(check => !excluded.Contains(check.Name)))
        {
            var reason = await check.RunAsync(store, options, http.RequestAborted);
            sick |= reason is not null;
            told.Append(reason is null ? $"[+]{check.Name} ok\n" : $"[-]{check.Name} failed: {reason}\n");
        }

        var verbose = sick || http.Request.Query.ContainsKey("verbose");
        var status = sick ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status200OK;
        await PlainText.WriteAsync(http, status, (verbose ? told.ToString() : "") + (sick ? "" : "ok"));
    }

    private static Task<string?> SerializableReadAsync(IKvStore store, EtcdDoorOptions options, CancellationToken gone) =>
        ReadAsync(store, ReadConsistency.Serializable, options.HealthTimeout, gone);

    private static Task<string?> LinearizableReadAsync(IKvStore store, EtcdDoorOptions options, CancellationToken gone) =>
        ReadAsync(store, ReadConsistency.Linearizable, options.HealthTimeout, gone);

    private static Task<string?> DataCorruptionAsync(IKvStore store, EtcdDoorOptions options, CancellationToken gone) =>
        Task.FromResult(store.View.Alarms.Any(alarm => alarm.Kind == AlarmKind.Corrupt) ? "alarm activated: CORRUPT" : null);

    private static Task<string?> NonLearnerAsync(IKvStore store, EtcdDoorOptions options, CancellationToken gone) =>
        Task.FromResult(store.Status.IsObserver ? "local node is learner" : null);

    private static Task<string?> VoteAsync(IKvStore store, EtcdDoorOptions options, CancellationToken gone) =>
        Task.FromResult(store.Status.LacksVote ? "this member's vote does not count until all other members have told it what its journal may have lost" : null);

    private sealed record Check(string Name, Func<IKvStore, EtcdDoorOptions, CancellationToken, Task<string?>> RunAsync);
}

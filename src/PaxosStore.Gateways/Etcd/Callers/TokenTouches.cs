using Microsoft.Extensions.Logging;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Callers;

/// <summary>
/// Keeps tokens alive that are used. A use costs nothing as long as most of the token's time is left; after that the token waits a moment for others, and
/// one command renews them all.
/// </summary>
internal sealed class TokenTouches : IDisposable
{
    private const int MostAtOnce = 1024;
    private static readonly TimeSpan Gather = TimeSpan.FromMilliseconds(500);

    private readonly IKvStore store;
    private readonly ILogger<TokenTouches> logger;
    private readonly ITimer timer;
    private readonly Lock gate = new();
    private readonly HashSet<string> waiting = new(StringComparer.Ordinal);
    private bool sending;

    public TokenTouches(IKvStore store, ILogger<TokenTouches> logger, TimeProvider? time = null)
    {
        (this.store, this.logger) = (store, logger);
        timer = (time ?? TimeProvider.System).CreateTimer(_ => _ = SendAsync(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>A token was used at <paramref name="logTime"/>.</summary>
    internal void Used(string id, AuthToken token, TimeSpan logTime)
    {
        if ((token.Deadline - logTime).TotalSeconds > token.TtlSeconds * 2.0 / 3) return;
        lock (gate)
        {
            // Those that find no room are renewed at their next use: two thirds of their time are left for it.
            if (waiting.Count >= MostAtOnce || !waiting.Add(id) || waiting.Count > 1 || sending) return;
        }

        timer.Change(Gather, Timeout.InfiniteTimeSpan);
    }

    private async Task SendAsync()
    {
        string[] ids;
        lock (gate)
        {
            if (sending || waiting.Count == 0) return;
            sending = true;
            ids = [.. waiting];
        }

        try
        {
            await store.ExecuteAsync(new TouchTokensCommand([.. ids]) { Caller = Caller.Node }, CancellationToken.None);
        }
        catch (KvException e)
        {
            Log.TokensNotRenewed(logger, ids.Length, e.Code);
        }
        finally
        {
            bool more;
            lock (gate)
            {
                sending = false;
                waiting.ExceptWith(ids);
                more = waiting.Count > 0;
            }

            if (more) timer.Change(Gather, Timeout.InfiniteTimeSpan);
        }
    }

    public void Dispose() => timer.Dispose();
}

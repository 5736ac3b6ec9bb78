namespace PaxosStore.Node.Facade;

/// <summary>
/// A key lease that is kept alive; made by <see cref="PaxosStoreClient.GrantLeaseAsync"/>. The store ends it when no renewal has reached it for its
/// TTL; the holder gives up earlier, counting from before it sent the last renewal that worked, less a tenth for clocks that drift. Disposing it
/// revokes it.
/// </summary>
public sealed class PaxosStoreLease : IAsyncDisposable
{
    private readonly PaxosStoreClient _client;
    private readonly TimeSpan _hold;
    private readonly CancellationTokenSource _lost;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _keeping;
    private long _renewedAt;
    private int _disposed;

    internal PaxosStoreLease(PaxosStoreClient client, LeaseGrantResult granted, long sentAt)
    {
        (_client, Id, Ttl, _renewedAt) = (client, granted.Id, TimeSpan.FromSeconds(granted.TtlSeconds), sentAt);
        _hold = Ttl * 0.9;
        _lost = new CancellationTokenSource(Left(), client.Time);
        Lost = _lost.Token;
        _keeping = KeepAsync();
    }

    /// <summary>Its id, for <see cref="PutOp.Lease"/>.</summary>
    public long Id { get; }

    /// <summary>Its time to live.</summary>
    public TimeSpan Ttl { get; }

    /// <summary>
    /// Fires when the lease is gone or can't be told from gone. Runs on a timer: check <see cref="IsHeld"/> before what must not be done without
    /// it.
    /// </summary>
    public CancellationToken Lost { get; }

    /// <summary>Certainly still held at this moment, by the local clock alone.</summary>
    public bool IsHeld => !Lost.IsCancellationRequested && Left() > TimeSpan.Zero;

    /// <summary>Stops renewing and revokes it, which deletes its keys; when no member can be reached, its TTL does that.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _keeping.ConfigureAwait(false);
        try
        {
            var revoke = new LeaseRevokeCommand(Id);
            if (!_lost.IsCancellationRequested) await _client.ExecuteRepeatableAsync(revoke, Ttl, CancellationToken.None).ConfigureAwait(false);
        }
        catch (KvException)
        {
            // Gone already, or out of reach: it ends by its TTL.
        }

        await _lost.CancelAsync().ConfigureAwait(false);
        _lost.Dispose();
        _stopping.Dispose();
    }

    private TimeSpan Left()
    {
        var left = _hold - _client.Time.GetElapsedTime(Volatile.Read(ref _renewedAt));
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    private async Task KeepAsync()
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token, _lost.Token);
        try
        {
            while (true)
            {
                var (pause, left) = (Ttl / 4, Left() / 2);
                await Task.Delay(pause < left ? pause : left, _client.Time, end.Token).ConfigureAwait(false);
                if (!await RenewAsync(end.Token).ConfigureAwait(false))
                {
                    await _lost.CancelAsync().ConfigureAwait(false);
                    return;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed, or lost.
        }
    }

    /// <summary>
    /// Renews any lease; false when the store says that it is gone. A member that is slow for a lease this short is not waited for.
    /// </summary>
    internal static async Task<bool> RenewAsync(PaxosStoreClient client, long id, TimeSpan ttl, CancellationToken cancellationToken)
    {
        var result = await client.ExecuteRepeatableAsync(new LeaseKeepAliveCommand([id]), ttl / 4, cancellationToken).ConfigureAwait(false);
        return ((LeaseKeepAliveResult)result).TtlSeconds[0] > 0;
    }

    /// <summary>False when the store says that it is gone.</summary>
    private async Task<bool> RenewAsync(CancellationToken cancellationToken)
    {
        var before = _client.Time.GetTimestamp();
        try
        {
            if (!await RenewAsync(_client, Id, Ttl, cancellationToken).ConfigureAwait(false)) return false;
            Volatile.Write(ref _renewedAt, before);
            _lost.CancelAfter(Left());
            return true;
        }
        catch (KvException)
        {
            // Nobody could serve it; the next attempt may, until time is up.
            return true;
        }
    }
}

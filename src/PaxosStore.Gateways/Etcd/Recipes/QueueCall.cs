using PaxosStore.Gateways.Etcd.Callers;

namespace PaxosStore.Gateways.Etcd.Recipes;

/// <summary>A call that stands in a queue. Whatever ends it without success takes along what it brought: its place, and a lease granted for it.</summary>
internal sealed class QueueCall(CallerStore caller, TimeProvider time, StreamEnd end)
{
    /// <summary>Takes a place and does what the call is for.</summary>
    /// <param name="name">The queue.</param>
    /// <param name="lease">The client's lease, or 0 when it named none.</param>
    /// <param name="value">Value of the place's key.</param>
    /// <param name="serve">Waits for the turn as far as need be, and answers.</param>
    internal async Task<T> RunAsync<T>(ReadOnlyMemory<byte> name, long lease, ReadOnlyMemory<byte> value, Func<KeyQueue, QueuePlace, Task<T>> serve)
    {
        await using var session = await SessionLease.OpenAsync(caller, lease, time, end.Token);
        var queue = new KeyQueue(caller);
        QueuePlace? place = null;
        try
        {
            // Not to be given up halfway: the key would stay without anybody waiting for it.
            place = await queue.JoinAsync(name, session.Id, value, CancellationToken.None);
            return await serve(queue, place);
        }
        catch (Exception e)
        {
            // The same lease may wait in another call: its place is not ours to give up.
            if (place is { IsNew: true }) await queue.LeaveAsync(place);
            await session.GiveUpAsync();
            if (e is OperationCanceledException && end.Reason() is { } reason) throw reason;
            throw;
        }
    }
}

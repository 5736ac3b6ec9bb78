using System.Globalization;
using System.Text;
using PaxosStore.Gateways.Etcd.Callers;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Recipes;

/// <summary>
/// Keys below a prefix as a queue: each waits for those created before it, and the oldest one has the turn. The keys are those that etcd's client
/// libraries make, so that callers of this service and clients that do it themselves stand in one queue.
/// </summary>
internal sealed class KeyQueue(CallerStore store)
{
    /// <summary>The key of the holder of <paramref name="lease"/> in the queue <paramref name="name"/>.</summary>
    internal static ReadOnlyMemory<byte> Key(ReadOnlyMemory<byte> name, long lease)
    {
        var text = lease < 0 ? $"/-{UInt128.CreateChecked(-(Int128)lease):x}" : string.Create(CultureInfo.InvariantCulture, $"/{lease:x}");
        return (byte[])[.. name.Span, .. Encoding.ASCII.GetBytes(text)];
    }

    /// <summary>All keys of the queue <paramref name="name"/>.</summary>
    internal static KeyRange Keys(ReadOnlyMemory<byte> name) =>
        new((byte[])[.. name.Span, (byte)'/'], (ReadOnlyMemory<byte>)(byte[])[.. name.Span, (byte)'/' + 1]);

    /// <summary>Holds while <paramref name="key"/> is the one created at <paramref name="revision"/>; 0 = while there is none.</summary>
    internal static Comparison CreatedAt(ReadOnlyMemory<byte> key, long revision) =>
        new(KeyRange.SingleKey(key), CompareTarget.Create, CompareResult.Equal, revision, default);

    /// <summary>The oldest key of the queue <paramref name="name"/>.</summary>
    internal static RangeOp Oldest(ReadOnlyMemory<byte> name) => new(Keys(name)) { Order = SortOrder.Ascend, Target = SortTarget.Create, Limit = 1 };

    /// <summary>Takes the place of <paramref name="lease"/> in the queue <paramref name="name"/>, at its end unless it has one.</summary>
    /// <exception cref="KvException">The lease does not exist, or as for any write.</exception>
    internal async ValueTask<QueuePlace> JoinAsync(ReadOnlyMemory<byte> name, long lease, ReadOnlyMemory<byte> value, CancellationToken cancellation)
    {
        var key = Key(name, lease);
        var own = new RangeOp(KeyRange.SingleKey(key));
        var txn = new TxnOp([CreatedAt(key, 0)], [new PutOp(key, value) { Lease = lease }, Oldest(name)], [own, Oldest(name)]);
        var result = (WriteResult)await store.ExecuteAsync(new WriteCommand(txn), cancellation);
        var outcome = (TxnResult)result.Op;
        var there = outcome.Succeeded ? null : ((RangeResult)outcome.Responses[0]).Kvs[0];
        var created = there?.CreateRevision ?? result.Revision;
        var first = ((RangeResult)outcome.Responses[1]).Kvs[0];
        return new QueuePlace(name, key, lease, created, outcome.Succeeded, there?.Value ?? value, first.CreateRevision == created, result);
    }

    /// <summary>Waits until all keys created before the place's are gone, and sees in the same state that its own is still there.</summary>
    /// <returns>That state, or null when the own key is gone.</returns>
    internal async ValueTask<KvView?> WaitTurnAsync(QueuePlace place, CancellationToken cancellation)
    {
        while (true)
        {
            // The fence: a key that its lease took along while the others were waited for must not pass for the holder (etcd #11408).
            var view = await store.ReadAsync(Oldest(place.Name), cancellation);
            var own = view.Range(new RangeOp(KeyRange.SingleKey(place.Key))).Kvs;
            if (own is not [var mine] || mine.CreateRevision != place.Created) return null;
            var before = new RangeOp(Keys(place.Name))
            {
                Order = SortOrder.Descend, Target = SortTarget.Create, Limit = 1, MaxCreateRevision = place.Created - 1,
            };
            if (view.Range(before).Kvs is not [var last]) return view;
            await WaitDeletedAsync(last.Key, place.Key, view.Revision + 1, cancellation);
        }
    }

    /// <summary>Gives the place up.</summary>
    internal async ValueTask LeaveAsync(QueuePlace place)
    {
        var delete = new DeleteRangeOp(KeyRange.SingleKey(place.Key));
        try
        {
            await store.UndoAsync(new WriteCommand(new TxnOp([CreatedAt(place.Key, place.Created)], [delete], [])));
        }
        catch (KvException)
        {
            // It ends with its lease.
        }
    }

    private async ValueTask WaitDeletedAsync(ReadOnlyMemory<byte> one, ReadOnlyMemory<byte> other, long from, CancellationToken cancellation)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var first = WaitDeletedAsync(one, from, enough.Token);
        var second = WaitDeletedAsync(other, from, enough.Token);
        var ended = await Task.WhenAny(first, second);
        await enough.CancelAsync();
        await Task.WhenAll(first, second).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await ended;
    }

    private async Task WaitDeletedAsync(ReadOnlyMemory<byte> key, long from, CancellationToken cancellation)
    {
        using var cursor = new EventCursor(store, new WatchSpec(KeyRange.SingleKey(key), from, IncludePuts: false));
        try
        {
            await cursor.NextAsync(cancellation);
        }
        catch (KvException e) when (e.Code == KvErrorCode.Compacted)
        {
            // Whoever waits looks again.
            return;
        }
    }
}

/// <summary>A place in a <see cref="KeyQueue"/>.</summary>
/// <param name="Name">The queue.</param>
/// <param name="Key">Its key.</param>
/// <param name="Lease">The lease it hangs on.</param>
/// <param name="Created">Revision that created it.</param>
/// <param name="IsNew">This call created it.</param>
/// <param name="Value">Its value.</param>
/// <param name="IsFirst">It had the turn at once.</param>
/// <param name="Result">What the store answered.</param>
internal sealed record QueuePlace(
    ReadOnlyMemory<byte> Name, ReadOnlyMemory<byte> Key, long Lease, long Created, bool IsNew, ReadOnlyMemory<byte> Value, bool IsFirst, KvResult Result);

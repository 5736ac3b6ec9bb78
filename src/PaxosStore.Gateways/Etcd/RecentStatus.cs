using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd;

/// <summary>
/// This node's status at a price that every request can pay: making one may cost system calls, so it is at most <see cref="Age"/> old. What is asked
/// of it (has this node a vote, how full is it) changes slowly.
/// </summary>
internal sealed class RecentStatus(IKvStore store, TimeProvider? time = null)
{
    private static readonly TimeSpan Age = TimeSpan.FromMilliseconds(100);

    private readonly TimeProvider time = time ?? TimeProvider.System;
    private Sample? last;

    internal StoreStatus Value
    {
        get
        {
            var known = Volatile.Read(ref last);
            if (known is not null && time.GetElapsedTime(known.At) < Age) return known.Status;
            return Refresh();
        }
    }

    /// <summary>The status as of now, for decisions that stay.</summary>
    internal StoreStatus Refresh()
    {
        var fresh = new Sample(store.Status, time.GetTimestamp());
        Volatile.Write(ref last, fresh);
        return fresh.Status;
    }

    private sealed record Sample(StoreStatus Status, long At);
}

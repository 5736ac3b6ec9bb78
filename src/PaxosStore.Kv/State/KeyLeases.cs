using System.Collections.Immutable;

namespace PaxosStore.Kv;

/// <summary>Byte strings in unsigned order.</summary>
internal sealed class ByteOrder : IComparer<byte[]>
{
    public static ByteOrder Instance { get; } = new();

    public int Compare(byte[]? x, byte[]? y) => x.AsSpan().SequenceCompareTo(y);
}

/// <summary>A key's time to live.</summary>
/// <param name="Id">Its id.</param>
/// <param name="TtlSeconds">What was granted.</param>
/// <param name="Deadline">Log time at which it lapses.</param>
/// <param name="Keys">Keys attached: all live, each to one lease only.</param>
internal sealed record KeyLease(long Id, long TtlSeconds, TimeSpan Deadline, ImmutableSortedSet<byte[]> Keys);

/// <summary>All key leases by id, in an immutable table that a view captures by reference, and their deadlines in order.</summary>
internal sealed class KeyLeases
{
    public static readonly ImmutableSortedSet<byte[]> NoKeys = ImmutableSortedSet.Create<byte[]>(ByteOrder.Instance);

    /// <summary>(deadline, id) of every lease in <see cref="Table"/>; only the applier looks at it.</summary>
    private readonly SortedSet<(TimeSpan Deadline, long Id)> _deadlines = [];

    public ImmutableSortedDictionary<long, KeyLease> Table { get; private set; } = ImmutableSortedDictionary<long, KeyLease>.Empty;

    /// <summary>Sum of the hashes of all leases.</summary>
    public UInt128 Sum { get; private set; }

    public TimeSpan? NextDeadline => _deadlines.Count == 0 ? null : _deadlines.Min.Deadline;

    public bool Contains(long id) => Table.ContainsKey(id);

    public void Grant(long id, long ttlSeconds, TimeSpan now)
    {
        Restore(new KeyLease(id, ttlSeconds, After(now, ttlSeconds), NoKeys));
    }

    /// <summary>Takes in a lease as it was.</summary>
    public void Restore(KeyLease lease)
    {
        Table = Table.Add(lease.Id, lease);
        _deadlines.Add((lease.Deadline, lease.Id));
        Sum += StateHash.Of(lease);
    }

    /// <summary>Gives a lease the keys attached to it, for one that was restored without.</summary>
    public void AttachAll(long id, ImmutableSortedSet<byte[]> keys) => Table = Table.SetItem(id, Table[id] with { Keys = keys });

    /// <summary>Moves the deadline to a full TTL from <paramref name="now"/>; the granted TTL, or 0 when there is no such lease.</summary>
    public long KeepAlive(long id, TimeSpan now)
    {
        if (!Table.TryGetValue(id, out var lease)) return 0;
        var deadline = After(now, lease.TtlSeconds);
        if (deadline != lease.Deadline)
        {
            var kept = lease with { Deadline = deadline };
            Table = Table.SetItem(id, kept);
            Sum += StateHash.Of(kept) - StateHash.Of(lease);
            _deadlines.Remove((lease.Deadline, id));
            _deadlines.Add((deadline, id));
        }

        return lease.TtlSeconds;
    }

    /// <summary>Takes the lease out and hands it back, or null when there is none.</summary>
    public KeyLease? Remove(long id)
    {
        if (!Table.TryGetValue(id, out var lease)) return null;
        Table = Table.Remove(id);
        Sum -= StateHash.Of(lease);
        _deadlines.Remove((lease.Deadline, id));
        return lease;
    }

    /// <summary>The lease with the earliest deadline at or before <paramref name="now"/>, lowest id first, or null.</summary>
    public long? FirstDue(TimeSpan now) => NextDeadline <= now ? _deadlines.Min.Id : null;

    public void Attach(long id, byte[] key)
    {
        var lease = Table[id];
        Table = Table.SetItem(id, lease with { Keys = lease.Keys.Add(key) });
    }

    public void Detach(long id, byte[] key)
    {
        // A lease that is being revoked has left the table before its keys go.
        if (Table.TryGetValue(id, out var lease)) Table = Table.SetItem(id, lease with { Keys = lease.Keys.Remove(key) });
    }

    internal static TimeSpan After(TimeSpan now, long ttlSeconds)
    {
        var most = (TimeSpan.MaxValue - now).Ticks / TimeSpan.TicksPerSecond;
        return now + TimeSpan.FromTicks(Math.Clamp(ttlSeconds, 0, most) * TimeSpan.TicksPerSecond);
    }
}

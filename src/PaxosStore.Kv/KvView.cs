using System.Collections.Immutable;

namespace PaxosStore.Kv;

public sealed partial class KvView
{
    private readonly MvccReader _reader;
    private readonly ImmutableSortedDictionary<long, KeyLease> _leases;

    internal KvView(MvccStore store, ClientSessions sessions, ImmutableSortedDictionary<ulong, MemberAttributes> members)
    {
        _reader = store.Reader;
        _leases = store.Leases.Table;
        NextLeaseDeadline = store.Leases.NextDeadline;
        History = store.History.View;
        WallClockUnixMs = store.WallClockUnixMs;
        DataBytes = store.DataBytes;
        Sessions = sessions.Freeze();
        Members = members;
    }

    /// <summary>Revision of the last change; 1 when nothing was ever written.</summary>
    public long Revision => _reader.Revision;

    /// <summary>Lowest revision that can be read; −1 before the first compaction.</summary>
    public long CompactRevision => _reader.CompactRevision;

    /// <summary>Ballot round of the log up to here; never decreases.</summary>
    public ulong Term { get; internal init; }

    /// <summary>Last slot applied.</summary>
    public long AppliedSlot { get; internal init; }

    /// <summary>Elapsed time as the leaders counted it.</summary>
    public TimeSpan LogTime { get; internal init; }

    /// <summary>Earliest deadline of a key lease in log time, or null when there is none.</summary>
    public TimeSpan? NextLeaseDeadline { get; }

    /// <summary>What members have published, by member id.</summary>
    public IReadOnlyDictionary<ulong, MemberAttributes> Members { get; }

    /// <summary>About how many bytes the live keys take.</summary>
    public long DataBytes { get; }

    /// <summary>The leader's wall clock at the last batch.</summary>
    internal long WallClockUnixMs { get; }

    internal KeyNode? Root => _reader.Root;

    internal TrimMark Trim => _reader.Trim;

    internal HistoryView History { get; }

    internal ImmutableSortedDictionary<ulong, ClientSession> Sessions { get; }

    internal IEnumerable<KeyLease> Leases => _leases.Values;

    /// <summary>Reads keys.</summary>
    /// <exception cref="KvException">
    /// <see cref="KvErrorCode.Compacted"/> (also when a compaction newer than this view overtook the read) or <see cref="KvErrorCode.FutureRevision"/>.
    /// </exception>
    public RangeResult Range(RangeOp op) => _reader.Range(op);

    /// <summary>Evaluates a transaction that writes nothing.</summary>
    /// <exception cref="KvException">As for <see cref="Range"/>.</exception>
    /// <exception cref="InvalidOperationException">A branch of it holds a write.</exception>
    public TxnResult Evaluate(TxnOp txn) => Transactions.Evaluate(txn, _reader);

    /// <summary>What is known of a key lease, or null when there is none.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="logTime">What remaining time is counted from; this view's log time when not given.</param>
    public LeaseInfo? Lease(long id, TimeSpan? logTime = null)
    {
        if (!_leases.TryGetValue(id, out var lease)) return null;
        var keys = ImmutableArray.CreateBuilder<ReadOnlyMemory<byte>>(lease.Keys.Count);
        foreach (var key in lease.Keys) keys.Add(key);
        var remaining = (lease.Deadline - (logTime ?? LogTime)).Ticks / TimeSpan.TicksPerSecond;
        return new LeaseInfo(id, lease.TtlSeconds, remaining, keys.MoveToImmutable());
    }

    /// <summary>Ids of all key leases in ascending order.</summary>
    public IReadOnlyList<long> LeaseIds() => [.. _leases.Keys];

    /// <summary>
    /// SHA-256 over the whole state. Equal on all nodes that have applied the same log, however far each has got in giving back compacted memory.
    /// Walks everything: not for the hot path.
    /// </summary>
    /// <exception cref="KvException"><see cref="KvErrorCode.Compacted"/>: a compaction newer than this view overtook it; take a newer view.</exception>
    public byte[] ComputeDigest() => StateDigest.Compute(this);
}

using System.Collections.Immutable;

namespace PaxosStore.Kv;

public sealed partial class KvView
{
    private readonly MvccReader _reader;

    private readonly ImmutableSortedDictionary<ulong, MemberAttributes> _members;
    private readonly ImmutableSortedSet<AlarmInfo> _alarms;
    private readonly UInt128 _sum;

    internal KvView(KvState state)
    {
        var store = state.Store;
        _reader = store.Reader;
        _members = state.Members;
        _alarms = state.Alarms;
        _sum = store.Sum + store.Leases.Sum + state.Auth.Sum;
        Auth = state.Auth;
        Leases = store.Leases.Table;
        NextLeaseDeadline = state.Alarms.IsUp(AlarmKind.Corrupt) ? null : store.Leases.NextDeadline;
        History = store.History.View;
        WallClockUnixMs = store.WallClockUnixMs;
        DataBytes = store.DataBytes;
        HistoryBytes = store.HistoryBytes;
        HoldsCompacted = store.HasToTrim(long.MaxValue);
        Sessions = state.Sessions.Freeze();
        Term = state.Term;
        AppliedSlot = state.Slot;
        LogTime = state.LogTime;
    }

    /// <summary>Revision of the last change; 1 when nothing was ever written.</summary>
    public long Revision => _reader.Revision;

    /// <summary>Lowest revision that can be read; −1 before the first compaction.</summary>
    public long CompactRevision => _reader.CompactRevision;

    /// <summary>Ballot round of the log up to here; never decreases.</summary>
    public ulong Term { get; }

    /// <summary>Last slot applied.</summary>
    public long AppliedSlot { get; }

    /// <summary>Elapsed time as the leaders counted it.</summary>
    public TimeSpan LogTime { get; }

    /// <summary>Earliest deadline of a key lease in log time, or null when there is none or leases do not end while the state is suspect.</summary>
    public TimeSpan? NextLeaseDeadline { get; }

    /// <summary>What members have published, by member id.</summary>
    public IReadOnlyDictionary<ulong, MemberAttributes> Members => _members;

    /// <summary>Alarms that are up, by member and kind.</summary>
    public IReadOnlyList<AlarmInfo> Alarms => _alarms;

    /// <summary>Users and roles, and what callers may do by them.</summary>
    public AuthState Auth { get; }

    /// <summary>About how many bytes the live keys take.</summary>
    public long DataBytes { get; }

    /// <summary>
    /// About how many bytes all versions held take, live ones included. It shrinks as compacted versions are given back, so it may differ from node to node.
    /// </summary>
    public long HistoryBytes { get; }

    /// <summary>Whether something that compaction made unreadable is still held here: it is given back bit by bit, and not while a snapshot of it is being written.</summary>
    public bool HoldsCompacted { get; }

    /// <summary>
    /// Checksum of the live keys, the leases, users, roles and tokens and the counters, kept up to date with every change and free to read. Equal on all nodes that have
    /// applied the same slot; what else the state holds only <see cref="ComputeDigest"/> covers.
    /// </summary>
    public UInt128 Checksum => StateHash.Of(_sum, Revision, CompactRevision, LogTime.Ticks, DataBytes);

    /// <summary>The leader's wall clock at the last batch.</summary>
    internal long WallClockUnixMs { get; }

    internal KeyNode? Root => _reader.Root;

    internal TrimMark Trim => _reader.Trim;

    internal HistoryView History { get; }

    internal ImmutableSortedDictionary<ulong, ClientSession> Sessions { get; }

    internal ImmutableSortedDictionary<long, KeyLease> Leases { get; }

    /// <summary>Reads keys.</summary>
    /// <exception cref="KvException">
    /// <see cref="KvErrorCode.Compacted"/> (also when a compaction newer than this view overtook the read) or
    /// <see cref="KvErrorCode.FutureRevision"/>.
    /// </exception>
    public RangeResult Range(RangeOp op) => _reader.Range(op);

    /// <summary>Evaluates a transaction that writes nothing.</summary>
    /// <exception cref="KvException">As for <see cref="Range"/>.</exception>
    /// <exception cref="InvalidOperationException">A branch of it holds a write.</exception>
    public TxnResult Evaluate(TxnOp txn) => Transactions.Evaluate(txn, _reader);

    /// <summary>Whether the caller may do all that <paramref name="op"/> does or would do: <see cref="KvErrorCode.None"/>, or why not.</summary>
    public KvErrorCode Check(Caller? caller, KvOp op) => new Authorisation(Auth, Leases, caller).Check(op);

    /// <summary>Whether the caller has <paramref name="access"/> to all keys of a lease; of one that does not exist, everybody known has.</summary>
    public KvErrorCode CheckLease(Caller? caller, long id, Access access) => new Authorisation(Auth, Leases, caller).CheckLease(id, access);

    /// <summary>What is known of a key lease, or null when there is none.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="logTime">What remaining time is counted from; this view's log time when not given.</param>
    public LeaseInfo? Lease(long id, TimeSpan? logTime = null)
    {
        if (!Leases.TryGetValue(id, out var lease)) return null;
        var keys = ImmutableArray.CreateBuilder<ReadOnlyMemory<byte>>(lease.Keys.Count);
        foreach (var key in lease.Keys) keys.Add(key);
        var remaining = (lease.Deadline - (logTime ?? LogTime)).Ticks / TimeSpan.TicksPerSecond;
        return new LeaseInfo(id, lease.TtlSeconds, remaining, keys.MoveToImmutable());
    }

    /// <summary>What the client session remembers of a request; null when it was not applied up to here, or its answer was acknowledged.</summary>
    /// <param name="clientId">The client session.</param>
    /// <param name="requestNumber">Number in the session.</param>
    public KvResult? RememberedResult(ulong clientId, long requestNumber) =>
        Sessions.TryGetValue(clientId, out var session) ? session.Find(requestNumber) : null;

    /// <summary>Ids of all key leases in ascending order.</summary>
    public IReadOnlyList<long> LeaseIds() => [.. Leases.Keys];

    /// <summary>
    /// Hash of all versions that can be read from the compact revision through <paramref name="revision"/> (0 = newest): equal on all nodes with the same two
    /// revisions. Walks everything.
    /// </summary>
    /// <exception cref="KvException">
    /// <see cref="KvErrorCode.Compacted"/> (also when a compaction newer than this view overtook the walk: take a newer one) or
    /// <see cref="KvErrorCode.FutureRevision"/>.
    /// </exception>
    public (uint Hash, long CompactRevision, long HashRevision) HashKv(long revision)
    {
        var error = _reader.Check(revision);
        if (error != KvErrorCode.None) throw new KvException(error, compactRevision: error == KvErrorCode.Compacted ? CompactRevision : 0);
        if (revision <= 0) revision = Revision;
        var hash = KvHash.Compute(this, revision);
        Trim.ThrowIfTrimmed(CompactRevision);
        return (hash, CompactRevision, revision);
    }

    /// <summary>
    /// SHA-256 over the whole state. Equal on all nodes that have applied the same log, however far each has got in giving back
    /// compacted memory.
    /// Walks everything: not for the hot path.
    /// </summary>
    /// <exception cref="KvException"><see cref="KvErrorCode.Compacted"/>: a newer compaction overtook this view; take a newer one.</exception>
    public byte[] ComputeDigest() => StateDigest.Compute(this);
}

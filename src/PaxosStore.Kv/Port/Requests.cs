using System.Collections.Immutable;

namespace PaxosStore.Kv;

/// <summary>
/// Keys from <see cref="Start"/> on: exactly that key when <see cref="End"/> is null, every key ≥ it when <see cref="End"/> is empty,
/// else the half-open interval. Byte order, unsigned.
/// </summary>
/// <param name="Start">First key.</param>
/// <param name="End">Null = the single key; empty = unbounded; else exclusive end (an end ≤ start is an empty range).</param>
public readonly record struct KeyRange(ReadOnlyMemory<byte> Start, ReadOnlyMemory<byte>? End)
{
    /// <summary>The single key <paramref name="key"/>.</summary>
    public static KeyRange SingleKey(ReadOnlyMemory<byte> key) => new(key, null);

    /// <summary>True when only <see cref="Start"/> itself is meant.</summary>
    public bool IsSingle => End is null;

    /// <summary>Whether <paramref name="key"/> lies in the range.</summary>
    public bool Contains(ReadOnlySpan<byte> key)
    {
        var fromStart = key.SequenceCompareTo(Start.Span);
        if (End is not { } end) return fromStart == 0;
        return fromStart >= 0 && (end.IsEmpty || key.SequenceCompareTo(end.Span) < 0);
    }
}

/// <summary>One operation of a transaction.</summary>
public abstract record KvOp;

/// <summary>Order of a range's result.</summary>
public enum SortOrder { None, Ascend, Descend }

/// <summary>What a range's result is sorted by.</summary>
public enum SortTarget { Key, Version, Create, Mod, Value }

/// <summary>Reads keys; see etcd's RangeRequest for the meaning of each option, which this follows exactly.</summary>
public sealed record RangeOp(KeyRange Range) : KvOp
{
    /// <summary>Most keys returned; 0 = all.</summary>
    public long Limit { get; init; }
    /// <summary>Revision to read at; ≤ 0 = newest.</summary>
    public long Revision { get; init; }
    /// <summary>Sort order.</summary>
    public SortOrder Order { get; init; }
    /// <summary>Sort target.</summary>
    public SortTarget Target { get; init; }
    /// <summary>Drop values.</summary>
    public bool KeysOnly { get; init; }
    /// <summary>Only count.</summary>
    public bool CountOnly { get; init; }
    /// <summary>Lower bound of mod revision, 0 = none.</summary>
    public long MinModRevision { get; init; }
    /// <summary>Upper bound of mod revision, 0 = none.</summary>
    public long MaxModRevision { get; init; }
    /// <summary>Lower bound of create revision, 0 = none.</summary>
    public long MinCreateRevision { get; init; }
    /// <summary>Upper bound of create revision, 0 = none.</summary>
    public long MaxCreateRevision { get; init; }
}

/// <summary>Writes one key.</summary>
/// <param name="Key">Not empty.</param>
/// <param name="Value">New value (ignored with <see cref="IgnoreValue"/>).</param>
public sealed record PutOp(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value) : KvOp
{
    /// <summary>Key lease to attach; 0 detaches.</summary>
    public long Lease { get; init; }
    /// <summary>Return the previous key-value.</summary>
    public bool PreviousKv { get; init; }
    /// <summary>Keep the current value; the key must exist.</summary>
    public bool IgnoreValue { get; init; }
    /// <summary>Keep the current lease; the key must exist.</summary>
    public bool IgnoreLease { get; init; }
}

/// <summary>Deletes the keys of a range.</summary>
public sealed record DeleteRangeOp(KeyRange Range) : KvOp
{
    /// <summary>Return the deleted key-values.</summary>
    public bool PreviousKvs { get; init; }
}

/// <summary>If all comparisons hold against the state before the transaction, the success operations, else the failure operations, in order.</summary>
public sealed record TxnOp(ImmutableArray<Comparison> Compare, ImmutableArray<KvOp> Success, ImmutableArray<KvOp> Failure) : KvOp
{
    /// <summary>True when neither branch holds anything but ranges (a nested transaction counts as a write, as in etcd).</summary>
    public bool IsReadOnly => Success.All(o => o is RangeOp) && Failure.All(o => o is RangeOp);
}

/// <summary>Field a comparison looks at.</summary>
public enum CompareTarget { Version, Create, Mod, Value, Lease }

/// <summary>Relation a comparison demands: <c>actual RELATION operand</c>.</summary>
public enum CompareResult { Equal, Greater, Less, NotEqual }

/// <summary>One condition; over a range it must hold for every key in it. A missing key compares as zero, and never satisfies a value comparison.</summary>
/// <param name="Range">Key or keys.</param>
/// <param name="Target">Field.</param>
/// <param name="Result">Relation.</param>
/// <param name="Number">Operand for all targets but <see cref="CompareTarget.Value"/>.</param>
/// <param name="Value">Operand for <see cref="CompareTarget.Value"/>.</param>
public sealed record Comparison(KeyRange Range, CompareTarget Target, CompareResult Result, long Number, ReadOnlyMemory<byte> Value);

/// <summary>A command for the replicated log.</summary>
public abstract record KvCommand
{
    /// <summary>On whose behalf; null is a client that showed no credentials. Judged when the command is applied.</summary>
    public Caller? Caller { get; init; }
}

/// <summary>Runs one operation (a bare put or delete range, or a transaction) at one new revision if it changes anything.</summary>
public sealed record WriteCommand(KvOp Op) : KvCommand;

/// <summary>Forgets history below <paramref name="Revision"/>.</summary>
public sealed record CompactCommand(long Revision) : KvCommand;

/// <summary>Creates a key lease. <paramref name="Id"/> 0 lets the state machine pick a positive one; <paramref name="TtlSeconds"/> is granted as given (doors apply their minimum).</summary>
public sealed record LeaseGrantCommand(long Id, long TtlSeconds) : KvCommand;

/// <summary>Ends a key lease and deletes its keys in one revision.</summary>
public sealed record LeaseRevokeCommand(long Id) : KvCommand;

/// <summary>Renews key leases; answered per lease, unknown ones with TTL 0.</summary>
public sealed record LeaseKeepAliveCommand(ImmutableArray<long> Ids) : KvCommand;

/// <summary>Publishes a member's name and client URLs to all members.</summary>
/// <param name="MemberId">Which member.</param>
/// <param name="Name">Its human name.</param>
/// <param name="ClientUrls">Where clients reach it.</param>
/// <param name="Incarnation">Drawn when its journal was made; the first one published stays, so that a member that lost its journal is known.</param>
public sealed record PublishMemberCommand(ulong MemberId, string Name, ImmutableArray<string> ClientUrls, ulong Incarnation = 0) : KvCommand;

/// <summary>Raises or disarms an alarm; raising one that is up, or disarming one that is not, changes nothing.</summary>
/// <param name="Raise">True raises, false disarms.</param>
/// <param name="MemberId">The member; with disarming, 0 = all members.</param>
/// <param name="Kind">What.</param>
public sealed record AlarmCommand(bool Raise, ulong MemberId, AlarmKind Kind) : KvCommand;

/// <summary>Opens (or renews) the client session of the envelope it travels in; idempotent.</summary>
public sealed record OpenClientSessionCommand : KvCommand;

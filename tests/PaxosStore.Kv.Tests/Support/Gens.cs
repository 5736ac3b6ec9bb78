using System.Collections.Immutable;
using CsCheck;

namespace PaxosStore.Kv.Tests;

/// <summary>Random requests over few keys, so that they meet.</summary>
internal static class Gens
{
    private static readonly string[] KeyNames = ["a", "aa", "ab", "b", "ba", "c", "\u00ff"];

    public static readonly Gen<ReadOnlyMemory<byte>> Key = Gen.Int[0, KeyNames.Length - 1].Select(i => Bytes.Of(KeyNames[i]));

    public static readonly Gen<ReadOnlyMemory<byte>> Value = Gen.Int[0, 5].Select(i => i == 0 ? default : Bytes.Of("v" + i));

    public static readonly Gen<KeyRange> Range = Gen.OneOf(
        Key.Select(KeyRange.SingleKey),
        Gen.Select(Key, Key, (start, end) => new KeyRange(start, end)),
        Key.Select(start => new KeyRange(start, ReadOnlyMemory<byte>.Empty)));

    private static readonly Gen<long> Lease = Gen.Frequency((4, Gen.Const(0L)), (2, Gen.Long[1, 3]));

    private static readonly Gen<long> Bound = Gen.Frequency((4, Gen.Const(0L)), (1, Gen.Long[0, 40]));

    public static readonly Gen<RangeOp> RangeOp =
        from range in Range
        from limit in Gen.Frequency((2, Gen.Const(0L)), (2, Gen.Long[1, 4]))
        from order in Gen.Int[0, 2]
        from target in Gen.Int[0, 4]
        from flags in Gen.Int[0, 11]
        from bounds in Bound.Array[4]
        select new RangeOp(range)
        {
            Limit = limit,
            Order = (SortOrder)order,
            Target = (SortTarget)target,
            KeysOnly = flags is 1 or 3,
            CountOnly = flags is 2 or 3,
            MinModRevision = bounds[0],
            MaxModRevision = bounds[1],
            MinCreateRevision = bounds[2],
            MaxCreateRevision = bounds[3],
        };

    private static readonly Gen<long> Revision = Gen.Frequency((3, Gen.Const(0L)), (2, Gen.Long[-1, 45]));

    public static readonly Gen<KvOp> HistoricRange = Gen.Select(RangeOp, Revision, (op, revision) => (KvOp)(op with { Revision = revision }));

    public static readonly Gen<KvOp> Put =
        from key in Key
        from value in Value
        from lease in Lease
        from flags in Gen.Int[0, 15]
        select (KvOp)new PutOp(key, flags == 1 ? default : value)
        {
            Lease = flags == 2 ? 0 : lease, IgnoreValue = flags == 1, IgnoreLease = flags == 2, PreviousKv = flags > 8,
        };

    public static readonly Gen<KvOp> Delete =
        Gen.Select(
            Gen.Frequency((3, Key.Select(KeyRange.SingleKey)), (1, Range)), Gen.Bool,
            (range, previous) => (KvOp)new DeleteRangeOp(range) { PreviousKvs = previous });

    public static readonly Gen<Comparison> Comparison =
        from range in Range
        from target in Gen.Int[0, 4]
        from result in Gen.Int[0, 3]
        from number in Gen.Long[0, 20]
        from value in Value
        select new Comparison(range, (CompareTarget)target, (CompareResult)result, number, value);

    public static readonly Gen<KvOp> Op = OpOf(2);

    public static readonly Gen<KvCommand> Command = Gen.Frequency(
        (30, Op.Select(op => (KvCommand)new WriteCommand(op))),
        (3, Gen.Long[-2, 45].Select(revision => (KvCommand)new CompactCommand(revision))),
        (3, Gen.Select(Gen.Long[1, 3], Gen.Long[0, 12], (id, ttl) => (KvCommand)new LeaseGrantCommand(id, ttl))),
        (1, Gen.Long[1, 3].Select(id => (KvCommand)new LeaseRevokeCommand(id))),
        (1, Gen.Long[1, 3].Array[0, 3].Select(ids => (KvCommand)new LeaseKeepAliveCommand([.. ids]))));

    /// <summary>Also what the naive model does not know.</summary>
    public static readonly Gen<KvCommand> AnyCommand = Gen.Frequency(
        (12, Command),
        (1, Gen.Select(Gen.ULong[1, 3], Gen.ULong[0, 2], Gen.Int[0, 2], (id, incarnation, urls) =>
            (KvCommand)new PublishMemberCommand(id, "n" + urls, [.. Enumerable.Repeat("http://u", urls)], incarnation))),
        (1, Gen.Select(Gen.Int[0, 2], Gen.ULong[0, 2], Gen.Int[0, 2], (raise, id, kind) => (KvCommand)new AlarmCommand(raise == 0, id, (AlarmKind)kind))));

    /// <summary>A batch: how much log time passes before it, and its commands.</summary>
    public static readonly Gen<(int Seconds, KvCommand[] Commands)> Batch =
        Gen.Select(Gen.Frequency((3, Gen.Const(0)), (1, Gen.Int[0, 6])), Command.Array[0, 4]);

    public static readonly Gen<(int Seconds, KvCommand[] Commands)> AnyBatch =
        Gen.Select(Gen.Frequency((3, Gen.Const(0)), (1, Gen.Int[0, 6])), AnyCommand.Array[0, 4]);

    private static Gen<KvOp> OpOf(int depth) => depth == 0
        ? Gen.Frequency((4, Put), (2, Delete), (2, HistoricRange))
        : Gen.Frequency((8, Put), (3, Delete), (2, HistoricRange), (4, Txn(depth - 1)));

    private static Gen<KvOp> Txn(int depth)
    {
        var ops = OpOf(depth).Array[0, 3].Select(o => o.ToImmutableArray());
        return Gen.Select(Comparison.Array[0, 2], ops, ops, (compare, success, failure) => (KvOp)new TxnOp([.. compare], success, failure));
    }
}

using System.Text;
using Etcdserverpb;
using Google.Protobuf;
using CompareResult = Etcdserverpb.Compare.Types.CompareResult;
using CompareTarget = Etcdserverpb.Compare.Types.CompareTarget;
using SortOrder = Etcdserverpb.RangeRequest.Types.SortOrder;
using SortTarget = Etcdserverpb.RangeRequest.Types.SortTarget;

namespace PaxosStore.Testing.Differential;

/// <summary>Random requests of the KV service: mostly sensible, some wrong on purpose. Few keys and values, so that requests meet each other.</summary>
internal sealed class KvGenerator(Random random, World world)
{
    private static readonly ByteString Zero = ByteString.CopyFrom(0);
    private static readonly string[] Stems = ["a", "a/b", "b", "c/", "k"];

    internal RangeRequest Range(bool insideTxn = false)
    {
        var request = new RangeRequest { Key = Key(), RangeEnd = End(), Serializable = Chance(20) };
        if (Chance(30)) request.Limit = random.Next(0, 6);
        if (Chance(25)) request.Revision = AnyRevision();
        if (Chance(35)) request.SortOrder = (SortOrder)random.Next(0, 3);
        if (Chance(35)) request.SortTarget = (SortTarget)random.Next(0, 5);
        if (Chance(15)) request.KeysOnly = true;
        if (Chance(10)) request.CountOnly = true;
        if (Chance(10)) request.MinModRevision = AnyRevision();
        if (Chance(10)) request.MaxModRevision = AnyRevision();
        if (Chance(10)) request.MinCreateRevision = AnyRevision();
        if (Chance(10)) request.MaxCreateRevision = AnyRevision();
        if (!insideTxn && Chance(1)) request.Limit = -1;
        return request;
    }

    internal PutRequest Put()
    {
        var request = new PutRequest { Key = Key(), Value = Value(), PrevKv = Chance(30) };
        if (Chance(15)) request.Lease = Lease();
        if (Chance(8))
        {
            request.IgnoreValue = true;
            if (!Chance(10)) request.Value = ByteString.Empty;
        }

        if (Chance(8))
        {
            request.IgnoreLease = true;
            if (!Chance(10)) request.Lease = 0;
        }

        return request;
    }

    internal DeleteRangeRequest Delete() => new() { Key = Key(), RangeEnd = Chance(50) ? ByteString.Empty : End(), PrevKv = Chance(40) };

    /// <summary>A transaction; puts mostly avoid each other, so that the duplicate-key rule does not refuse nearly all.</summary>
    internal TxnRequest Txn(int depth = 0)
    {
        var request = new TxnRequest();
        for (var n = random.Next(0, 4); n > 0; n--) request.Compare.Add(Condition());
        for (var n = random.Next(0, 4); n > 0; n--) request.Success.Add(Op(depth));
        for (var n = random.Next(0, 4); n > 0; n--) request.Failure.Add(Op(depth));
        if (depth == 0 && random.Next(300) == 0)
        {
            for (var n = 0; n < 129; n++) request.Success.Add(new RequestOp { RequestRange = new RangeRequest { Key = Zero } });
        }

        NamedExceptions.DeleteThenKeep(world, request);
        return request;
    }

    internal CompactionRequest Compact() => new()
    {
        Revision = random.Next(10) switch
        {
            0 => world.Revision + 1 + random.Next(5),
            1 => world.CompactRevision - random.Next(2),
            2 => world.Revision,
            _ => Math.Max(world.CompactRevision + 1, world.Revision - random.Next(1, 400)),
        },
        Physical = Chance(50),
    };

    internal ByteString Key()
    {
        var kind = random.Next(200);
        return kind switch
        {
            0 => ByteString.Empty,
            1 => Zero,
            2 => ByteString.CopyFrom(0xff),
            3 => ByteString.CopyFrom(0xff, 0xff, 0x01),
            _ => ByteString.CopyFromUtf8(Stems[random.Next(Stems.Length)] + random.Next(0, 8)),
        };
    }

    internal ByteString End() => random.Next(10) switch
    {
        < 4 => ByteString.Empty,
        < 6 => Zero,
        < 8 => ByteString.CopyFromUtf8(Stems[random.Next(Stems.Length)] + "9"),
        _ => ByteString.CopyFrom(Encoding.UTF8.GetBytes("l")),
    };

    /// <summary>A revision from before the compaction up to the future.</summary>
    internal long AnyRevision() => random.Next(20) switch
    {
        0 => 0,
        1 => world.Revision + random.Next(1, 4),
        2 => Math.Max(1, world.CompactRevision - 1),
        3 => Math.Max(1, world.CompactRevision),
        _ => Math.Max(1, world.Revision - random.Next(0, 60)),
    };

    internal bool Chance(int percent) => random.Next(100) < percent;

    private ByteString Value() => random.Next(40) switch
    {
        0 => ByteString.Empty,
        1 => ByteString.CopyFrom(new byte[random.Next(1, 20_000)]),
        _ => ByteString.CopyFromUtf8("v" + random.Next(0, 6)),
    };

    private long Lease() => Chance(5) || world.Leases.Count == 0 ? 999_999 : world.Leases[random.Next(world.Leases.Count)];

    private Compare Condition()
    {
        var compare = new Compare { Key = Key(), Result = (CompareResult)random.Next(0, 4), Target = (CompareTarget)random.Next(0, 5) };
        if (Chance(20)) compare.RangeEnd = End();
        var operand = Chance(3) ? (CompareTarget)random.Next(0, 5) : compare.Target;
        switch (operand)
        {
            case CompareTarget.Version:
                compare.Version = random.Next(0, 4);
                break;
            case CompareTarget.Create:
                compare.CreateRevision = Chance(50) ? 0 : AnyRevision();
                break;
            case CompareTarget.Mod:
                compare.ModRevision = Chance(50) ? 0 : AnyRevision();
                break;
            case CompareTarget.Value:
                compare.Value = Value();
                break;
            default:
                compare.Lease = Chance(50) ? 0 : Lease();
                break;
        }

        return compare;
    }

    private RequestOp Op(int depth) => random.Next(depth < 3 ? 40 : 34) switch
    {
        < 12 => new RequestOp { RequestRange = Range(insideTxn: true) },
        < 27 => new RequestOp { RequestPut = Put() },
        < 33 => new RequestOp { RequestDeleteRange = Delete() },
        33 => new RequestOp(),
        _ => new RequestOp { RequestTxn = Txn(depth + 1) },
    };
}

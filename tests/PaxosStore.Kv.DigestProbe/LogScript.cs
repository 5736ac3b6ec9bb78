using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace PaxosStore.Kv.DigestProbe;

/// <summary>A log that depends on its seed alone and holds commands of every kind.</summary>
public static class LogScript
{
    /// <summary>Batches between two digests.</summary>
    public const int DigestEvery = 50;

    private const ulong Clients = 4;

    /// <summary>The batches of the log, from slot 1.</summary>
    public static IEnumerable<LogBatch> Generate(ulong seed, int batches)
    {
        var random = new SplitMix(seed);
        var numbers = new long[Clients];
        var time = TimeSpan.Zero;
        var writes = 0L;
        for (var slot = 1L; slot <= batches; slot++)
        {
            var commands = new List<ReadOnlyMemory<byte>>();
            for (var i = random.Below(8); i > 0; i--)
            {
                var client = (ulong)random.Below((int)Clients);
                if (random.Below(20) == 0)
                {
                    commands.Add(CommandCodec.Encode(client + 1, 0, 0, new OpenClientSessionCommand()));
                    continue;
                }

                var number = random.Below(10) == 0 ? Math.Max(1, numbers[client] - random.Below(5)) : ++numbers[client];
                commands.Add(CommandCodec.Encode(client + 1, number, number - 20, Command(ref random, writes++)));
            }

            // Now and then nothing happens for so long that client sessions end.
            time += random.Below(200) == 0 ? TimeSpan.FromHours(2) : TimeSpan.FromMilliseconds(random.Below(700));
            yield return new LogBatch(slot, (ulong)(1 + (slot / 100)), time, 1_700_000_000_000 + random.Below(5000), commands);
        }
    }

    private static KvCommand Command(ref SplitMix random, long writes) => random.Below(40) switch
    {
        0 => new CompactCommand(random.Below((int)Math.Min(1 + (writes / 2), int.MaxValue))),
        1 => new LeaseGrantCommand(0, 1 + random.Below(20)),
        2 => new LeaseGrantCommand(1 + random.Below(6), 1 + random.Below(20)),
        3 => new LeaseRevokeCommand(1 + random.Below(6)),
        4 => new LeaseKeepAliveCommand([1 + random.Below(6), 1 + random.Below(6)]),
        5 => new PublishMemberCommand(
            (ulong)random.Below(3), "müller" + random.Below(3).ToString(CultureInfo.InvariantCulture), ["http://a:1", "http://b:2"]),
        6 => new PublishMemberCommand((ulong)random.Below(3), "n", ["http://c:3"], (ulong)random.Below(3)),

        // Seldom raised and soon disarmed, so that the log does enough.
        7 => new AlarmCommand(random.Below(10) == 0, (ulong)random.Below(3), (AlarmKind)random.Below(3)),
        8 or 9 => new AlarmCommand(false, 0, (AlarmKind)(1 + random.Below(2))),
        10 => Auth(ref random) with { Caller = random.Below(2) == 0 ? Caller.Node : new Caller("müller", random.Below(5)) },
        _ => new WriteCommand(Op(ref random, 3)),
    };

    /// <summary>Callers stay unchecked: nothing else would happen any more.</summary>
    private static AuthCommand Auth(ref SplitMix random)
    {
        var (user, role) = ("müller" + random.Below(3).ToString(CultureInfo.InvariantCulture), "r" + random.Below(3).ToString(CultureInfo.InvariantCulture));
        return random.Below(9) switch
        {
            0 or 1 => new UserAddCommand(user, random.Below(3) == 0 ? null : "hash"),
            2 => new UserDeleteCommand(user),
            3 => new UserRoleCommand(user, role, random.Below(3) > 0),
            4 or 5 => new RoleAddCommand(role),
            6 => new RoleDeleteCommand(role),
            7 => new RoleGrantCommand(role, new Permission((Access)(1 + random.Below(3)), Range(ref random))),
            _ => new RoleRevokeCommand(role, Range(ref random)),
        };
    }

    private static KvOp Op(ref SplitMix random, int depth)
    {
        switch (random.Below(depth > 0 ? 10 : 8))
        {
            case < 5:
                return new PutOp(Key(ref random), Text("v" + random.Below(1000).ToString(CultureInfo.InvariantCulture)))
                {
                    Lease = random.Below(3) == 0 ? 1 + random.Below(6) : 0,
                    PreviousKv = random.Below(2) == 0,
                    IgnoreLease = false,
                };
            case < 7:
                return new DeleteRangeOp(Range(ref random)) { PreviousKvs = random.Below(2) == 0 };
            case 7:
                return new RangeOp(Range(ref random)) { Limit = random.Below(4), Revision = random.Below(60), Target = (SortTarget)random.Below(5) };
            default:
                var compare = new Comparison(
                    Range(ref random), (CompareTarget)random.Below(5), (CompareResult)random.Below(4), random.Below(9), Text("v5"));
                return new TxnOp([compare], Ops(ref random, depth - 1), Ops(ref random, depth - 1));
        }
    }

    private static ImmutableArray<KvOp> Ops(ref SplitMix random, int depth)
    {
        var ops = new KvOp[random.Below(4)];
        for (var i = 0; i < ops.Length; i++) ops[i] = Op(ref random, depth);
        return [.. ops];
    }

    private static KeyRange Range(ref SplitMix random) => random.Below(3) switch
    {
        0 => new KeyRange(Key(ref random), ReadOnlyMemory<byte>.Empty),
        1 => new KeyRange(Key(ref random), Key(ref random)),
        _ => KeyRange.SingleKey(Key(ref random)),
    };

    private static ReadOnlyMemory<byte> Key(ref SplitMix random) => Text("key/" + random.Below(50).ToString(CultureInfo.InvariantCulture));

    private static ReadOnlyMemory<byte> Text(string text) => Encoding.UTF8.GetBytes(text);

    private struct SplitMix(ulong state)
    {
        public int Below(int bound)
        {
            state += 0x9E3779B97F4A7C15;
            var mixed = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9;
            mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
            return (int)((mixed ^ (mixed >> 31)) % (ulong)bound);
        }
    }
}

using System.Collections.Immutable;
using PaxosStore.Consensus;
using PaxosStore.Kv;

namespace PaxosStore.Simulator.Whole;

/// <summary>What a step asks of the store; where it builds on what the client saw, on what the node it asks shows right then.</summary>
internal static class Requests
{
    public const int MostLeases = 6;

    private static readonly string[] Names = ["root", "ann", "bob"];
    private static readonly string[] RoleNames = ["reader", "writer"];

    /// <summary>Who a client is where callers are checked; null shows no credentials.</summary>
    public static string? UserOf(int client) => client % 4 == 3 ? null : Names[client % 4];

    public static Caller? CallerOf(int client, KvView view) => view.Auth.Enabled && UserOf(client) is { } user ? new Caller(user, view.Auth.Revision) : null;

    /// <summary>What is to be agreed on, or null when the step is none of that kind.</summary>
    public static KvCommand? Command(Step step, KvView view)
    {
        var r = new SplitMix(Plan.Mix((ulong)step.Id, (ulong)step.Arg + 50));
        return step.Kind switch
        {
            StepKind.Put or StepKind.PutLeased => new WriteCommand(Put(step, step.Key, r, step.Kind == StepKind.PutLeased)),
            StepKind.Delete => new WriteCommand(new DeleteRangeOp(KeyRange.SingleKey(Key(step.Key))) { PreviousKvs = step.Arg % 2 == 0 }),
            StepKind.DeleteRange => new WriteCommand(new DeleteRangeOp(Range(step.Key)) { PreviousKvs = step.Arg % 2 == 0 }),
            StepKind.Txn => new WriteCommand(Txn(step, view, r, 0)),
            StepKind.Compact => new CompactCommand(Math.Max(0, view.Revision - (step.Arg % 8) + (step.Arg % 11 == 0 ? 3 : 0))),
            StepKind.Grant => new LeaseGrantCommand(step.Key % 5 == 0 ? 0 : Lease(step.Key), Ttl(step.Arg)),
            StepKind.KeepAlive => new LeaseKeepAliveCommand([.. Enumerable.Range(0, 1 + (step.Arg % 3)).Select(i => Lease(step.Key + i)).Distinct()]),
            StepKind.Revoke => new LeaseRevokeCommand(Lease(step.Key)),
            _ => AuthCommand(step, view),
        };
    }

    private static KvCommand? AuthCommand(Step step, KvView view) => step.Kind switch
    {
        StepKind.AuthOn => new AuthSwitchCommand(true),
        StepKind.AuthOff => new AuthSwitchCommand(false),
        StepKind.AuthSetup => Setup(step.Arg),
        StepKind.Permit => new RoleGrantCommand(RoleNames[step.Arg % 2], new Permission((Access)(1 + (step.Arg / 2 % 3)), Range(step.Key))),
        StepKind.Forbid => new RoleRevokeCommand(RoleNames[step.Arg % 2], Permitted(view, RoleNames[step.Arg % 2], step.Key)),
        StepKind.GiveRole => new UserRoleCommand(Names[1 + (step.Arg % 2)], RoleNames[step.Key % 2], Grant: true),
        StepKind.TakeRole => new UserRoleCommand(Names[1 + (step.Arg % 2)], RoleNames[step.Key % 2], Grant: false),
        StepKind.Password => new UserPasswordCommand(Names[step.Arg % 3], $"hash {step.Id}"),
        StepKind.SignIn => new AuthenticateCommand(Names[step.Arg % 3], view.Auth.Revision - (step.Key % 7 == 0 ? 1 : 0), $"token {step.Id}", 1),
        _ => null,
    };

    private static KvCommand Setup(int number) => number switch
    {
        0 => new UserAddCommand("root", "hash"),
        1 => new UserRoleCommand("root", "root", Grant: true),
        2 => new UserAddCommand("ann", "hash"),
        3 => new UserAddCommand("bob", null),
        4 => new RoleAddCommand("reader"),
        5 => new RoleAddCommand("writer"),
        6 => new RoleGrantCommand("reader", new Permission(Access.Read, Range(15))),
        7 => new RoleGrantCommand("writer", new Permission(Access.ReadWrite, Range(12))),
        8 => new UserRoleCommand("ann", "writer", Grant: true),
        _ => new UserRoleCommand("bob", "reader", Grant: true),
    };

    /// <summary>A range that a role has a permission for, if it has any.</summary>
    private static KeyRange Permitted(KvView view, string role, int key) =>
        view.Auth.Roles.TryGetValue(role, out var found) && found.Permissions.Length > 0 ? found.Permissions[key % found.Permissions.Length].Range : Range(key);

    /// <summary>What is to be read, or null when the step is none of that kind.</summary>
    public static KvOp? Question(Step step, KvView view)
    {
        var r = new SplitMix(Plan.Mix((ulong)step.Id, (ulong)step.Arg + 50));
        return step.Kind switch
        {
            StepKind.Get or StepKind.StaleGet => Range(step.Key, view, r),
            StepKind.ReadTxn => new TxnOp([Comparison(step.Key, view, r)], [Range(step.Key, view, r), Range(step.Arg, view, r)], [Range(step.Arg, view, r)]),
            _ => null,
        };
    }

    /// <summary>What is to be watched: from now, from what was, from what is yet to come.</summary>
    public static WatchSpec Watch(Step step, KvView view)
    {
        var start = (step.Arg % 5) switch
        {
            0 or 1 => 0,
            2 => Math.Max(1, view.Revision - (step.Arg / 5 % 12)),
            3 => Math.Max(1, view.CompactRevision + (step.Arg / 5 % 3) - 1),
            _ => view.Revision + 1 + (step.Arg / 5 % 6),
        };
        var filter = step.Arg / 64 % 6;
        return new WatchSpec(Range(step.Key), start, IncludePuts: filter != 1, IncludeDeletes: filter != 2);
    }

    // Parts.

    public static byte[] Key(int number) => ReplyText.Bytes($"{(char)('a' + (number % 3))}{number / 3 % 4}");

    /// <summary>One key, all that begin with a letter, all from some key on, or all between two.</summary>
    public static KeyRange Range(int number) => (number % 18) switch
    {
        < 10 => KeyRange.SingleKey(Key(number)),
        < 15 => Prefix(number),
        15 => new KeyRange(ReplyText.Bytes("a"), ReadOnlyMemory<byte>.Empty),
        16 => new KeyRange(ReplyText.Bytes("b1"), ReadOnlyMemory<byte>.Empty),
        _ => new KeyRange(ReplyText.Bytes("a2"), ReplyText.Bytes("b2")),
    };

    private static KeyRange Prefix(int number) => new(ReplyText.Bytes($"{(char)('a' + (number % 3))}"), ReplyText.Bytes($"{(char)('b' + (number % 3))}"));

    private static long Lease(int number) => 1001 + (number % MostLeases);

    private static long Ttl(int arg) => arg % 12 == 0 ? 100 : 1 + (arg % 4 == 0 ? 1 : 0);

    private static PutOp Put(Step step, int key, SplitMix r, bool leased)
    {
        var keeps = r.Below(12);
        return new PutOp(Key(key), keeps == 0 ? default(ReadOnlyMemory<byte>) : ReplyText.Bytes($"v{step.Id}.{r.Below(100)}"))
        {
            Lease = leased && keeps != 1 ? Lease(step.Arg) : 0,
            PreviousKv = r.Below(2) == 0,
            IgnoreValue = keeps == 0,
            IgnoreLease = keeps == 1,
        };
    }

    private static RangeOp Range(int number, KvView view, SplitMix r)
    {
        var old = r.Below(3) == 0;
        return new RangeOp(Range(number))
        {
            Revision = old ? Math.Max(1, view.Revision + 1 - r.Below(12)) : 0,
            Limit = r.Below(4) == 0 ? 1 + r.Below(4) : 0,
            KeysOnly = r.Below(8) == 0,
            CountOnly = r.Below(8) == 0,
            Order = (SortOrder)r.Below(3),
            Target = (SortTarget)(r.Below(2) * r.Below(4)),
            MinModRevision = r.Below(8) == 0 ? view.Revision - r.Below(10) : 0,
            MaxCreateRevision = r.Below(8) == 0 ? view.Revision - r.Below(10) : 0,
        };
    }

    private static TxnOp Txn(Step step, KvView view, SplitMix r, int depth)
    {
        var compare = Enumerable.Range(0, r.Below(3)).Select(i => Comparison(step.Key + i, view, r)).ToImmutableArray();
        return new TxnOp(compare, Branch(step, view, r, depth), Branch(step, view, r, depth));
    }

    private static ImmutableArray<KvOp> Branch(Step step, KvView view, SplitMix r, int depth)
    {
        var ops = ImmutableArray.CreateBuilder<KvOp>();
        for (var i = r.Below(4); i > 0; i--)
        {
            ops.Add(r.Below(10) switch
            {
                < 5 => Put(step, r.Below(100), r, r.Below(4) == 0),
                < 7 => new DeleteRangeOp(r.Below(2) == 0 ? KeyRange.SingleKey(Key(r.Below(100))) : Range(r.Below(100))) { PreviousKvs = r.Below(2) == 0 },
                9 when depth < 2 => Txn(step, view, r, depth + 1),
                _ => Range(r.Below(100), view, r),
            });
        }

        return ops.ToImmutable();
    }

    /// <summary>Mostly one that held a moment ago.</summary>
    private static Comparison Comparison(int key, KvView view, SplitMix r)
    {
        var range = r.Below(6) == 0 ? Range(key) : KeyRange.SingleKey(Key(key));
        var now = view.Range(new RangeOp(KeyRange.SingleKey(Key(key)))).Kvs.FirstOrDefault();
        var target = (CompareTarget)r.Below(5);
        var number = target switch
        {
            CompareTarget.Version => now?.Version ?? 0,
            CompareTarget.Create => now?.CreateRevision ?? 0,
            CompareTarget.Mod => now?.ModRevision ?? 0,
            CompareTarget.Lease => now?.Lease ?? 0,
            _ => 0,
        };
        var result = r.Below(3) > 0 ? CompareResult.Equal : (CompareResult)r.Below(4);
        return new Comparison(range, target, result, target == CompareTarget.Value ? 0 : number, target == CompareTarget.Value ? now?.Value ?? default : default);
    }
}

using PaxosStore.Cluster.Tests.History;

namespace PaxosStore.Cluster.Tests.Judges;

/// <summary>One operation on a register: what it demands of the state it meets, and the state it leaves. States are numbers; 0 is "absent".</summary>
internal sealed record RegisterCall(long Call, long Return, int? Demands, int? Refuses, int? Leaves)
{
    /// <summary>An operation of unknown fate need not have happened.</summary>
    public bool Optional => Return == Operation.Never;

    /// <summary>Whether it matters to the operation which state it meets.</summary>
    public bool DependsOnState => Demands is not null || Refuses is not null;

    /// <summary>Whether the operation can be the next one in <paramref name="state"/>, and what follows.</summary>
    public bool TryApply(int state, out int next)
    {
        next = Leaves ?? state;
        return (Demands is null || Demands == state) && (Refuses is null || Refuses != state);
    }
}

/// <summary>Turns the operations on one key into register calls.</summary>
internal sealed class RegisterCalls
{
    private readonly Dictionary<string, int> _numbers = [];

    /// <summary>
    /// An unknown write whose value nobody ever saw is left out: were it placed, only blind writes could follow it, and
    /// without it they fit as well. That keeps the search small and changes no verdict.
    /// </summary>
    public static IReadOnlyList<RegisterCall> From(IEnumerable<Operation> operations)
    {
        var all = operations.ToArray();
        var seen = all.SelectMany(Witnessed).ToHashSet();
        var builder = new RegisterCalls();
        return [.. all
            .Where(o => o.Outcome == Outcome.Ok || o.Kind == OperationKind.Delete || seen.Contains(o.Value!))
            .Select(builder.Translate)];
    }

    private static IEnumerable<string> Witnessed(Operation operation)
    {
        if (operation.Seen is not null)
            yield return operation.Seen;
        if (operation is { Kind: OperationKind.CompareAndSet, Expected: not null })
            yield return operation.Expected;
    }

    private RegisterCall Translate(Operation o)
    {
        var returned = o.Outcome == Outcome.Info ? Operation.Never : o.Return;
        return o switch
        {
            { Kind: OperationKind.Get } => new(o.Call, returned, Number(o.Seen), null, null),
            { Kind: OperationKind.Put } => new(o.Call, returned, null, null, Number(o.Value)),
            { Kind: OperationKind.Delete, Outcome: Outcome.Info } => new(o.Call, returned, null, null, 0),
            { Kind: OperationKind.Delete } => new(o.Call, returned, Number(o.Seen), null, 0),
            { Succeeded: true } or { Outcome: Outcome.Info } => new(o.Call, returned, Number(o.Expected), null, Number(o.Value)),
            _ => new(o.Call, returned, Number(o.Seen), Number(o.Expected), null),
        };
    }

    private int Number(string? value)
    {
        if (value is null)
            return 0;
        if (!_numbers.TryGetValue(value, out var number))
            _numbers[value] = number = _numbers.Count + 1;
        return number;
    }
}

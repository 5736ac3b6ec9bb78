using PaxosStore.Cluster.Tests.History;

namespace PaxosStore.Cluster.Tests.Judges;

/// <summary>Short hand for hand-made histories.</summary>
internal static class Make
{
    public static Operation Get(long call, long ret, string key, string? seen, long revision = 0) =>
        Answered(OperationKind.Get, call, ret, key, revision) with { Seen = seen };

    public static Operation Put(long call, long ret, string key, string value, long revision = 0) =>
        Answered(OperationKind.Put, call, ret, key, revision) with { Value = value };

    public static Operation Cas(long call, long ret, string key, string? expected, string value, long revision = 0) =>
        Answered(OperationKind.CompareAndSet, call, ret, key, revision) with { Expected = expected, Value = value, Succeeded = true };

    public static Operation CasRefused(long call, long ret, string key, string? expected, string value, string? seen, long revision = 0) =>
        Answered(OperationKind.CompareAndSet, call, ret, key, revision) with { Expected = expected, Value = value, Seen = seen };

    public static Operation Delete(long call, long ret, string key, string id, string? seen, long revision = 0) =>
        Answered(OperationKind.Delete, call, ret, key, revision) with { Value = id, Succeeded = seen is not null, Seen = seen };

    public static Operation Unknown(OperationKind kind, long call, string key, string value) =>
        Answered(kind, call, Operation.Never, key, 0) with { Outcome = Outcome.Info, Value = value };

    /// <summary>Changes as "revision key value"; without a value the key was deleted.</summary>
    public static LogDump Log(params string[] changes)
    {
        var parsed = changes.Select(c => c.Split(' ')).Select(p => new KeyChange(long.Parse(p[0]), p[1], p.ElementAtOrDefault(2))).ToArray();
        return new LogDump(parsed, 2, parsed.Length == 0 ? 1 : parsed[^1].Revision);
    }

    private static Operation Answered(OperationKind kind, long call, long ret, string key, long revision) => new()
    {
        Client = 1,
        Node = "n1",
        Kind = kind,
        Key = key,
        Call = call,
        Return = ret,
        Outcome = Outcome.Ok,
        Revision = revision,
    };
}

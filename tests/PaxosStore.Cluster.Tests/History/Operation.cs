namespace PaxosStore.Cluster.Tests.History;

/// <summary>What a client asked for.</summary>
public enum OperationKind
{
    /// <summary>Linearizable read of one key.</summary>
    Get,

    /// <summary>Unconditional write of a unique value.</summary>
    Put,

    /// <summary>Transaction: if the key still holds <see cref="Operation.Expected"/>, write a unique value, else read the key.</summary>
    CompareAndSet,

    /// <summary>Transaction: delete the key and write a unique value to its <see cref="Operation.MarkerKey"/>, so that the log tells whose delete it was.</summary>
    Delete,

    /// <summary>Read of all keys that begin with <see cref="Operation.Key"/>.</summary>
    Range,

    /// <summary>A lease is granted; it changes no revision.</summary>
    LeaseGrant,

    /// <summary>A lease begins its time to live anew.</summary>
    LeaseKeepAlive,

    /// <summary>A lease ends, and its keys with it.</summary>
    LeaseRevoke,
}

/// <summary>How an operation ended, as far as its client can know.</summary>
public enum Outcome
{
    /// <summary>Answered.</summary>
    Ok,

    /// <summary>Certainly not carried out: the request never left the client.</summary>
    Fail,

    /// <summary>Carried out or not, now or later: nobody told the client.</summary>
    Info,
}

/// <summary>One operation of one client: when it was called, when it returned, what it asked and what it was told.</summary>
public sealed record Operation
{
    /// <summary>The return time of an operation whose fate is unknown.</summary>
    public const long Never = long.MaxValue;

    /// <summary>Position in the history, in order of return.</summary>
    public long Id { get; init; }

    /// <summary>Logical client; one that met an unknown outcome is never used again.</summary>
    public required int Client { get; init; }

    /// <summary>The node asked.</summary>
    public required string Node { get; init; }

    /// <summary>What was asked.</summary>
    public required OperationKind Kind { get; init; }

    /// <summary>The key asked about.</summary>
    public required string Key { get; init; }

    /// <summary>The unique value written (put, compare-and-set) or the unique id left in the marker (delete).</summary>
    public string? Value { get; init; }

    /// <summary>Compare-and-set: the value the key must hold; null means the key must not exist.</summary>
    public string? Expected { get; init; }

    /// <summary>Call time in nanoseconds of the harness's one monotonic clock.</summary>
    public required long Call { get; init; }

    /// <summary>Return time, or <see cref="Never"/>.</summary>
    public required long Return { get; init; }

    /// <summary>How it ended.</summary>
    public required Outcome Outcome { get; init; }

    /// <summary>The revision in the reply's header; 0 unless <see cref="Outcome.Ok"/>.</summary>
    public long Revision { get; init; }

    /// <summary>Compare-and-set: whether the comparison held. Delete: whether a key was deleted.</summary>
    public bool Succeeded { get; init; }

    /// <summary>The value the reply showed: get, a compare-and-set that did not hold, or the value deleted; null means absent.</summary>
    public string? Seen { get; init; }

    /// <summary>Get, range: the node answers from what it has, without asking the others.</summary>
    public bool Serializable { get; init; }

    /// <summary>The lease asked about, or, of a put, the one the key is attached to; 0: none.</summary>
    public long Lease { get; init; }

    /// <summary>Seconds that a granted lease lives, or, of one kept alive, that it has left.</summary>
    public long Ttl { get; init; }

    /// <summary>Range: what the reply showed, in order.</summary>
    public IReadOnlyList<KeyValuePair<string, string>>? SeenAll { get; init; }

    /// <summary>Why it failed or is unknown, for people.</summary>
    public string? Error { get; init; }

    /// <summary>Where a delete of this key leaves its id.</summary>
    public string MarkerKey => Key + "#deleted";

    /// <summary>Whether it changed the state (of an answered operation) or may have (of an unknown one).</summary>
    public bool Mutates => Kind switch
    {
        OperationKind.Put or OperationKind.Delete => true,
        OperationKind.CompareAndSet => Outcome == Outcome.Info || Succeeded,
        _ => false,
    };

    /// <summary>Whether it only reads.</summary>
    public bool Reads => Kind is OperationKind.Get or OperationKind.Range;
}

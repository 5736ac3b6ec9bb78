namespace PaxosStore.Cluster.Tests.History;

/// <summary>One change of one key at one revision, as a watch from the first revision shows it.</summary>
public readonly record struct KeyChange(long Revision, string Key, string? Value)
{
    /// <summary>Whether the key was deleted.</summary>
    public bool IsDelete => Value is null;
}

/// <summary>What the store says happened: every change in order, and the revision up to which this is complete.</summary>
public sealed record LogDump(IReadOnlyList<KeyChange> Changes, long FirstRevision, long LastRevision)
{
    /// <summary>The compactions that clients asked for, whatever they were answered.</summary>
    public IReadOnlyList<Compaction> Compactions { get; init; } = [];
}

/// <summary>Somebody asked at some time that history below a revision be forgotten.</summary>
public readonly record struct Compaction(long Call, long Revision);

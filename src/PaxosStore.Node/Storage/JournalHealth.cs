namespace PaxosStore.Node.Storage;

/// <summary>What a start found of the journal.</summary>
internal enum JournalState
{
    /// <summary>Nothing: this node has never written here.</summary>
    Fresh,

    /// <summary>All that was ever reported as written.</summary>
    Good,

    /// <summary>All that was ever reported as written, and the beginning of a write that was not.</summary>
    Torn,

    /// <summary>Less than was reported as written, or it cannot be told: the node must not vote on it.</summary>
    Damaged,
}

/// <summary>State of the journal at the start, with the reason when it is damaged.</summary>
internal readonly record struct JournalHealth(JournalState State, string Reason = "")
{
    public static JournalHealth Damaged(string reason) => new(JournalState.Damaged, reason);
}

/// <summary>
/// The journal that a start found: its persistence id and the numbers of its first and last event in the order in which they were written. That order is kept
/// by the table itself; what is replayed is found through an index, and an index can be damaged alone.
/// </summary>
internal readonly record struct FoundJournal(string Id, long First, long Last);

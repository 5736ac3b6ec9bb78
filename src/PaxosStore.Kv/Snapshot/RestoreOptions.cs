namespace PaxosStore.Kv;

/// <summary>
/// How a snapshot becomes the first state of a new cluster. The revision jumps ahead of whatever the old cluster may have told its clients after the
/// snapshot, and all history counts as compacted: so nobody who knew the old cluster takes up where it cannot go on. Client sessions, what members
/// published and alarms are dropped; leases get their full time again. The same file and options give the same state on every node.
/// </summary>
/// <param name="RevisionJump">What is added to the revision.</param>
/// <param name="Slot">Slot the state is to count as; null keeps the snapshot's.</param>
public sealed record RestoreOptions(long RevisionJump = RestoreOptions.DefaultRevisionJump, long? Slot = null)
{
    /// <summary>More writes than any cluster makes between a backup and its restore.</summary>
    public const long DefaultRevisionJump = 1_000_000_000;
}

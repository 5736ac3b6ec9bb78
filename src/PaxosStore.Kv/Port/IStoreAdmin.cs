namespace PaxosStore.Kv;

/// <summary>
/// What operators do with the cluster behind an <see cref="IKvStore"/>: members, leadership, space and backups. Any member serves any of it; where only
/// the leader can act, the request is forwarded. All members are safe to call from any thread and never block.
/// </summary>
public interface IStoreAdmin
{
    /// <summary>
    /// Adds a member. It has no vote until it has started and caught up; unless <paramref name="observer"/>, it is then promoted by itself.
    /// </summary>
    /// <param name="peerUrl">Where its peers will reach it.</param>
    /// <param name="observer">True when it is to stay without a vote until <see cref="PromoteMemberAsync"/>.</param>
    /// <param name="cancellationToken">Gives up waiting; the outcome is unknown then.</param>
    /// <returns>The new member, with the id it must start under.</returns>
    /// <exception cref="KvException">
    /// <see cref="KvErrorCode.PeerUrlExists"/>, <see cref="KvErrorCode.TooManyObservers"/>, <see cref="KvErrorCode.UnhealthyCluster"/>, or as for
    /// <see cref="IKvStore.ExecuteAsync"/>.
    /// </exception>
    ValueTask<MemberInfo> AddMemberAsync(string peerUrl, bool observer, CancellationToken cancellationToken);

    /// <summary>Removes a member; it stops by itself when it learns of it. A leader that is removed hands over first.</summary>
    /// <exception cref="KvException"><see cref="KvErrorCode.MemberNotFound"/>, <see cref="KvErrorCode.UnhealthyCluster"/> (too few started voters would be left), …</exception>
    ValueTask RemoveMemberAsync(ulong id, CancellationToken cancellationToken);

    /// <summary>Changes where a member's peers reach it.</summary>
    /// <exception cref="KvException"><see cref="KvErrorCode.MemberNotFound"/>, <see cref="KvErrorCode.PeerUrlExists"/>, …</exception>
    ValueTask UpdateMemberAsync(ulong id, string peerUrl, CancellationToken cancellationToken);

    /// <summary>Gives an observer its vote.</summary>
    /// <exception cref="KvException">
    /// <see cref="KvErrorCode.MemberNotFound"/>, <see cref="KvErrorCode.MemberNotObserver"/>, <see cref="KvErrorCode.ObserverNotReady"/> (it is not up
    /// with the leader's log), …
    /// </exception>
    ValueTask PromoteMemberAsync(ulong id, CancellationToken cancellationToken);

    /// <summary>Makes another voter lead; completes when it does.</summary>
    /// <exception cref="KvException">
    /// <see cref="KvErrorCode.NotLeader"/> when this node does not lead, <see cref="KvErrorCode.BadLeaderTarget"/> when the target has no vote,
    /// <see cref="KvErrorCode.Timeout"/> when the target did not take over.
    /// </exception>
    ValueTask MoveLeaderAsync(ulong target, CancellationToken cancellationToken);

    /// <summary>Gives free space of this node's storage back to the file system, in slices; reads and writes go on.</summary>
    ValueTask DefragmentAsync(CancellationToken cancellationToken);

    /// <summary>This node's state, as of now, as a backup that <c>paxosctl snapshot restore</c> takes: chunks of at most 1 MiB, made while they are read.</summary>
    IStoreBackup OpenBackup();

    /// <summary>Quota of storage in bytes on this node, or 0 when there is none.</summary>
    long QuotaBytes { get; }
}

/// <summary>A backup being read. It pins the history it covers until it is disposed.</summary>
public interface IStoreBackup : IDisposable
{
    /// <summary>Bytes of the whole backup, or an estimate above them while it is being made.</summary>
    long EstimatedBytes { get; }

    /// <summary>Revision it holds.</summary>
    long Revision { get; }

    /// <summary>The bytes in order. Enumerate once.</summary>
    IEnumerable<ReadOnlyMemory<byte>> Chunks();
}

/// <summary>Something is wrong that an operator must look at; part of the replicated state.</summary>
public enum AlarmKind
{
    /// <summary>No alarm; asks for all of them.</summary>
    None = 0,

    /// <summary>A member's storage is over its quota: requests that add data are refused.</summary>
    NoSpace = 1,

    /// <summary>A member's state differs from the others': all writes and linearizable reads are refused.</summary>
    Corrupt = 2,
}

/// <summary>An alarm raised for a member.</summary>
/// <param name="MemberId">The member; 0 when raised for none in particular.</param>
/// <param name="Kind">What.</param>
public readonly record struct AlarmInfo(ulong MemberId, AlarmKind Kind);

using Microsoft.Extensions.Logging;

namespace PaxosStore.Node;

/// <summary>Everything a node logs, one event id each.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "member={Member} cluster={Cluster} members={Members} data={DataDirectory}")]
    public static partial void Identity(this ILogger log, string member, string cluster, int members, string dataDirectory);

    [LoggerMessage(2, LogLevel.Information, "journal replayed chosen={Chosen} last={Last} promised={Promised} took={Milliseconds}ms")]
    public static partial void Recovered(this ILogger log, long chosen, long last, string promised, long milliseconds);

    [LoggerMessage(3, LogLevel.Information, "leading round={Round}")]
    public static partial void Leading(this ILogger log, long round);

    [LoggerMessage(4, LogLevel.Warning, "stepped down round={Round}")]
    public static partial void SteppedDown(this ILogger log, long round);

    [LoggerMessage(5, LogLevel.Information, "following leader={Leader}")]
    public static partial void Following(this ILogger log, string leader);

    [LoggerMessage(6, LogLevel.Warning, "no leader")]
    public static partial void NoLeader(this ILogger log);

    [LoggerMessage(7, LogLevel.Warning, "the actor system did not stop within {Seconds} s ({Status})")]
    public static partial void StopTimedOut(this ILogger log, double seconds, string status);

    [LoggerMessage(8, LogLevel.Information, "members {Configuration}")]
    public static partial void Configured(this ILogger log, string configuration);

    [LoggerMessage(9, LogLevel.Information, "snapshot written slot={Slot} bytes={Bytes}")]
    public static partial void SnapshotWritten(this ILogger log, long slot, long bytes);

    [LoggerMessage(10, LogLevel.Warning, "no snapshot could be made at slot={Slot}, the log keeps growing until one can: {Reason}")]
    public static partial void SnapshotFailed(this ILogger log, long slot, string reason);

    [LoggerMessage(11, LogLevel.Warning, "an old snapshot could not be deleted slot={Slot}: {Reason}")]
    public static partial void SnapshotNotDeleted(this ILogger log, long slot, string reason);

    [LoggerMessage(12, LogLevel.Information, "catching up from a snapshot slot={Slot} piece={Piece} of {Count}")]
    public static partial void SnapshotPiece(this ILogger log, long slot, int piece, int count);

    [LoggerMessage(13, LogLevel.Information, "caught up from a snapshot slot={Slot} bytes={Bytes}")]
    public static partial void SnapshotInstalled(this ILogger log, long slot, long bytes);

    [LoggerMessage(14, LogLevel.Warning, "a snapshot from a peer is of no use: {Reason}")]
    public static partial void SnapshotUseless(this ILogger log, string reason);

    [LoggerMessage(15, LogLevel.Warning, "superfluous log could not be deleted, the next cut tries again: {Reason}")]
    public static partial void CutFailed(this ILogger log, string reason);

    [LoggerMessage(16, LogLevel.Warning, "disk full={Full}: while it is, this node does not vote; reads go on")]
    public static partial void DiskRoom(this ILogger log, bool full);

    [LoggerMessage(17, LogLevel.Information, "snapshot loaded slot={Slot} bytes={Bytes} took={Milliseconds}ms")]
    public static partial void SnapshotLoaded(this ILogger log, long slot, long bytes, long milliseconds);

    [LoggerMessage(18, LogLevel.Information, "joining: {What}")]
    public static partial void Joining(this ILogger log, string what);

    [LoggerMessage(19, LogLevel.Warning, "the journal is damaged ({Reason}); it was set aside as {File}, and the members are asked for what it held")]
    public static partial void JournalSetAside(this ILogger log, string reason, string file);

    [LoggerMessage(20, LogLevel.Warning, "{What}")]
    public static partial void NewCluster(this ILogger log, string what);

    [LoggerMessage(21, LogLevel.Information, "handed leadership over to {Leader}")]
    public static partial void HandedOver(this ILogger log, string leader);

    [LoggerMessage(22, LogLevel.Error, "the state differs from the other members' at slot={Slot}")]
    public static partial void StateDiffers(this ILogger log, long slot);

    [LoggerMessage(23, LogLevel.Information, "connected to peer={Address}")]
    public static partial void PeerConnected(this ILogger log, string address);

    [LoggerMessage(24, LogLevel.Warning, "lost the connection to peer={Address}; it is opened again as soon as the peer answers")]
    public static partial void PeerLost(this ILogger log, string address);

    [LoggerMessage(25, LogLevel.Warning, "no connection to peer={Address}, which is tried again: {Reason}")]
    public static partial void PeerUnreachable(this ILogger log, string address, string reason);

    [LoggerMessage(26, LogLevel.Information, "this node has no vote yet: the other members must know it, and tell it what its journal may have lost; reads go on")]
    public static partial void WithoutVote(this ILogger log);

    [LoggerMessage(27, LogLevel.Information, "this node votes from now on")]
    public static partial void Votes(this ILogger log);

    [LoggerMessage(40, LogLevel.Warning, "users and roles are switched off, as 'paxosctl auth-off' asked: everybody may do everything until 'etcdctl auth enable'")]
    public static partial void AuthSwitchedOff(this ILogger log);
}

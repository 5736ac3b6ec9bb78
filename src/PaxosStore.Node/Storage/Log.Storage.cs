using Microsoft.Extensions.Logging;

namespace PaxosStore.Node;

/// <summary>What the storage logs.</summary>
internal static partial class Log
{
    [LoggerMessage(40, LogLevel.Error, "a snapshot is damaged and will not be used: {What}")]
    public static partial void SnapshotDamaged(this ILogger log, string what);

    [LoggerMessage(41, LogLevel.Warning, "{File} ({Megabytes} MiB) is of an older version and does not shrink when data is deleted; 'sqlite3 {File} \"PRAGMA auto_vacuum = 2; VACUUM\"' while the node is stopped changes that")]
    public static partial void NotShrinkable(this ILogger log, string file, long megabytes);

    [LoggerMessage(42, LogLevel.Error, "the snapshot file is damaged ({Damage}) and was set aside as {File}; snapshots are made anew")]
    public static partial void SnapshotsSetAside(this ILogger log, string damage, string file);

    [LoggerMessage(43, LogLevel.Error, "the snapshot file is damaged ({Reason}): what was written to it last may be gone")]
    public static partial void SnapshotsShortened(this ILogger log, string reason);
}

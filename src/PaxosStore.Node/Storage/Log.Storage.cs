using Microsoft.Extensions.Logging;

namespace PaxosStore.Node;

/// <summary>What the storage logs.</summary>
internal static partial class Log
{
    [LoggerMessage(40, LogLevel.Error, "a snapshot is damaged and will not be used: {What}")]
    public static partial void SnapshotDamaged(this ILogger log, string what);
}

using Microsoft.Extensions.Logging;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd;

/// <summary>What the etcd door logs. Errors that clients cause are theirs to see, not the operator's.</summary>
internal static partial class Log
{
    [LoggerMessage(EventId = 2001, Level = LogLevel.Error, Message = "Request {Method} failed in a way it should not.")]
    internal static partial void RequestFailed(ILogger logger, string method, Exception exception);

    [LoggerMessage(EventId = 2002, Level = LogLevel.Warning, Message =
        "storage in use ({Used} bytes) leaves no room under the quota ({Quota} bytes): writes that add data are refused by all members; delete keys and " +
        "compact, or raise the quota (--quota-backend-bytes), then disarm the alarm (paxosctl alarm disarm)")]
    internal static partial void QuotaExceeded(ILogger logger, long used, long quota);

    [LoggerMessage(EventId = 2003, Level = LogLevel.Debug, Message = "alarm {Kind} could not be raised ({Code}); it is tried again with the next request")]
    internal static partial void AlarmNotRaised(ILogger logger, AlarmKind kind, KvErrorCode code);

    [LoggerMessage(EventId = 2004, Level = LogLevel.Debug, Message = "compacted history below revision {Revision}")]
    internal static partial void Compacted(ILogger logger, long revision);

    [LoggerMessage(EventId = 2005, Level = LogLevel.Warning, Message = "compaction of history below revision {Revision} failed ({Code}); it is tried again")]
    internal static partial void CompactionFailed(ILogger logger, long revision, KvErrorCode code);

    [LoggerMessage(EventId = 2010, Level = LogLevel.Debug, Message = "{Count} tokens could not be renewed ({Code}); they are tried again when they are used next")]
    internal static partial void TokensNotRenewed(ILogger logger, int count, KvErrorCode code);
}

using Microsoft.Extensions.Logging;

namespace PaxosStore.Gateways.Etcd;

/// <summary>What the etcd door logs. Errors that clients cause are theirs to see, not the operator's.</summary>
internal static partial class Log
{
    [LoggerMessage(EventId = 2001, Level = LogLevel.Error, Message = "Request {Method} failed in a way it should not.")]
    internal static partial void RequestFailed(ILogger logger, string method, Exception exception);
}

using System.Net;
using Microsoft.Extensions.Logging;

namespace PaxosStore.Server.Logging;

/// <summary>Everything the server itself says. Values follow the text as <c>key=value</c>.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "starting version={Version} name={Name} dotnet={Runtime} pid={Pid}")]
    internal static partial void Starting(ILogger logger, string version, string name, string runtime, int pid);

    [LoggerMessage(2, LogLevel.Information,
        "ready to serve client requests name={Name} client={Client} http={Http} peer={Peer} data-dir={DataDir} " +
        "member={Member} cluster={Cluster} start-ms={StartMs}")]
    internal static partial void Ready(
        ILogger logger, string name, string client, string http, string peer, string dataDir, string member, string cluster, long startMs);

    [LoggerMessage(3, LogLevel.Information, "try: {Command}")]
    internal static partial void Hint(ILogger logger, string command);

    [LoggerMessage(4, LogLevel.Warning, "{Notice}")]
    internal static partial void Notice(ILogger logger, string notice);

    [LoggerMessage(5, LogLevel.Warning,
        "not ready yet: waiting for a majority of the members; are they running, and do they reach each other? " +
        "members={Members} waited-s={WaitedSeconds}")]
    internal static partial void Waiting(ILogger logger, string members, long waitedSeconds);

    [LoggerMessage(6, LogLevel.Error, "the node can't start: {Reason}")]
    internal static partial void CannotStart(ILogger logger, string reason);

    [LoggerMessage(7, LogLevel.Error, "the node must stop: {Reason}")]
    internal static partial void NodeFailed(ILogger logger, string reason);

    [LoggerMessage(8, LogLevel.Information, "stopping")]
    internal static partial void Stopping(ILogger logger);

    [LoggerMessage(9, LogLevel.Information, "stopped stop-ms={StopMs}")]
    internal static partial void Stopped(ILogger logger, long stopMs);

    [LoggerMessage(10, LogLevel.Warning, "stopped without waiting longer for open requests stop-ms={StopMs}")]
    internal static partial void StoppedHard(ILogger logger, long stopMs);

    [LoggerMessage(11, LogLevel.Critical, "unexpected failure; please report it with the lines below")]
    internal static partial void Unexpected(ILogger logger, Exception exception);

    [LoggerMessage(12, LogLevel.Warning, "client refused subject={Subject}: {Reason}")]
    internal static partial void ClientRefused(ILogger logger, string subject, string reason);

    [LoggerMessage(13, LogLevel.Warning, "a TLS handshake on a client port failed from={From}: the greeting is broken ({Reason})")]
    internal static partial void GreetingBroken(ILogger logger, EndPoint? from, string reason);
}

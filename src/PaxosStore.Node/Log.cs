using Microsoft.Extensions.Logging;

namespace PaxosStore.Node;

/// <summary>Everything a node logs, one event id each.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "starting member={Member} cluster={Cluster} name={Name} members={Members} data={DataDirectory}")]
    public static partial void Starting(this ILogger log, string member, string cluster, string name, int members, string dataDirectory);

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

    [LoggerMessage(7, LogLevel.Critical, "stopping: {Reason}")]
    public static partial void Failed(this ILogger log, string reason);

    [LoggerMessage(8, LogLevel.Information, "stopped")]
    public static partial void Stopped(this ILogger log);
}

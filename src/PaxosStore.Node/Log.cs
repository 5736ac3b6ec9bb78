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
}

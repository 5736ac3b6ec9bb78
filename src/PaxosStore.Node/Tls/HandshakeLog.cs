using Akka.Actor;
using Akka.Event;
using DotNetty.Handlers.Tls;
using Microsoft.Extensions.Logging;

namespace PaxosStore.Node.Tls;

/// <summary>
/// Says in one line why a handshake on the peers' port failed. The transport tells it in forty, to whoever knocks: those are kept out of the log by
/// <see cref="Hide"/>, and equal reasons are told once in a while.
/// </summary>
internal sealed class HandshakeLog : ReceiveActor
{
    private const string Failure = "TLS handshake failed";
    private const string NoTls = "what came in is no TLS";

    public HandshakeLog(ILogger log, News news) => Receive<Error>(error =>
    {
        if (error.Message?.ToString() is not { } text || !text.StartsWith(Failure, StringComparison.Ordinal)) return;
        var where = text.Split('\n')[0][Failure.Length..].Trim();
        var reason = IsNoTls(error.Cause) ? NoTls : error.Cause?.GetBaseException().Message ?? text;
        if (news.Is(reason)) log.HandshakeFailed(where, reason);
    });

    /// <summary>Keeps the transport's own words out of the log.</summary>
    public static LogFilterBuilder Hide(LogFilterBuilder filters) => filters.ExcludeMessageContaining(Failure).Add(new NoTlsFilter());

    protected override void PreStart() => Context.System.EventStream.Subscribe(Self, typeof(Error));

    protected override void PostStop() => Context.System.EventStream.Unsubscribe(Self);

    private static bool IsNoTls(Exception? cause) => cause?.GetBaseException() is NotSslRecordException;

    /// <summary>What is no TLS is told a second time, with all its bytes, by whom the connection was meant for: strangers would write our log.</summary>
    private sealed class NoTlsFilter : LogFilterBase
    {
        public override LogFilterType FilterType => LogFilterType.Content;

        public override LogFilterDecision ShouldKeepMessage(LogEvent content, string? expandedMessage = null) =>
            IsNoTls(content.Cause) ? LogFilterDecision.Drop : LogFilterDecision.NoDecision;
    }
}

using Akka.Actor;
using Akka.Event;
using Akka.Remote;
using Microsoft.Extensions.Logging;
using PaxosStore.Node.Tls;

namespace PaxosStore.Node.Wire;

/// <summary>
/// Says in one line that the way to a peer is there, is lost, or can't be found and why. The transport tells every lost connection as an error with a stack, and
/// some vain attempts to open one again: <see cref="Hide"/> keeps that out of the log.
/// </summary>
internal sealed class PeerLinkLog : ReceiveActor
{
    private const string Lost = "Disassociated";
    private readonly HashSet<Address> _connected = [];

    public PeerLinkLog(ILogger log, News news)
    {
        // What this node says goes out on connections of its own; those of its peers tell of their half only.
        Receive<AssociatedEvent>(e => !e.IsInbound && _connected.Add(e.RemoteAddress), e => log.PeerConnected(At(e.RemoteAddress)));
        Receive<DisassociatedEvent>(e => !e.IsInbound && _connected.Remove(e.RemoteAddress), e => log.PeerLost(At(e.RemoteAddress)));
        Receive<AssociationErrorEvent>(e =>
        {
            var (address, reason) = (At(e.RemoteAddress), e.Cause.GetBaseException().Message);
            if (!e.IsInbound && news.Is($"{address} {reason}")) log.PeerUnreachable(address, reason);
        });
    }

    public static LogFilterBuilder Hide(LogFilterBuilder filters) => filters.ExcludeMessageContaining("Handshake timed out").Add(new LostConnectionFilter());

    protected override void PreStart() => Context.System.EventStream.Subscribe(Self, typeof(AssociationEvent));

    protected override void PostStop() => Context.System.EventStream.Unsubscribe(Self);

    private static string At(Address address) => $"{address.Host}:{address.Port}";

    private sealed class LostConnectionFilter : LogFilterBase
    {
        public override LogFilterType FilterType => LogFilterType.Content;

        public override LogFilterDecision ShouldKeepMessage(LogEvent content, string? expandedMessage = null) =>
            content.Message?.ToString() == Lost && content.LogSource.Contains("endpointManager", StringComparison.Ordinal) ? LogFilterDecision.Drop : LogFilterDecision.NoDecision;
    }
}

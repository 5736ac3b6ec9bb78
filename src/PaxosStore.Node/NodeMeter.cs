using System.Diagnostics.Metrics;

namespace PaxosStore.Node;

/// <summary>What a node measures of itself. Whoever wants to know listens to the meter; nobody listening costs nothing.</summary>
internal static class NodeMeter
{
    private static readonly Meter Meter = new("PaxosStore.Node");

    /// <summary>Seconds from handing records to the journal until they are on disk.</summary>
    public static Histogram<double> JournalWrite { get; } = Meter.CreateHistogram<double>("paxosstore.journal.write.duration", "s");

    /// <summary>Leaders this node came to know.</summary>
    public static Counter<long> LeaderChanges { get; } = Meter.CreateCounter<long>("paxosstore.leader.changes");

    /// <summary>Writes that wait on this node for their result.</summary>
    public static UpDownCounter<long> ProposalsPending { get; } = Meter.CreateUpDownCounter<long>("paxosstore.proposals.pending");

    /// <summary>Writes that could not be decided. What the state refused is decided.</summary>
    public static Counter<long> ProposalsFailed { get; } = Meter.CreateCounter<long>("paxosstore.proposals.failed");

    /// <summary>Bytes sent to other members, as serialized.</summary>
    public static Counter<long> PeersSent { get; } = Meter.CreateCounter<long>("paxosstore.peers.sent", "By");

    /// <summary>Bytes received from other members, as serialized.</summary>
    public static Counter<long> PeersReceived { get; } = Meter.CreateCounter<long>("paxosstore.peers.received", "By");
}

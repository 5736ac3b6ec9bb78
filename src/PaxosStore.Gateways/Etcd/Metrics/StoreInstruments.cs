using System.Diagnostics.Metrics;

namespace PaxosStore.Gateways.Etcd.Metrics;

/// <summary>What the store behind the door measures of itself, gathered from the instruments of its meter.</summary>
internal sealed class StoreInstruments : IDisposable
{
    private const string MeterName = "PaxosStore.Node";

    private readonly MeterListener listener = new();

    public StoreInstruments()
    {
        var sums = new Dictionary<string, Sum>(StringComparer.Ordinal)
        {
            ["paxosstore.leader.changes"] = LeaderChanges,
            ["paxosstore.proposals.pending"] = ProposalsPending,
            ["paxosstore.proposals.failed"] = ProposalsFailed,
            ["paxosstore.peers.sent"] = PeersSent,
            ["paxosstore.peers.received"] = PeersReceived,
        };
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name != MeterName) return;
            if (sums.TryGetValue(instrument.Name, out var sum)) self.EnableMeasurementEvents(instrument, sum);
            else if (instrument.Name == "paxosstore.journal.write.duration") self.EnableMeasurementEvents(instrument, JournalWrites);
        };
        listener.SetMeasurementEventCallback<long>(static (_, value, _, sum) => (sum as Sum)?.Add(value));
        listener.SetMeasurementEventCallback<double>(static (_, value, _, histogram) => (histogram as Histogram)?.Add(value));
        listener.Start();
    }

    internal Histogram JournalWrites { get; } = new(Histogram.Disk);

    internal Sum LeaderChanges { get; } = new();

    internal Sum ProposalsPending { get; } = new();

    internal Sum ProposalsFailed { get; } = new();

    internal Sum PeersSent { get; } = new();

    internal Sum PeersReceived { get; } = new();

    /// <inheritdoc/>
    public void Dispose() => listener.Dispose();

    /// <summary>Everything an instrument has said, added up.</summary>
    internal sealed class Sum
    {
        private long value;

        internal long Value => Interlocked.Read(ref value);

        internal void Add(long more) => Interlocked.Add(ref value, more);
    }
}

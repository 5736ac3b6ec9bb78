using PaxosStore.Consensus;

namespace PaxosStore.Node.Journal;

/// <summary>
/// Which events of the journal a durable <see cref="BaseRecord"/> has made superfluous: those from the first on in which no vote lies above its base. They are
/// deleted a slice at a time, one slice under way: Akka.Persistence.Sql deletes on the journal's own connection, some 20 µs a row, and no vote can be written meanwhile.
/// </summary>
internal sealed class JournalCut
{
    private const int EventsPerSlice = 128;

    // Invariant: ascending in sequence number; the events not deleted yet.
    private readonly Queue<(long SequenceNr, Slot Highest)> _events = new();
    private Slot _base;

    // The event that holds the base, or the identity written before it, whichever is earlier: what both say must outlast the cut.
    private long _baseAt;
    private long _identityAt = long.MaxValue;
    private bool _busy;

    /// <summary>An event is durable.</summary>
    public void Written(long sequenceNr, JournalBatch batch)
    {
        var highest = Slot.Zero;
        foreach (var record in batch.Records)
        {
            switch (record)
            {
                case AcceptRecord r: highest = Slot.Max(highest, r.Slot); break;
                case LearnRecord r: highest = Slot.Max(highest, r.Slot); break;
                case IdentityRecord: _identityAt = sequenceNr; break;
                case BaseRecord r: (_base, _baseAt) = (r.Base.Through, Math.Min(sequenceNr, _identityAt)); break;
            }
        }

        _events.Enqueue((sequenceNr, highest));
    }

    /// <summary>Through which event to delete next; false when there is nothing, or a deletion is under way.</summary>
    public bool TryNext(out long through)
    {
        through = 0;
        if (_busy) return false;
        for (var i = 0; i < EventsPerSlice && _events.TryPeek(out var first) && first.SequenceNr < _baseAt && first.Highest <= _base; i++)
        {
            through = _events.Dequeue().SequenceNr;
        }

        return _busy = through > 0;
    }

    /// <summary>The deletion is over. Had it failed, the next one takes its events along.</summary>
    public void Done() => _busy = false;
}

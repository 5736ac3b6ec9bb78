namespace PaxosStore.Node.Journal;

/// <summary>
/// Deletes the prefix of a persistent actor's journal slice by slice. Akka.Persistence.Sql deletes in one transaction on the journal's own connection: as long
/// as it takes (some 20 µs a row; 10,000 rows block for a fifth of a second), no vote can be written. The last row of every slice stays, marked as deleted, until the
/// next slice: it keeps the highest sequence number, so that numbers go on even after all events are gone.
/// </summary>
/// <param name="delete">The actor's own <c>DeleteMessages</c>.</param>
internal sealed class JournalCut(Action<long> delete)
{
    /// <summary>Events in one deletion.</summary>
    public const int Slice = 100;

    private long _gone;
    private long _target;
    private bool _deleting;

    /// <summary>The first event that recovery replayed: those before it are gone already.</summary>
    public void Begins(long firstSequenceNr) => _gone = firstSequenceNr - 1;

    /// <summary>Deletes up to and with that event, in its own time.</summary>
    public void UpTo(long sequenceNr)
    {
        _target = Math.Max(_target, sequenceNr);
        Next();
    }

    /// <summary>A slice is deleted (<c>DeleteMessagesSuccess</c>).</summary>
    public void Deleted(long sequenceNr)
    {
        _gone = Math.Max(_gone, sequenceNr);
        _deleting = false;
        Next();
    }

    /// <summary>A slice is not deleted (<c>DeleteMessagesFailure</c>): it is tried again with the next cut.</summary>
    public void Failed() => _deleting = false;

    private void Next()
    {
        if (_deleting || _gone >= _target) return;
        _deleting = true;
        delete(Math.Min(_gone + Slice, _target));
    }
}

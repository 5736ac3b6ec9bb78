using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>
/// A journal with group commit: one write in flight, all that gathered meanwhile goes with the next. Survives a crash: what is durable, and of the rest
/// a prefix. Records keep their numbers when those before them are deleted.
/// </summary>
internal sealed class Disk
{
    // Records not deleted; the first of them has number _first.
    private readonly List<JournalRecord> _records = [];
    private int _first;

    // Durable writes not deleted, oldest first.
    private readonly Queue<(int End, Slot Highest)> _writes = new();
    private Slot _base;
    private int _baseAt;

    /// <summary>Records before this number are durable.</summary>
    public int Durable { get; private set; }

    /// <summary>Records handed over since ever, lost ones not counted.</summary>
    public int Handed => _first + _records.Count;

    /// <summary>Bytes of the records that are not durable.</summary>
    public long Waiting { get; private set; }

    /// <summary>End of the write in flight; 0 when there is none.</summary>
    public int InFlight { get; private set; }

    /// <summary>Grows with each write begun and each crash: tells a late completion from the one awaited.</summary>
    public int Write { get; private set; }

    /// <summary>What a restart would find.</summary>
    public JournalRecord[] Found => [.. _records.Take(Durable - _first)];

    /// <summary>Nothing has been deleted.</summary>
    public bool IsWhole => _first == 0;

    public JournalRecord this[int number] => _records[number - _first];

    public void Add(JournalRecord record)
    {
        _records.Add(record);
        Waiting += record.Size;
    }

    /// <summary>Begins a write when there is something to write and none is in flight.</summary>
    public bool TryBegin(out int write)
    {
        write = 0;
        if (InFlight != 0 || Durable == Handed) return false;
        (InFlight, write) = (Handed, ++Write);
        return true;
    }

    /// <summary>The write in flight is done; returns the first record it made durable.</summary>
    public int Complete()
    {
        var first = Durable;
        MakeDurable(InFlight);
        InFlight = 0;
        return first;
    }

    /// <summary>Loses everything that is not durable but <paramref name="kept"/> records; returns the first record of these.</summary>
    public int Crash(int kept)
    {
        var first = Durable;
        MakeDurable(Durable + kept);
        _records.RemoveRange(Durable - _first, Handed - Durable);
        (InFlight, Waiting) = (0, 0);
        Write++;
        return first;
    }

    /// <summary>
    /// Deletes at most so many of the oldest writes that a durable base has made superfluous: those before it in which no vote is for a slot after it.
    /// </summary>
    /// <param name="most">At most so many.</param>
    /// <param name="careless">For mutants only: votes after the base go too.</param>
    /// <param name="deleted">Gets the records.</param>
    public void Cut(int most, bool careless, List<JournalRecord> deleted)
    {
        while (most-- > 0 && _writes.TryPeek(out var write) && write.End <= _baseAt && (careless || write.Highest <= _base))
        {
            _writes.Dequeue();
            deleted.AddRange(_records.Take(write.End - _first));
            _records.RemoveRange(0, write.End - _first);
            _first = write.End;
        }
    }

    /// <summary>Another journal in the place of this one.</summary>
    public void Replace(IEnumerable<JournalRecord> records)
    {
        _records.Clear();
        _writes.Clear();
        (_first, _base, _baseAt, Durable, Waiting) = (0, Slot.Zero, 0, 0, 0);
        foreach (var record in records) Add(record);
        MakeDurable(_records.Count);
    }

    /// <summary>For mutants only: one record vanishes, those after it stay.</summary>
    public void Drop(int number)
    {
        _records.RemoveAt(number - _first);
        Durable--;
        var writes = _writes.ToArray();
        _writes.Clear();
        foreach (var (end, highest) in writes) _writes.Enqueue((end > number ? end - 1 : end, highest));
    }

    /// <summary>For mutants only: the write in flight loses its last record without a word.</summary>
    public void DropInFlight()
    {
        InFlight--;
        Waiting -= this[InFlight].Size;
        _records.RemoveAt(InFlight - _first);
    }

    private void MakeDurable(int end)
    {
        if (end == Durable) return;
        var highest = Slot.Zero;
        for (var i = Durable; i < end; i++)
        {
            Waiting -= this[i].Size;
            switch (this[i])
            {
                case AcceptRecord r: highest = Slot.Max(highest, r.Slot); break;
                case LearnRecord r: highest = Slot.Max(highest, r.Slot); break;
                case BaseRecord r: (_base, _baseAt) = (r.Base.Through, Durable); break;
            }
        }

        _writes.Enqueue((end, highest));
        Durable = end;
    }
}

using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>
/// A journal with group commit: one write in flight, all that gathered meanwhile goes with the next. Survives a crash: what is durable, and of the rest
/// a prefix.
/// </summary>
internal sealed class Disk
{
    private readonly List<JournalRecord> _records = [];

    /// <summary>Records that a restart would find.</summary>
    public int Durable { get; private set; }

    /// <summary>Records handed over since ever, lost ones not counted.</summary>
    public int Handed => _records.Count;

    /// <summary>End of the write in flight; 0 when there is none.</summary>
    public int InFlight { get; private set; }

    /// <summary>Grows with each write begun and each crash: tells a late completion from the one awaited.</summary>
    public int Write { get; private set; }

    public IReadOnlyList<JournalRecord> Records => _records;

    public void Add(JournalRecord record) => _records.Add(record);

    /// <summary>Begins a write when there is something to write and none is in flight.</summary>
    public bool TryBegin(out int write)
    {
        write = 0;
        if (InFlight != 0 || Durable == _records.Count) return false;
        (InFlight, write) = (_records.Count, ++Write);
        return true;
    }

    /// <summary>The write in flight is done; returns the first record it made durable.</summary>
    public int Complete()
    {
        var first = Durable;
        (Durable, InFlight) = (InFlight, 0);
        return first;
    }

    /// <summary>Loses everything that is not durable but <paramref name="kept"/> records; returns the first record of these.</summary>
    public int Crash(int kept)
    {
        var first = Durable;
        Durable += kept;
        _records.RemoveRange(Durable, _records.Count - Durable);
        InFlight = 0;
        Write++;
        return first;
    }

    /// <summary>For mutants only: one record vanishes, those after it stay.</summary>
    public void Drop(int index)
    {
        _records.RemoveAt(index);
        Durable--;
    }

    /// <summary>For mutants only: the write in flight loses its last record without a word.</summary>
    public void DropInFlight() => _records.RemoveAt(--InFlight);

    /// <summary>For mutants only: an empty journal.</summary>
    public void Wipe()
    {
        _records.Clear();
        Durable = 0;
    }
}

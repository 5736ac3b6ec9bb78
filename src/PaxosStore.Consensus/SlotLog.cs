namespace PaxosStore.Consensus;

/// <summary>Votes by slot, dense from <see cref="First"/> on; a slot without a vote is a gap.</summary>
internal sealed class SlotLog
{
    private readonly List<(Ballot Ballot, Value? Value)> _entries = [];

    /// <summary>Slot of the first position.</summary>
    public Slot First { get; } = new(1);

    /// <summary>Highest slot that may hold a vote; the slot before <see cref="First"/> when empty.</summary>
    public Slot Last => First + (_entries.Count - 1);

    public bool TryGet(Slot slot, out Ballot ballot, out Value value)
    {
        var index = slot - First;
        if (index >= 0 && index < _entries.Count && _entries[(int)index] is { Value: { } held } entry)
        {
            (ballot, value) = (entry.Ballot, held);
            return true;
        }

        (ballot, value) = (default, null!);
        return false;
    }

    public void Set(Slot slot, Ballot ballot, Value value)
    {
        var index = (int)(slot - First);
        while (_entries.Count <= index) _entries.Add(default);
        _entries[index] = (ballot, value);
    }
}

namespace PaxosStore.Consensus;

/// <summary>Votes by slot, dense from <see cref="First"/> on; a slot without a vote is a gap.</summary>
internal sealed class SlotLog
{
    private readonly List<(Ballot Ballot, Value? Value)> _entries = [];

    private int _dead;

    /// <summary>Slot of the first position.</summary>
    public Slot First { get; private set; } = new(1);

    /// <summary>Highest slot that may hold a vote; the slot before <see cref="First"/> when empty.</summary>
    public Slot Last => First + (_entries.Count - _dead - 1);

    public bool TryGet(Slot slot, out Ballot ballot, out Value value)
    {
        var index = slot - First + _dead;
        if (index >= _dead && index < _entries.Count && _entries[(int)index] is { Value: { } held } entry)
        {
            (ballot, value) = (entry.Ballot, held);
            return true;
        }

        (ballot, value) = (default, null!);
        return false;
    }

    /// <summary>A change of the members was accepted after <paramref name="slot"/>: if that slot is the last known to be chosen, what is known of them may be out of date.</summary>
    public bool HasChangeAfter(Slot slot)
    {
        for (slot = slot.Next; slot <= Last; slot = slot.Next)
        {
            if (TryGet(slot, out _, out var value) && value.Next is not null) return true;
        }

        return false;
    }

    public void Set(Slot slot, Ballot ballot, Value value)
    {
        var index = (int)(slot - First) + _dead;
        while (_entries.Count <= index) _entries.Add(default);
        _entries[index] = (ballot, value);
    }

    /// <summary>Lets go of everything up to <paramref name="slot"/>; memory follows when it is worth the move.</summary>
    public void DropThrough(Slot slot)
    {
        if (slot < First) return;
        var gone = (int)Math.Min(slot - First + 1, _entries.Count - _dead);
        for (var i = 0; i < gone; i++) _entries[_dead + i] = default;
        _dead += gone;
        First = slot.Next;
        if (_dead * 2 < _entries.Count) return;
        _entries.RemoveRange(0, _dead);
        _entries.TrimExcess();
        _dead = 0;
    }
}

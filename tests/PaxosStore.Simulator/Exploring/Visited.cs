namespace PaxosStore.Simulator.Exploring;

/// <summary>Hashes of all states seen; open addressing, two words each.</summary>
internal sealed class Visited
{
    private UInt128[] _slots = new UInt128[1 << 16];

    public long Count { get; private set; }

    /// <summary>False when it was there already.</summary>
    public bool Add(ReadOnlySpan<int> state)
    {
        if (Count * 3 > _slots.LongLength * 2) Grow();
        if (!Put(_slots, Hash(state))) return false;
        Count++;
        return true;
    }

    private static bool Put(UInt128[] slots, UInt128 hash)
    {
        var mask = slots.LongLength - 1;
        for (var i = (long)(ulong)hash & mask; ; i = (i + 1) & mask)
        {
            if (slots[i] == hash) return false;
            if (slots[i] != UInt128.Zero) continue;
            slots[i] = hash;
            return true;
        }
    }

    private void Grow()
    {
        var larger = new UInt128[_slots.LongLength * 2];
        foreach (var hash in _slots)
        {
            if (hash != UInt128.Zero) Put(larger, hash);
        }

        _slots = larger;
    }

    /// <summary>Two chains of 64 bits that differ in all they do; never 0, which marks a free place.</summary>
    private static UInt128 Hash(ReadOnlySpan<int> state)
    {
        ulong a = 0x9E3779B97F4A7C15, b = 0xC2B2AE3D27D4EB4F;
        foreach (var number in state)
        {
            a = Mix(a ^ (uint)number, 0xBF58476D1CE4E5B9);
            b = Mix(b + (uint)number, 0x94D049BB133111EB);
        }

        return new UInt128(a, b | 1);
    }

    private static ulong Mix(ulong x, ulong factor)
    {
        var high = Math.BigMul(x, factor, out var low);
        return high ^ low ^ (x << 23 | x >> 41);
    }
}

/// <summary>A long list of rows of equal width.</summary>
internal sealed class Chunks<T>(int width)
{
    private const int Rows = 1 << 14;
    private readonly List<T[]> _chunks = [];

    public long Count { get; private set; }

    public ReadOnlySpan<T> this[long row] => _chunks[(int)(row / Rows)].AsSpan((int)(row % Rows) * width, width);

    public void Add(ReadOnlySpan<T> row)
    {
        if (Count % Rows == 0) _chunks.Add(new T[Rows * width]);
        row.CopyTo(_chunks[^1].AsSpan((int)(Count % Rows) * width));
        Count++;
    }
}

using System.Collections.Immutable;
using PaxosStore.Consensus;

namespace PaxosStore.Simulator.Exploring;

/// <summary>A message between two roles. Equal ones are one.</summary>
/// <param name="Id">Counts all letters.</param>
/// <param name="Index">Counts the letters to this role of this node.</param>
/// <param name="From">Sending node, from 0.</param>
/// <param name="Sender">Sending role.</param>
/// <param name="To">Receiving node.</param>
/// <param name="Receiver">Receiving role.</param>
/// <param name="Message">What.</param>
internal sealed record Letter(int Id, int Index, int From, Role Sender, int To, Role Receiver, Message Message)
{
    public bool IsLocal => From == To;

    /// <summary>Between two roles of a node messages stay in order.</summary>
    public int Lane => ((int)Sender * 4) + (int)Receiver;

    public override string ToString() => $"n{From + 1}.{Sender} > n{To + 1}.{Receiver} {Trace.Describe(Message)}";
}

/// <summary>All letters there have been.</summary>
internal sealed class Letters(Fingerprint fingerprint)
{
    private readonly Dictionary<(UInt128, int, Role, int, Role), Letter> _known = [];
    private readonly Dictionary<(int, Role), int> _counts = [];
    private readonly List<Letter> _all = [];

    public Letter this[int id] => _all[id];

    public Letter Of(int from, Role sender, Outgoing outgoing)
    {
        var to = (int)outgoing.To.Value - 1;
        var key = (fingerprint.Of(outgoing.Message), from, sender, to, outgoing.Role);
        if (_known.TryGetValue(key, out var letter)) return letter;
        var index = _counts[(to, outgoing.Role)] = _counts.GetValueOrDefault((to, outgoing.Role)) + 1;
        _all.Add(_known[key] = letter = new Letter(_all.Count, index, from, sender, to, outgoing.Role, outgoing.Message));
        return letter;
    }
}

/// <summary>Sequences of numbers, each known by one number; 0 is the empty one.</summary>
internal sealed class Sequences
{
    private readonly Dictionary<int[], int> _ids = new(new ByContent());
    private readonly List<int[]> _all = [];

    public Sequences() => Of([]);

    public int[] this[int id] => _all[id];

    public int Of(ReadOnlySpan<int> content)
    {
        var lookup = _ids.GetAlternateLookup<ReadOnlySpan<int>>();
        if (lookup.TryGetValue(content, out var id)) return id;
        id = _all.Count;
        var copy = content.ToArray();
        _ids[copy] = id;
        _all.Add(copy);
        return id;
    }

    private sealed class ByContent : IEqualityComparer<int[]>, IAlternateEqualityComparer<ReadOnlySpan<int>, int[]>
    {
        public bool Equals(int[]? x, int[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(int[] obj) => GetHashCode((ReadOnlySpan<int>)obj);

        public bool Equals(ReadOnlySpan<int> alternate, int[] other) => alternate.SequenceEqual(other);

        public int GetHashCode(ReadOnlySpan<int> alternate)
        {
            var hash = 17;
            foreach (var number in alternate) hash = unchecked((hash * 0x2C1B3C6D) ^ number);
            return hash;
        }

        public int[] Create(ReadOnlySpan<int> alternate) => alternate.ToArray();
    }
}

/// <summary>
/// Sets of letters on the network, each known by one number; 0 is the empty one. A letter is never taken out: whoever got it may get it again, or never, as on any
/// network, and so loss, repetition and reordering cost no steps of their own.
/// </summary>
internal sealed class Networks
{
    // A set is another one and one letter more. Its key is the same in whatever order the letters came.
    private readonly List<(int Before, int Letter, UInt128 Key)> _all = [(-1, -1, 0)];
    private readonly Dictionary<UInt128, int> _ids = [];

    public int Count => _all.Count;

    public int With(int network, int letter)
    {
        if (Contains(network, letter)) return network;
        var key = _all[network].Key ^ new UInt128(SplitMix64((ulong)letter * 2), SplitMix64(((ulong)letter * 2) + 1));
        if (_ids.TryGetValue(key, out var id)) return id;
        _ids[key] = id = _all.Count;
        _all.Add((network, letter, key));
        return id;
    }

    /// <summary>The set of these letters.</summary>
    public int Of(List<int> letters)
    {
        letters.Sort();
        var network = 0;
        foreach (var letter in letters) network = With(network, letter);
        return network;
    }

    public bool Contains(int network, int letter)
    {
        for (; network > 0; network = _all[network].Before)
        {
            if (_all[network].Letter == letter) return true;
        }

        return false;
    }

    /// <summary>Appends the letters of a set.</summary>
    public void List(int network, List<int> letters)
    {
        for (; network > 0; network = _all[network].Before) letters.Add(_all[network].Letter);
    }

    private static ulong SplitMix64(ulong number) => new SplitMix(number * 0xD1342543DE82EF95).Next();
}

using PaxosStore.Consensus;

namespace PaxosStore.Node.Integrity;

/// <summary>
/// Compares the checksum of this node's state with what the other members have at the same slots. Equal logs give equal states, so a difference means that a state
/// is damaged. Whoever the majority of the voters contradicts is; when no majority agrees, nobody can tell, and every state in doubt counts as damaged.
/// </summary>
internal sealed class ChecksumLedger
{
    private const int Every = 256;
    private const int MostSlots = 64;

    // Invariant: at most MostSlots slots, the highest ones heard of.
    private readonly SortedDictionary<Slot, Dictionary<NodeId, UInt128>> _others = [];
    private readonly SortedDictionary<Slot, UInt128> _own = [];

    /// <summary>Whether the state after a slot is to be compared.</summary>
    public static bool IsDue(Slot slot) => slot.Number % Every == 0;

    public void Own(Slot slot, UInt128 checksum)
    {
        _own[slot] = checksum;
        if (_own.Count > MostSlots) _own.Remove(_own.Keys.First());
    }

    public void Told(NodeId node, Slot slot, UInt128 checksum)
    {
        if (!IsDue(slot)) return;
        if (!_others.TryGetValue(slot, out var told)) _others[slot] = told = [];
        told[node] = checksum;
        if (_others.Count > MostSlots) _others.Remove(_others.Keys.First());
    }

    /// <summary>The first slot at which this node's state counts as damaged; null as long as nothing speaks against it. What agrees is forgotten.</summary>
    public Slot? Judge(NodeId self, Configuration configuration)
    {
        foreach (var (slot, told) in _others.ToArray())
        {
            if (!_own.TryGetValue(slot, out var own)) continue;
            var votes = configuration.Voters.Where(v => v != self && told.ContainsKey(v)).Select(v => told[v]).ToList();
            if (configuration.IsVoter(self)) votes.Add(own);
            if (votes.Count(v => v == own) >= configuration.QuorumSize || told.Values.All(v => v == own))
            {
                if (votes.Count == configuration.Voters.Length) _others.Remove(slot);
                continue;
            }

            var contradicted = votes.GroupBy(v => v).Any(g => g.Key != own && g.Count() >= configuration.QuorumSize);
            if (contradicted || votes.Count == configuration.Voters.Length) return slot;
        }

        return null;
    }
}

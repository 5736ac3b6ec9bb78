namespace PaxosStore.Consensus;

/// <summary>
/// How far the members are behind a leader and which of them live, by what their acceptors say with each confirmation. An answer tells of the time its question was
/// asked, not of the time it arrived: meanwhile the node may have lost its journal, or be no more.
/// </summary>
/// <param name="window">How many heartbeats back an answer may belong to.</param>
internal sealed class Followers(int window)
{
    private readonly Dictionary<NodeId, (Slot Chosen, long Number)> _members = [];

    // Invariant: ascending, at most as many as the window.
    private readonly Queue<long> _heartbeats = new();

    /// <summary>A heartbeat leaves as confirmation <paramref name="number"/>.</summary>
    public void Asked(long number)
    {
        if (_heartbeats.Count == window) _heartbeats.Dequeue();
        _heartbeats.Enqueue(number);
    }

    public void Heard(NodeId node, Slot chosen, long number) =>
        _members[node] = _members.TryGetValue(node, out var member) ? (Slot.Max(chosen, member.Chosen), Math.Max(number, member.Number)) : (chosen, number);

    /// <summary>All slots ≤ it are chosen and held by the member.</summary>
    public Slot Chosen(NodeId node) => _members.TryGetValue(node, out var member) ? member.Chosen : Slot.Zero;

    /// <summary>Whether the member has answered one of the last heartbeats.</summary>
    public bool IsAlive(NodeId node) => _members.TryGetValue(node, out var member) && _heartbeats.TryPeek(out var oldest) && member.Number >= oldest;
}

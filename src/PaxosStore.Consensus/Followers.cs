namespace PaxosStore.Consensus;

/// <summary>How far the members are behind a leader, by what their acceptors say with each confirmation.</summary>
internal sealed class Followers
{
    private readonly Dictionary<NodeId, (Slot Chosen, TimeSpan HeardAt)> _members = [];

    public void Heard(NodeId node, Slot chosen, TimeSpan now) => _members[node] = (Slot.Max(chosen, Chosen(node)), now);

    /// <summary>All slots ≤ it are chosen and held by the member.</summary>
    public Slot Chosen(NodeId node) => _members.TryGetValue(node, out var member) ? member.Chosen : Slot.Zero;

    public bool HeardSince(NodeId node, TimeSpan time) => _members.TryGetValue(node, out var member) && member.HeardAt >= time;
}

using System.Collections.Immutable;
using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>Who is a member, who may vote, and what operators asked for.</summary>
internal sealed partial class Judge
{
    private readonly Dictionary<ulong, Configuration> _requested = [];
    private readonly Dictionary<Ballot, Slot> _ownFirst = [];

    /// <summary>Configurations that may still become the newest: asked for or proposed, and younger than it.</summary>
    public IEnumerable<Configuration> Pending =>
        _slots.Skip((int)_watermark.Number).SelectMany(s => s.Proposals).Select(p => p.Value.Next).OfType<Configuration>()
            .Concat(_requested.Values).Where(c => c.Version > Newest.Version);

    /// <summary>Changes in the log so far, those that took effect and those that came too late.</summary>
    public (long Effective, long Void) Changes =>
        (_changes.Count, _slots.Take((int)_watermark.Number).Count(s => s.Chosen!.Next is not null) - _changes.Count);

    /// <summary>An operator asks for a change.</summary>
    public void Requested(Configuration next) => _requested[next.Change] = next;

    /// <summary>Whether a node has ever been a voter.</summary>
    public bool HadVote(NodeId node) => _governing.Any(g => g.Configuration.IsVoter(node));

    private void ValidChange(Slot slot, Value value, Configuration next, Accept m)
    {
        var before = _governing.Find(g => g.Configuration.Version == next.Version - 1);
        var asked = next.Change != 0
            ? _requested.TryGetValue(next.Change, out var wanted) && wanted.Equals(next)
            : before.Configuration is { } b && b.Members.Any(m => m.Kind == MemberKind.Candidate && next.Equals(b.With(m.Id, MemberKind.Voter)));
        Check(asked, "validity", $"nobody asked for {next}");
        if (value.Round != m.Ballot.Round || Facts(slot).Proposals.Count > 0) return;

        // First proposed here: the rules for whoever makes a change.
        Check(before.Configuration is not null && before.From <= _watermark.Next, "two changes at once", $"{next} at {slot}, but its predecessor does not govern yet");
        Check(_ownFirst.TryGetValue(m.Ballot, out var own) && own <= _watermark, "change before an own entry is chosen", $"{next} at {slot} under {m.Ballot}");
        foreach (var voter in next.Voters.Where(v => !before.Configuration!.IsVoter(v)))
        {
            var behind = m.Chosen - _nodes[(int)voter.Value - 1].Claimed;
            Check(behind <= Configuration.UsualAlpha, "laggard promoted", $"{voter} is {behind} slots behind when {next} gives it a vote");
        }
    }

    /// <summary>A node's journal says that it may vote: enough of those that would know must know its incarnation.</summary>
    public void Admitted(int node, ulong incarnation, bool forgetful, ImmutableArray<Governing> governing, Slot chosen)
    {
        var self = new NodeId((ulong)node + 1);
        var others = (forgetful ? governing.Voters() : governing[^1].Configuration.Voters).Where(v => v != self).ToArray();
        var know = KnowIt(others);
        var enough = others.Length == 0 || know >= (forgetful ? others.Length : (others.Length / 2) + 1) || (!forgetful && FoundersKnowIt());
        Check(enough, "admitted too early", $"n{node + 1} is known to {know} of {others.Length}");
        if (!forgetful) return;
        foreach (var other in others)
        {
            var shared = _nodes[node].Shared.GetValueOrDefault(other);
            Check(shared <= chosen, "admitted before it has learned", $"n{node + 1} has learned up to {chosen}, but {other} knows that it may have voted in {shared}");
        }

        // Who does not vote where it goes on can't lead there: promises to such a one are of no use.
        foreach (var proposer in _nodes[node].SaidOthers.Keys.Except(others).ToArray()) _nodes[node].SaidOthers.Remove(proposer);

        int KnowIt(IEnumerable<NodeId> nodes) => nodes.Count(v => v != self && _nodes[(int)v.Value - 1].Met.Contains((self, incarnation)));

        // A founder that is late may find other members: those that founded with it still know whether it ever voted, if any two groups of so many share one whose
        // journal is not among those that a quorum can do without (the founder's own is one of them).
        bool FoundersKnowIt()
        {
            var founders = _governing[0].Configuration.Voters;
            return founders.Contains(self) && (2 * KnowIt(founders)) - (founders.Length - 1) > ((founders.Length - 1) / 2) - 1;
        }
    }

    /// <summary>A node stops for good.</summary>
    /// <param name="node">Which.</param>
    /// <param name="reason">Why.</param>
    /// <param name="since">Version of the configuration that made it a member.</param>
    /// <param name="renewed">Its journal is not its first.</param>
    public void Stopped(int node, StopReason reason, long since, bool renewed)
    {
        var self = new NodeId((ulong)node + 1);
        var should = reason == StopReason.Removed
            ? _governing.Any(g => g.Configuration.Version >= since && g.Configuration.Find(self) is null)
            : renewed;
        Check(should, "stopped without need", $"n{node + 1}: {reason}");
    }
}

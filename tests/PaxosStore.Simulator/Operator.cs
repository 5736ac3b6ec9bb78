using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>
/// Changes the members of a run, one idea at a time. Learns the members from some node, which may be behind; asks whoever that node believes to lead; asks again
/// until the change stands in a log, or gives up.
/// </summary>
internal sealed class Operator(Simulation simulation, Plan plan, SimNode[] nodes, Judge judge)
{
    private readonly SplitMix _random = new(Plan.Mix(plan.Seed, 10));
    private Configuration? _wanted;
    private long _turn;
    private long _number;
    private ulong _change;
    private int _attempts;
    private bool _stopped;

    // A rivalry: the leader that is muted, and how often its successor has been looked for; −1 before the first change.
    private SimNode? _muted;
    private int _looked;

    public void Begin() => Schedule(plan.Extras.Pace);

    public void Stop() => _stopped = true;

    public void Turn(long turn)
    {
        if (_stopped || turn != _turn) return;
        if (_muted is not null)
        {
            GoOnWithRivalry(_muted);
            return;
        }

        if (_wanted is { } wanted && (judge.Newest.Version >= wanted.Version || _attempts > 8)) _wanted = null;
        if (_wanted is null) Think();
        else Ask();
    }

    /// <summary>Refused: something else, a little later.</summary>
    public void OnMessage(Message message)
    {
        if (message is not ReconfigureRejected m || m.Number != _number) return;
        simulation.Counters.Refused++;
        if (m.Reason is not (Rejection.NotLeader or Rejection.Overloaded) && _random.Below(3) > 0) _wanted = null;
        Schedule(Plan.Heartbeat);
    }

    private void Schedule(long mean) =>
        simulation.After((mean / 2) + _random.Below((int)mean), new Event(EventKind.OperatorTurn, 0, 0, Role.Client, 0, ++_turn, null));

    private void Think()
    {
        Schedule(plan.Extras.Pace);
        if (AnyNode() is not { } node) return;
        if (plan.Extras.Rivals && _wanted is null && _random.Below(2) == 0 && simulation.LeaderIndex() is var leading and >= 0)
        {
            (_muted, _looked) = (nodes[leading], -1);
            simulation.Mute(_muted, Plan.ElectionTimeout + _random.Below(2 * (int)Plan.ElectionTimeout));
            Schedule(Plan.Heartbeat);
            return;
        }

        if (_random.Below(6) == 0)
        {
            HandOver(node);
            return;
        }

        if (Idea(node) is not { } next) return;
        if (_wanted is not null)
        {
            // Another operator, who knows nothing of the first, through another node.
            if (AnyNode() is { Proposer.Leader: { } leader } other) simulation.SendFromClient(other, leader, new Reconfigure(-1, next));
            return;
        }

        (_wanted, _attempts) = (next, 0);
        Ask();
        if (_random.Below(3) == 0) Think();
    }

    private Configuration? Idea(SimNode node)
    {
        var known = node.Learner.Governing[^1].Configuration;
        var members = plan.Extras.Churn switch
        {
            Churn.Grow => Grow(known),
            Churn.Shrink => Shrink(known),
            Churn.Replace => Replace(known),
            _ => Anything(known, node),
        };
        var voters = members?.Where(m => m.Kind == MemberKind.Voter).ToArray() ?? [];

        // Nobody takes away what the cluster needs to go on, or lets a node that lost its disk stay without a vote.
        var keepsWiped = members is not null && members.Any(m => nodes[(int)m.Id.Value - 1].Wiped && m.Kind != MemberKind.Voter && known.IsVoter(m.Id));
        if (members is null || keepsWiped || voters.Length == 0 || voters.Count(v => IsLost(v.Id)) > (voters.Length - 1) / 2) return null;
        var next = known.With(members, ++_change);
        judge.Requested(next);
        return next;
    }

    /// <summary>First the change that hardly anybody will hear of, then, when another leads, one of the same predecessor.</summary>
    private void GoOnWithRivalry(SimNode muted)
    {
        if (_looked < 0)
        {
            _looked = 0;
            Schedule(Plan.ElectionTimeout);
            if (muted.Up && !muted.Paused) AskItself(muted);
            return;
        }

        var leads = simulation.LeaderIndex();
        if (leads >= 0 && nodes[leads] is { Paused: false } successor && successor != muted)
        {
            successor.DiesOverChange = _random.Below(3) > 0 ? _random.Below(20) : -1;
            AskItself(successor);
            _looked = 10;
        }

        if (++_looked > 10) _muted = null;
        Schedule(Plan.Heartbeat);
    }

    private void AskItself(SimNode leader)
    {
        if (Idea(leader) is { } next) simulation.SendFromClient(leader, leader.Id, new Reconfigure(-1, next));
    }

    private void Ask()
    {
        _attempts++;
        Schedule(Plan.ElectionTimeout / 2);
        if (AnyNode() is not { Proposer.Leader: { } leader } node) return;
        simulation.SendFromClient(node, leader, new Reconfigure(++_number, _wanted!));
    }

    private void HandOver(SimNode asked)
    {
        if (asked.Proposer.Leader is not { } leader) return;
        var newest = asked.Learner.Governing[^1].Configuration;
        simulation.SendFromClient(asked, leader, new HandOver(_random.Below(2) == 0 ? null : Pick(newest.Voters)));
    }

    private SimNode? AnyNode()
    {
        var up = nodes.Where(n => n.Up && !n.Paused).ToArray();
        return up.Length == 0 ? null : up[_random.Below(up.Length)];
    }

    private bool IsLost(NodeId node) => nodes[(int)node.Value - 1] is var n && (n.Identity is null || n.Wiped || n.Gone != StopReason.None || !judge[n.Index].Admitted);

    private T Pick<T>(IReadOnlyList<T> choices) => choices[_random.Below(choices.Count)];

    /// <summary>A node that has never been a member; an id that has left is never used again.</summary>
    private NodeId? Spare(Configuration known)
    {
        var spares = nodes.Where(n => n.Identity is null && known.Find(n.Id) is null).ToArray();
        return spares.Length == 0 ? null : spares[_random.Below(spares.Length)].Id;
    }

    // Ideas: what the members are to be; null when there is nothing to do.

    private Member[]? Grow(Configuration known) =>
        known.Members.Count(m => m.Kind != MemberKind.Observer) < 5 && Spare(known) is { } spare ? [.. known.Members, new Member(spare, MemberKind.Candidate)] : null;

    private Member[]? Shrink(Configuration known) => known.Voters.Length > 1 ? Without(known, Pick(known.Voters)) : Grow(known);

    private Member[]? Replace(Configuration known)
    {
        var lost = known.Members.Where(m => nodes[(int)m.Id.Value - 1] is { Identity: not null } n && (n.Wiped || n.Gone != StopReason.None)).ToArray();
        if (lost.Length > 0) return Without(known, Pick(lost).Id);
        return known.Voters.Length > plan.Voters ? Without(known, Pick(known.Voters)) : Grow(known);
    }

    private Member[]? Anything(Configuration known, SimNode node)
    {
        switch (_random.Below(8))
        {
            case 0 when Spare(known) is { } spare:
                return [.. known.Members, new Member(spare, (MemberKind)_random.Below(3))];
            case 1 when Spare(known) is { } spare:
                return [.. known.Members, new Member(spare, MemberKind.Candidate)];
            case 2:
                return Without(known, Pick(known.Nodes));
            case 3 when node.Proposer.Leader is { } leader && known.Find(leader) is not null:
                return Without(known, leader);
            case 4:
                return [.. known.Members.Select(m => m.Kind == MemberKind.Voter && _random.Below(3) == 0 ? m with { Kind = MemberKind.Observer } : m)];
            case 5:
                return [.. known.Members.Select(m => m.Kind == MemberKind.Observer ? m with { Kind = (MemberKind)(_random.Below(2) * 2) } : m)];
            default:
                // Whoever happens to be a member: from now on these vote.
                return [.. known.Members.Select(m => m with { Kind = _random.Below(2) == 0 ? MemberKind.Voter : MemberKind.Observer })];
        }
    }

    private static Member[] Without(Configuration known, NodeId node) => [.. known.Members.Where(m => m.Id != node)];
}

using Akka.Actor;
using Akka.Cluster;

namespace PaxosStore.Node.Facade;

/// <summary>Which member a client asks: one it has had good answers from, another for a while after that one let it down.</summary>
internal sealed class MemberChoice(Func<IReadOnlyList<Address>> members, TimeProvider time)
{
    private static readonly TimeSpan Suspicion = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly Dictionary<Address, long> _suspected = [];
    private Address? _preferred;

    /// <summary>The members of the Akka cluster that <paramref name="cluster"/> knows; gossip's word on who is reachable is a hint only.</summary>
    public static IReadOnlyList<Address> InCluster(Cluster cluster)
    {
        var state = cluster.State;
        var all = state.Members
            .Where(m => m.HasRole(AkkaConfig.MemberRole) && m.Status is (MemberStatus.Joining or MemberStatus.WeaklyUp or MemberStatus.Up))
            .ToArray();
        var reachable = all.Except(state.Unreachable).ToArray();
        return [.. (reachable.Length > 0 ? reachable : all).Select(m => m.Address)];
    }

    /// <summary>The member to ask next, or null when none is known.</summary>
    public Address? Choose()
    {
        var known = members();
        if (known.Count == 0) return null;
        lock (_gate)
        {
            foreach (var (member, since) in _suspected.ToArray())
            {
                if (time.GetElapsedTime(since) >= Suspicion || !known.Contains(member)) _suspected.Remove(member);
            }

            if (_preferred is not null && known.Contains(_preferred) && !_suspected.ContainsKey(_preferred)) return _preferred;
            var trusted = known.Where(m => !_suspected.ContainsKey(m)).ToArray();
            _preferred = trusted.Length > 0 ? trusted[Random.Shared.Next(trusted.Length)] : known.MinBy(m => _suspected[m]);
            return _preferred;
        }
    }

    /// <summary>It did not answer, or could not serve: others first for a while.</summary>
    public void Suspect(Address member)
    {
        lock (_gate) _suspected[member] = time.GetTimestamp();
    }
}

using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>Links between nodes: which are cut, and what becomes of a message.</summary>
internal sealed class Network(Plan plan, Counters counters)
{
    private readonly SplitMix _random = new(Plan.Mix(plan.Seed, 2));
    private readonly int[,] _cuts = new int[plan.Nodes, plan.Nodes];
    private readonly long[] _slow = [.. plan.Extras.Delays];
    private bool _calm;

    /// <summary>Links that a fault cuts, as a mask: bit from × nodes + to.</summary>
    public ulong Links(Fault fault, int node)
    {
        ulong mask = 0;
        for (var from = 0; from < plan.Nodes; from++)
        {
            for (var to = 0; to < plan.Nodes; to++)
            {
                var cut = from != to && fault.Kind switch
                {
                    FaultKind.Isolate => from == node || to == node,
                    FaultKind.Mute => from == node,
                    FaultKind.Deafen => to == node,
                    FaultKind.CutLink => (from == node && to == fault.Other) || (from == fault.Other && to == node),
                    FaultKind.Corner => (from == node || from == (node + 1) % plan.Voters) != (to == node || to == (node + 1) % plan.Voters),
                    FaultKind.Split => ((fault.Arg >> from) & 1) != ((fault.Arg >> to) & 1),
                    _ => false,
                };
                if (cut) mask |= 1UL << ((from * plan.Nodes) + to);
            }
        }

        return mask;
    }

    public void Cut(ulong links, int by)
    {
        for (var bit = 0; bit < plan.Nodes * plan.Nodes; bit++)
        {
            if ((links & (1UL << bit)) != 0) _cuts[bit / plan.Nodes, bit % plan.Nodes] += by;
        }
    }

    /// <summary>From now on only what is cut or slowed explicitly goes wrong.</summary>
    public void Calm()
    {
        _calm = true;
        Array.Clear(_cuts);
    }

    public void Slow(int node, long by) => _slow[node] += by;

    /// <summary>When a message arrives (one or two times), none when it is lost.</summary>
    public int Route(int from, int to, Span<long> delays)
    {
        counters.Messages++;
        var fate = _random.NextUnit();
        var delay = Delay();
        if (_cuts[from, to] > 0)
        {
            counters.Cut++;
            return 0;
        }

        if (!_calm && fate < plan.Drop)
        {
            counters.Dropped++;
            return 0;
        }

        delays[0] = delay + _slow[from] + _slow[to];
        if (_calm || fate < 1 - plan.Duplicate) return 1;
        counters.Duplicated++;
        delays[1] = delays[0] + Delay() + (_random.Below(2) * Exponential(plan.TailMean));
        return 2;
    }

    private long Delay()
    {
        var delay = 50 + Exponential(plan.DelayMean);
        if (_calm || plan.Tail == 0 || _random.NextUnit() >= plan.Tail) return delay;
        counters.Late++;
        return delay + Exponential(plan.TailMean);
    }

    private long Exponential(long mean) => (long)(-Math.Log(1 - _random.NextUnit()) * mean);
}

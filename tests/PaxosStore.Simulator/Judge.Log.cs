using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>The log that the disks have chosen: who votes where by it, what nodes apply of it, what snapshots stand in for.</summary>
internal sealed partial class Judge
{
    private readonly ClockCheck _clock;
    private readonly Dictionary<(int Client, int Request), long> _effects = [];

    // All slots ≤ _watermark are chosen; what governs is known up to α slots further on. Never forgotten, ascending.
    private readonly List<Governing> _governing = [];
    private readonly Dictionary<long, Configuration> _changes = [];
    private Slot _watermark;

    /// <summary>All slots ≤ it are chosen.</summary>
    public Slot Watermark => _watermark;

    /// <summary>The newest configuration that is chosen.</summary>
    public Configuration Newest => _governing[^1].Configuration;

    /// <summary>First slot that <see cref="Newest"/> governs.</summary>
    public Slot NewestFrom => _governing[^1].From;

    private int _alpha => Newest.Alpha;

    /// <summary>What governs a slot.</summary>
    public Configuration At(Slot slot)
    {
        var i = _governing.Count - 1;
        while (i > 0 && _governing[i].From > slot) i--;
        return _governing[i].Configuration;
    }

    /// <summary>What governs a slot and all after it, as far as is decided.</summary>
    public IEnumerable<Governing> From(Slot slot)
    {
        var i = _governing.Count - 1;
        while (i > 0 && _governing[i].From > slot) i--;
        return _governing.Skip(i);
    }

    /// <summary>The voters, a bit each.</summary>
    public static ulong Mask(Configuration configuration)
    {
        ulong mask = 0;
        foreach (var voter in configuration.Voters) mask |= 1UL << ((int)voter.Value - 1);
        return mask;
    }

    private void MoveWatermark()
    {
        while (_watermark.Number < _slots.Count && Facts(_watermark.Next) is { Chosen: { } value } facts)
        {
            var before = _watermark == Slot.Zero ? TimeSpan.Zero : Facts(_watermark).LogTime;
            facts.LogTime = value.LogTime > before ? value.LogTime : before;
            _watermark = _watermark.Next;
            if (value.Next is not { } next || next.Version != Newest.Version + 1) continue;
            _changes[_watermark.Number] = next;
            _governing.Add(new Governing(_watermark + next.Alpha, next));
        }
    }

    // What nodes apply.

    /// <summary>A node applies a slot.</summary>
    /// <param name="node">Which.</param>
    /// <param name="delivered">What.</param>
    /// <param name="state">Its state after it.</param>
    /// <param name="told">The newest configuration that the node knew without having seen it in the log.</param>
    /// <param name="now">True time.</param>
    public void Applied(int node, ChosenValue delivered, INodeState state, long told, long now)
    {
        var facts = Facts(delivered.Slot);
        Check(facts.Chosen is not null, "applied what is not chosen", $"n{node + 1} at {delivered.Slot}");
        Check(facts.Chosen!.Equals(delivered.Value), "applied another value than the chosen", $"n{node + 1} at {delivered.Slot}");
        if (delivered.Value.Next is { } next)
        {
            var takesEffect = _changes.ContainsKey(delivered.Slot.Number) && (next.Version > told || delivered.Next is not null);
            Check(takesEffect == delivered.Next is not null, "void change", $"n{node + 1} takes {next} at {delivered.Slot} for {(takesEffect ? "void" : "good")}");
        }

        if (facts.Chain is { } other)
        {
            Check(other == state.Chain && facts.State == state.Digest, "applied logs differ", $"n{node + 1} at {delivered.Slot}");
            return;
        }

        (facts.Chain, facts.State) = (state.Chain, state.Digest);
        AppliedAnywhere = Math.Max(AppliedAnywhere, delivered.Slot.Number);
        _clock.Applied(delivered, facts.FirstProposedAt(delivered.Value), now);
    }

    /// <summary>A request took effect in a node's state machine.</summary>
    public void Effect(int client, int request, long slot)
    {
        if (_effects.TryAdd((client, request), slot)) return;
        Check(_effects[(client, request)] == slot, "applied twice", $"request {client}/{request} at #{_effects[(client, request)]} and #{slot}");
    }

    /// <summary>A client got its answer: a write that took effect, or a read served at <paramref name="slot"/>.</summary>
    public void Answered(int client, bool read, long floor, long slot)
    {
        Check(slot >= floor, read ? "stale read" : "write before its past", $"client {client} saw #{slot}, but #{floor} was known before it asked");
        Witnessed = Math.Max(Witnessed, slot);
    }

    /// <summary>A client was told that its write is done, although it may not be.</summary>
    public void ClaimedDone(int client, int request) =>
        Check(_effects.ContainsKey((client, request)), "acknowledged before chosen", $"request {client}/{request}");

    // Snapshots.

    /// <summary>A snapshot is durable, or takes the place of a node's state: it must be what a replay of the log up to there gives.</summary>
    public void Snapshot(int node, Snapshot snapshot, INodeState state)
    {
        var facts = snapshot.Slot == Slot.Zero ? new SlotFacts() : Facts(snapshot.Slot);
        Check(facts.State == state.Digest && state.Applied == snapshot.Slot.Number, "snapshot differs from the log", $"n{node + 1} at {snapshot.Slot}");
        CheckBase(node, snapshot.Base);
    }

    /// <summary>What stands in for the log tells what the log would have told. Whoever joined knows of no configuration before the one it was told.</summary>
    private void CheckBase(int node, LogBase found)
    {
        Check(found.Through <= _watermark, "base beyond what is chosen", $"n{node + 1} begins after {found.Through}, chosen is {_watermark}");
        var logTime = found.Through == Slot.Zero ? TimeSpan.Zero : Facts(found.Through).LogTime;
        Check(found.LogTime == logTime, "base with another log time", $"n{node + 1} says {found.LogTime} at {found.Through}, it is {logTime}");
        var first = found.Configurations[0].From;
        var all = found.Configurations.All(_governing.Contains)
            && _governing.Where(g => g.From >= first && g.From + -g.Configuration.Alpha <= found.Through).All(found.Configurations.Contains)
            && (first <= found.Through.Next || _governing[0].From != first);
        Check(all, "base with wrong configurations", $"n{node + 1} says at {found.Through}: {string.Join(", ", found.Configurations)}");
    }

    private void CheckContiguous(int node)
    {
        var facts = _nodes[node];
        Check(facts.Base <= facts.Snapshot || facts.Hollow, "hole between snapshot and log",
            $"n{node + 1} has a snapshot of {facts.Snapshot}, its log begins after {facts.Base}");
    }
}

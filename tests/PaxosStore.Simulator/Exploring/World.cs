using PaxosStore.Consensus;

namespace PaxosStore.Simulator.Exploring;

/// <summary>What can happen next.</summary>
internal enum Happening
{
    /// <summary>A letter on the network arrives, for the first time or again.</summary>
    Arrives,

    /// <summary>The first letter waiting between two roles of a node arrives.</summary>
    Passes,

    /// <summary>What one step handed to the journal is durable, and what had to wait for that leaves.</summary>
    Durable,

    /// <summary>
    /// A node dies and starts again; so many of the records that were not durable survive. Being down for a while is the same as doing nothing for a while, so the two
    /// are one. Dying between two effects of a step is covered too: what was not sent is never delivered, what was not handed over does not survive.
    /// </summary>
    Crashes,

    Elects,
    Fetches,
    Commands,
}

/// <summary>One of them.</summary>
/// <param name="Kind">What.</param>
/// <param name="Node">Where.</param>
/// <param name="Argument">A letter, or the records that survive.</param>
internal readonly record struct Happened(Happening Kind, int Node, int Argument)
{
    public uint Packed => ((uint)Kind << 28) | ((uint)Node << 24) | (uint)Argument;

    public static Happened Unpack(uint packed) => new((Happening)(packed >> 28), (int)(packed >> 24) & 15, (int)(packed & 0xFFFFFF));
}

/// <summary>
/// Some nodes, their disks and the network between them. A state of all that is a row of numbers: per node its three roles, disk, records on their way there,
/// the highest ballot it has spoken for and the messages between its roles; then the network, and what is left of the bounds.
/// </summary>
internal sealed partial class World
{
    private const int PerNode = 7;
    private const int Disk = 3;
    private const int Pending = 4;
    private const int Said = 5;
    private const int Lanes = 6;

    private readonly Bounds _bounds;
    private readonly SafetyRules _rules;
    private readonly Letters _letters;
    private readonly Roles _roles;
    private readonly Disks _disks;
    private readonly Sequences _sequences = new();
    private readonly Networks _networks = new();
    private readonly List<Ballot> _ballots = [Ballot.None];
    private readonly List<int> _onNetwork = [];
    private int _listed = -1;

    public World(Bounds bounds, SafetyRules rules)
    {
        (_bounds, _rules) = (bounds, rules);
        var fingerprint = new Fingerprint(rules);
        _letters = new Letters(fingerprint);
        _roles = new Roles(bounds, rules, _letters, fingerprint);
        _disks = new Disks(fingerprint, _roles);
        _idle = [.. Enumerable.Range(0, bounds.Nodes).Select(n => _roles.Start(n, Role.Proposer, _disks.First(n), 0).Id)];
    }

    /// <summary>Numbers of a state.</summary>
    public int Width => (_bounds.Nodes * PerNode) + 3;

    /// <summary>Told of everything that a step brings about; null when nobody listens.</summary>
    public Action<string>? Tell { get; set; }

    public string Sizes => $"{_roles.Count:N0} states of roles by {_roles.Tried:N0} steps of the machines, {_networks.Count:N0} states of the network";

    private int Network => _bounds.Nodes * PerNode;

    private int Spent => Network + 1;

    private int Doomed => Network + 2;

    /// <summary>
    /// One beginning for each choice of nodes that may crash: which ones do is decided beforehand, since for the others it makes no difference when their writes
    /// complete (see <see cref="Settle"/>).
    /// </summary>
    public IEnumerable<int[]> Begin()
    {
        for (var doomed = 0; doomed < 1 << _bounds.Nodes; doomed++)
        {
            if (System.Numerics.BitOperations.PopCount((uint)doomed) != Math.Min(_bounds.Crashes, _bounds.Nodes)) continue;
            var state = new int[Width];
            state[Doomed] = doomed;
            for (var node = 0; node < _bounds.Nodes; node++) Start(state, node, _disks.First(node), 0);
            yield return state;
        }
    }

    /// <summary>What clients could tell of a state: what is chosen, and how much of it each node has applied.</summary>
    public string Result(ReadOnlySpan<int> state)
    {
        var result = string.Join(' ', Chosen(state).Select(c => c.Value == 0 ? "-" : $"{c.Ballot}"));
        for (var node = 0; node < _bounds.Nodes; node++) result += $" n{node + 1} {_roles[state[(node * PerNode) + (int)Role.Learner]].Delivered}";
        return result;
    }

    private void Start(Span<int> state, int node, DiskState disk, int clock)
    {
        var own = state[(node * PerNode)..];
        for (var role = Role.Proposer; role <= Role.Learner; role++) own[(int)role] = _roles.Start(node, role, disk, clock).Id;
        (own[Disk], own[Pending], own[Lanes]) = (disk.Id, 0, 0);
        foreach (var letter in _roles.RecoveredLog(node, disk)) Enqueue(state, letter);
    }

    // What can happen.

    /// <summary>Everything that can happen in a state, but what would change nothing.</summary>
    public void Possible(ReadOnlySpan<int> state, List<Happened> happenings)
    {
        happenings.Clear();
        ListNetwork(state[Network]);
        foreach (var id in _onNetwork)
        {
            var letter = _letters[id];
            if (IsVain(state, letter)) continue;
            var receiver = _roles[state[(letter.To * PerNode) + (int)letter.Receiver]];
            if (!_roles.Receive(receiver, letter).IsNothing(receiver)) happenings.Add(new Happened(Happening.Arrives, letter.To, id));
        }

        for (var node = 0; node < _bounds.Nodes; node++)
        {
            var own = state.Slice(node * PerNode, PerNode);
            if (own[Pending] != 0) happenings.Add(new Happened(Happening.Durable, node, 0));
            if (own[Lanes] != 0) AddLanes(node, own[Lanes], happenings);
            if (MayCrash(state, node))
            {
                for (var kept = PendingRecords(own[Pending]); kept >= 0; kept--) happenings.Add(new Happened(Happening.Crashes, node, kept));
            }

            var leads = _roles[own[0]].Phase == ProposerPhase.Leading;
            if (!leads && node < _bounds.Candidates && Left(state, Happening.Elects) > 0) happenings.Add(new Happened(Happening.Elects, node, 0));
            if (leads && Left(state, Happening.Commands) > 0) happenings.Add(new Happened(Happening.Commands, node, 0));
            if (Left(state, Happening.Fetches) > 0 && _roles.Do(_roles[own[2]], Cause.Fetch).Now.Length > 0) happenings.Add(new Happened(Happening.Fetches, node, 0));
        }
    }

    private void ListNetwork(int network)
    {
        if (network == _listed) return;
        _onNetwork.Clear();
        _networks.List(network, _onNetwork);
        _listed = network;
    }

    private void AddLanes(int node, int lanes, List<Happened> happenings)
    {
        var lane = -1;
        foreach (var id in _sequences[lanes])
        {
            if (_letters[id].Lane == lane) continue;
            lane = _letters[id].Lane;
            happenings.Add(new Happened(Happening.Passes, node, id));
        }
    }

    private bool MayCrash(ReadOnlySpan<int> state, int node) => Left(state, Happening.Crashes) > 0 && (state[Doomed] & (1 << node)) != 0;

    private int Left(ReadOnlySpan<int> state, Happening kind) => Most(kind) - ((state[Spent] >> Shift(kind)) & 255);

    private int Most(Happening kind) => kind switch
    {
        Happening.Elects => _bounds.Ballots,
        Happening.Crashes => _bounds.Crashes,
        Happening.Fetches => _bounds.Fetches,
        _ => _bounds.Commands,
    };

    private static int Shift(Happening kind) => ((int)kind - (int)Happening.Crashes) * 8;

    private int PendingRecords(int pending)
    {
        var count = 0;
        foreach (var unit in _sequences[pending]) count += _sequences[unit][0];
        return count;
    }

    // What then is.

    /// <summary>Changes a state by what happened in it. Throws <see cref="ViolationException"/> when something that must hold does not.</summary>
    public void Do(Span<int> state, Happened happened)
    {
        var (kind, node) = (happened.Kind, happened.Node);
        Tell?.Invoke(Describe(happened));
        if (kind >= Happening.Crashes) state[Spent] += 1 << Shift(kind);
        switch (kind)
        {
            case Happening.Arrives: Receive(state, _letters[happened.Argument]); break;
            case Happening.Passes: Pass(state, node, happened.Argument); break;
            case Happening.Durable: MakeDurable(state, node); break;
            case Happening.Crashes: Crash(state, node, happened.Argument); break;
            case Happening.Elects: Work(state, node, Role.Proposer, Cause.Elect); break;
            case Happening.Fetches: Work(state, node, Role.Learner, Cause.Fetch); break;
            default: Work(state, node, Role.Proposer, Cause.Command); break;
        }

        Settle(state, node);
        CheckChosen(state);
        Forget(state);
    }

    /// <summary>
    /// What need not wait is done at once. A write of a node that will not crash any more only adds to its disk and lets messages leave, which takes nothing from what
    /// could happen otherwise: whatever is possible before it is possible after it, with the same end.
    /// </summary>
    private void Settle(Span<int> state, int node)
    {
        while (true)
        {
            if (!_bounds.RolesApart && state[(node * PerNode) + Lanes] is var lanes and not 0) Pass(state, node, _sequences[lanes][0]);
            else if (state[(node * PerNode) + Pending] != 0 && !_bounds.Plain && !MayCrash(state, node)) MakeDurable(state, node);
            else return;
        }
    }

    private void Receive(Span<int> state, Letter letter)
    {
        ref var role = ref state[(letter.To * PerNode) + (int)letter.Receiver];
        var before = _roles[role];
        CarryOut(state, before, _roles.Receive(before, letter));
    }

    private void Pass(Span<int> state, int node, int letter)
    {
        ref var lanes = ref state[(node * PerNode) + Lanes];
        var content = _sequences[lanes];
        var at = Array.IndexOf(content, letter);
        lanes = _sequences.Of([.. content[..at], .. content[(at + 1)..]]);
        Receive(state, _letters[letter]);
    }

    private void Work(Span<int> state, int node, Role role, Cause cause)
    {
        var before = _roles[state[(node * PerNode) + (int)role]];
        var outcome = _roles.Do(before, cause);
        if (outcome.Next.Clock != before.Clock)
        {
            for (var other = Role.Proposer; other <= Role.Learner; other++)
            {
                ref var id = ref state[(node * PerNode) + (int)other];
                if (other != role) id = _roles.Do(_roles[id], Cause.Time).Next.Id;
            }
        }

        CarryOut(state, before, outcome);
    }

    /// <summary>As a driver must: records first, then what may leave at once, then what waits for the disk.</summary>
    private void CarryOut(Span<int> state, RoleState before, Outcome outcome)
    {
        var node = before.Node;
        if (outcome.Broken is { } broken) throw new ViolationException("core invariant", $"n{node + 1} {broken}");
        state[(node * PerNode) + (int)before.Role] = outcome.Next.Id;
        if (before.Role == Role.Proposer) CheckProposer(state, before, outcome);
        HandOver(state, node, outcome);
        foreach (var letter in outcome.Now) Send(state, letter);
        foreach (var (slot, value) in outcome.Delivered) CheckDelivered(state, before, outcome, slot, value);
    }

    private void HandOver(Span<int> state, int node, Outcome outcome)
    {
        if (outcome.Records.Length == 0 && outcome.AfterDurable.Length == 0) return;
        foreach (var record in outcome.Records) CheckHanded(state, node, record);
        ref var pending = ref state[(node * PerNode) + Pending];
        if (outcome.Records.Length == 0 && pending == 0)
        {
            foreach (var letter in outcome.AfterDurable) Send(state, letter);
            return;
        }

        if (IsRepeat(state, outcome, _sequences[pending])) return;
        var unit = _sequences.Of([outcome.Records.Length, .. outcome.Records.Select(_disks.IdOf), .. outcome.AfterDurable.Select(l => l.Id)]);
        pending = _sequences.Of([.. _sequences[pending], unit]);
    }

    /// <summary>Only to say again what has been said, or waits for an earlier record to be said, and cannot be taken back: a network repeats that anyway.</summary>
    private bool IsRepeat(Span<int> state, Outcome outcome, int[] pending)
    {
        if (outcome.Records.Length > 0) return false;
        foreach (var letter in outcome.AfterDurable)
        {
            if (letter.IsLocal) return false;
            if (_networks.Contains(state[Network], letter.Id)) CheckSent(state, letter);
            else if (!Array.Exists(pending, u => _sequences[u].AsSpan(1 + _sequences[u][0]).Contains(letter.Id))) return false;
        }

        return true;
    }

    private void MakeDurable(Span<int> state, int node)
    {
        var own = state[(node * PerNode)..];
        var units = _sequences[own[Pending]];
        own[Pending] = _sequences.Of(units.AsSpan(1));
        var unit = _sequences[units[0]];
        for (var i = 1; i <= unit[0]; i++) Write(own, node, unit[i]);
        foreach (var letter in unit.AsSpan(1 + unit[0])) Send(state, _letters[letter]);
    }

    private void Write(Span<int> own, int node, int record)
    {
        own[Disk] = _disks.With(node, _disks[own[Disk]], record).Id;
        Tell?.Invoke($"    n{node + 1} has on disk {_disks.Record(record)}");
    }

    private void Crash(Span<int> state, int node, int kept)
    {
        var own = state[(node * PerNode)..];
        foreach (var unit in _sequences[own[Pending]])
        {
            foreach (var record in _sequences[unit].AsSpan(1, _sequences[unit][0]))
            {
                if (kept-- > 0) Write(own, node, record);
            }
        }

        Start(state, node, _disks[own[Disk]], _roles[own[2]].Clock);
    }

    private void Send(Span<int> state, Letter letter)
    {
        CheckSent(state, letter);
        Tell?.Invoke($"    {letter}");
        if (letter.IsLocal) Enqueue(state, letter);
        else state[Network] = _networks.With(state[Network], letter.Id);
    }

    private void Enqueue(Span<int> state, Letter letter)
    {
        ref var lanes = ref state[(letter.To * PerNode) + Lanes];
        var content = _sequences[lanes];

        // A message that the network repeats would fill the lane for ever: one of each may wait.
        if (Array.IndexOf(content, letter.Id) >= 0) return;
        var at = Array.FindLastIndex(content, l => _letters[l].Lane <= letter.Lane) + 1;
        lanes = _sequences.Of([.. content[..at], letter.Id, .. content[at..]]);
    }

    private string Describe(Happened happened)
    {
        var node = $"n{happened.Node + 1}";
        return happened.Kind switch
        {
            Happening.Arrives or Happening.Passes => $"arrives: {_letters[happened.Argument]}",
            Happening.Durable => $"{node}'s disk completes a write",
            Happening.Crashes => $"{node} dies, {happened.Argument} records on their way to the disk survive, and starts again",
            Happening.Elects => $"{node} tries to lead",
            Happening.Fetches => $"{node}'s learner asks a peer for what it misses",
            _ => $"a client's command reaches {node}",
        };
    }
}

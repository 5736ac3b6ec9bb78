using System.Runtime.CompilerServices;
using PaxosStore.Consensus;

namespace PaxosStore.Simulator.Exploring;

/// <summary>What makes a role go from one state to another.</summary>
internal enum Cause
{
    /// <summary>It is made, from what its disk holds.</summary>
    Start,

    /// <summary>A letter arrives.</summary>
    Letter,

    /// <summary>A proposer that does not lead runs out of patience, and a quorum tells it that they follow nobody either.</summary>
    Elect,

    /// <summary>A learner that waits for something runs out of patience.</summary>
    Fetch,

    /// <summary>A client's command arrives at whoever leads.</summary>
    Command,

    /// <summary>Time has passed for another role of this node.</summary>
    Time,
}

/// <summary>A state that one role of one node can be in, with what follows from each input once that has been tried.</summary>
internal sealed class RoleState
{
    private Outcome?[] _letters = [];

    public required int Id { get; init; }

    public required int Node { get; init; }

    public required Role Role { get; init; }

    /// <summary>Time of this node, in steps of more than any time-out.</summary>
    public required int Clock { get; init; }

    /// <summary>How it came about first; null when the role was made.</summary>
    public required RoleState? Before { get; init; }

    public required Cause Cause { get; init; }

    /// <summary>The letter, or the command.</summary>
    public required int Argument { get; init; }

    /// <summary>What it was made from.</summary>
    public required DiskState? Disk { get; init; }

    // What the checks look at.

    public Ballot Ballot { get; init; }

    public ProposerPhase Phase { get; init; }

    /// <summary>Of an acceptor.</summary>
    public Ballot Promised { get; init; }

    /// <summary>Of a learner: highest slot handed on.</summary>
    public Slot Delivered { get; init; }

    /// <summary>Of an acceptor: what it holds in slots 1 …; a value by its number, 0 = none.</summary>
    public (Ballot Ballot, int Value)[] Votes { get; init; } = [];

    public Outcome?[] Other { get; } = new Outcome?[4];

    public ref Outcome? At(int index)
    {
        if (index >= _letters.Length) Array.Resize(ref _letters, Math.Max(index + 8, _letters.Length * 2));
        return ref _letters[index];
    }
}

/// <summary>What one input does to a role.</summary>
internal sealed record Outcome(RoleState Next, JournalRecord[] Records, Letter[] Now, Letter[] AfterDurable, (Slot Slot, int Value)[] Delivered)
{
    /// <summary>The core stopped: one of its own invariants does not hold.</summary>
    public string? Broken { get; init; }

    public bool IsNothing(RoleState before) => Next == before && Records.Length == 0 && Now.Length == 0 && AfterDurable.Length == 0 && Broken is null;
}

/// <summary>
/// All states the roles of all nodes have been in. A role sees nothing but its own inputs, so what an input does in a state is found out once, by the real machine:
/// made anew, led to the state by the inputs that led there first, and given one more. A state of the whole world is then a few numbers.
/// </summary>
internal sealed class Roles
{
    // More than any time-out or interval, and so than any wait between two.
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(10);

    private readonly Bounds _bounds;
    private readonly SafetyRules _rules;
    private readonly PaxosOptions _options;
    private readonly LogBase _start;
    private readonly Fingerprint _fingerprint;
    private readonly Letters _letters;
    private readonly Dictionary<(int, Role, int, UInt128), RoleState> _known = [];
    private readonly List<RoleState> _all = [];
    private readonly Dictionary<(int, Role, int, int), RoleState> _starts = [];
    private readonly Dictionary<(int, int), Letter[]> _recoveredLogs = [];
    private readonly Dictionary<Value, int> _values = [];

    public Roles(Bounds bounds, SafetyRules rules, Letters letters, Fingerprint fingerprint)
    {
        (_bounds, _rules, _letters, _fingerprint) = (bounds, rules, letters, fingerprint);
        _options = bounds.Options;
        _start = LogBase.Initial(new Configuration(Enumerable.Range(1, bounds.Nodes).Select(i => new NodeId((ulong)i))));
    }

    public RoleState this[int id] => _all[id];

    public int Count => _all.Count;

    /// <summary>Steps of the machines that were carried out.</summary>
    public long Tried { get; private set; }

    public int ValueOf(Value value)
    {
        if (!_values.TryGetValue(value, out var number)) _values[value] = number = _values.Count + 1;
        return number;
    }

    // What a role becomes.

    public RoleState Start(int node, Role role, DiskState disk, int clock)
    {
        if (_starts.TryGetValue((node, role, disk.Id, clock), out var state)) return state;
        return _starts[(node, role, disk.Id, clock)] = Intern(Make(node, role, disk, clock), node, role, clock, null, Cause.Start, 0, disk);
    }

    /// <summary>What the acceptor tells its learner after a start.</summary>
    public Letter[] RecoveredLog(int node, DiskState disk)
    {
        if (_recoveredLogs.TryGetValue((node, disk.Id), out var log)) return log;
        var messages = Recovered(node, disk.Records).RecoveredLog(Slot.Zero);
        return _recoveredLogs[(node, disk.Id)] = [.. messages.Select(m => _letters.Of(node, Role.Acceptor, new Outgoing(new NodeId((ulong)node + 1), Role.Learner, m)))];
    }

    public Outcome Receive(RoleState state, Letter letter) => state.At(letter.Index) ??= Try(state, Cause.Letter, letter.Id);

    public Outcome Do(RoleState state, Cause cause) => state.Other[(int)cause - (int)Cause.Elect] ??= Try(state, cause, 0);

    private Outcome Try(RoleState state, Cause cause, int argument)
    {
        Tried++;
        var machine = Replay(state);
        var clock = state.Clock + (cause is Cause.Letter or Cause.Command ? 0 : 1);
        try
        {
            if (cause == Cause.Time) return new Outcome(Intern(machine, state.Node, state.Role, clock, state, cause, argument, null), [], [], [], []);
            var effects = Feed(machine, state, cause, argument, clock);
            var next = Intern(machine, state.Node, state.Role, clock, state, cause, argument, null);
            return new Outcome(next, [.. effects.Records], Lettered(state, effects.Now), Lettered(state, effects.AfterDurable),
                [.. effects.Deliver.Select(d => (d.Slot, ValueOf(d.Value)))]);
        }
        catch (InvariantViolationException x)
        {
            return new Outcome(state, [], [], [], []) { Broken = x.Message };
        }
    }

    private Letter[] Lettered(RoleState state, List<Outgoing> outgoing) =>
        [.. outgoing.Where(o => o.Role != Role.Client && IsInBounds(o.Message)).Select(o => _letters.Of(state.Node, state.Role, o))];

    /// <summary>The rest gets lost on its way. Probes are answered in <see cref="Cause.Elect"/>; confirmations only matter to reads, and to the members' progress.</summary>
    private bool IsInBounds(Message message) => message switch
    {
        Accept m => m.First.Number + m.Values.Length - 1 <= _bounds.Slots,
        Probe or ProbeAnswer or Confirm => false,
        _ => true,
    };

    // The machines.

    private object Make(int node, Role role, DiskState disk, int clock)
    {
        var id = new NodeId((ulong)node + 1);
        if (role == Role.Learner) return new Learner(id, _start, _options, 0, _rules);
        var acceptor = Recovered(node, disk.Records);
        if (role == Role.Acceptor) return acceptor;
        var proposer = new Proposer(id, _start.Configurations, _options, acceptor.Promised, 1, _rules);

        // The first tick only starts its patience.
        proposer.Tick(Now(node, clock));
        return proposer;
    }

    /// <summary>An acceptor as a restart makes it.</summary>
    public Acceptor Recovered(int node, JournalRecord[] records)
    {
        var acceptor = new Acceptor(new NodeId((ulong)node + 1), _start, _options, 1, false, false, 0, _rules);
        acceptor.Recover(records);
        return acceptor;
    }

    private object Replay(RoleState state)
    {
        var path = new Stack<RoleState>();
        var origin = state;
        for (; origin.Before is not null; origin = origin.Before) path.Push(origin);
        var machine = Make(origin.Node, origin.Role, origin.Disk!, origin.Clock);
        foreach (var step in path) Feed(machine, step, step.Cause, step.Argument, step.Clock);
        return machine;
    }

    private static Instant Now(int node, int clock) => new(Tick * clock, node + 1);

    private Effects Feed(object machine, RoleState state, Cause cause, int argument, int clock)
    {
        var now = Now(state.Node, clock);
        return (machine, cause) switch
        {
            (Proposer p, Cause.Elect) => Elect(p, now),
            (Proposer p, Cause.Command) => p.Step(new NodeId((ulong)state.Node + 1), new Propose(1, [new byte[] { 1 }]), now),
            (Proposer p, Cause.Letter) => p.Step(Sender(argument), _letters[argument].Message, now),
            (Acceptor a, Cause.Letter) => a.Step(Sender(argument), _letters[argument].Message, now.Elapsed),
            (Learner l, Cause.Letter) => l.Step(Sender(argument), _letters[argument].Message, now.Elapsed),
            (Learner l, Cause.Fetch) => l.Tick(now.Elapsed),
            _ => new Effects(),
        };
    }

    private NodeId Sender(int letter) => new((ulong)_letters[letter].From + 1);

    /// <summary>
    /// A time-out, and with it the round of probes: safety must not depend on what these say, so the exploration answers them itself, in the name of nodes that follow
    /// nobody and have seen no ballot.
    /// </summary>
    private Effects Elect(Proposer proposer, Instant now)
    {
        var probe = proposer.Tick(now).Now.Select(o => o.Message).OfType<Probe>().First();
        var effects = new Effects();
        foreach (var voter in _start.Configurations.Voters())
        {
            effects = proposer.Step(voter, new ProbeAnswer(probe.Number, Granted: true, Round: 0), now);
            if (proposer.Phase == ProposerPhase.Preparing) break;
        }

        return effects;
    }

    // Their states.

    private RoleState Intern(object machine, int node, Role role, int clock, RoleState? before, Cause cause, int argument, DiskState? disk)
    {
        var key = (node, role, clock, _fingerprint.Of(machine));
        if (_known.TryGetValue(key, out var state)) return state;
        state = new RoleState
        {
            Id = _all.Count, Node = node, Role = role, Clock = clock, Before = before, Cause = cause, Argument = argument, Disk = disk,
            Ballot = (machine as Proposer)?.Ballot ?? default,
            Phase = (machine as Proposer)?.Phase ?? default,
            Promised = (machine as Acceptor)?.Promised ?? default,
            Delivered = (machine as Learner)?.Delivered ?? default,
            Votes = machine is Acceptor acceptor ? Votes(acceptor) : [],
        };
        _known[key] = state;
        _all.Add(state);
        return state;
    }

    public (Ballot Ballot, int Value)[] Votes(Acceptor acceptor)
    {
        var votes = new (Ballot, int)[_bounds.Slots];
        for (var slot = 1; slot <= votes.Length; slot++)
        {
            if (Log(acceptor).TryGet(new Slot(slot), out var ballot, out var value)) votes[slot - 1] = (ballot, ValueOf(value));
        }

        return votes;
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_log")]
    private static extern ref SlotLog Log(Acceptor acceptor);
}

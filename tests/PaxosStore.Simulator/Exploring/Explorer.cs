using System.Diagnostics;

namespace PaxosStore.Simulator.Exploring;

/// <summary>What an exploration found.</summary>
/// <param name="States">Different states reached.</param>
/// <param name="Transitions">Steps between them that were carried out.</param>
/// <param name="Depth">Steps from the beginning to the farthest state.</param>
/// <param name="Complete">Every state within the bounds was reached, and every step tried in each.</param>
/// <param name="Violation">What does not hold; null when all does.</param>
/// <param name="Trace">The shortest way there.</param>
internal sealed record Exploration(long States, long Transitions, int Depth, bool Complete, ViolationException? Violation, IReadOnlyList<string> Trace);

/// <summary>
/// Breadth first through everything that can happen within some bounds. A state is known again by 128 bits of hash: that two of 10⁸ share one has a chance below 10⁻²².
/// </summary>
internal sealed class Explorer(Bounds bounds, Defects defects)
{
    private readonly World _world = new(bounds, defects.Rules);
    private readonly Visited _visited = new();

    // For each state in the order found: from which one it was reached, and by what.
    private readonly Chunks<ulong> _origins = new(1);
    private long _beginnings;
    private long _transitions;
    private int _depth;

    /// <summary>Called now and then.</summary>
    public Action<string>? Progress { get; init; }

    public string Sizes => _world.Sizes;

    /// <summary>Collects <see cref="World.Result"/> of every state; null when nobody asks.</summary>
    public HashSet<string>? Results { get; init; }

    public Exploration Run()
    {
        var level = new Chunks<int>(_world.Width);
        foreach (var first in _world.Begin()) Add(first, level, level.Count, default);
        _beginnings = level.Count;
        var clock = Stopwatch.StartNew();
        try
        {
            for (long from = 0; level.Count > 0 && _visited.Count < bounds.MostStates; _depth++)
            {
                var next = new Chunks<int>(_world.Width);
                var width = level.Count;
                Expand(level, from, next, clock);
                from += width;
                level = next;
            }

            return new Exploration(_visited.Count, _transitions, _depth - 1, level.Count == 0, null, []);
        }
        catch (Found found)
        {
            return new Exploration(_visited.Count, _transitions, _depth + 1, false, found.Violation, Replay(found.From, found.Last));
        }
    }

    private void Expand(Chunks<int> level, long first, Chunks<int> next, Stopwatch clock)
    {
        var happenings = new List<Happened>();
        Span<int> state = stackalloc int[_world.Width];
        for (long i = 0; i < level.Count && _visited.Count < bounds.MostStates; i++)
        {
            _world.Possible(level[i], happenings);
            foreach (var happened in happenings)
            {
                level[i].CopyTo(state);
                try
                {
                    _world.Do(state, happened);
                }
                catch (ViolationException x)
                {
                    throw new Found(x, first + i, happened);
                }

                _transitions++;
                Add(state, next, first + i, happened);
            }

            if ((i & 0xFFFF) == 0 && clock.Elapsed > TimeSpan.FromSeconds(10)) Report(level.Count - i, clock);
        }
    }

    private void Report(long left, Stopwatch clock)
    {
        clock.Restart();
        Progress?.Invoke($"depth {_depth}: {_visited.Count:N0} states, {_transitions:N0} transitions; {left:N0} states to expand at this depth; {Sizes}");
    }

    private void Add(ReadOnlySpan<int> state, Chunks<int> level, long origin, Happened happened)
    {
        if (!_visited.Add(state)) return;
        Results?.Add(_world.Result(state));
        level.Add(state);
        _origins.Add([((ulong)origin << 32) | happened.Packed]);
    }

    /// <summary>The way to a state and one step further, told as it happens.</summary>
    private List<string> Replay(long last, Happened happened)
    {
        var path = new Stack<Happened>([happened]);
        for (; last >= _beginnings; last = (long)(_origins[last][0] >> 32)) path.Push(Happened.Unpack((uint)_origins[last][0]));
        var trace = new List<string>();
        var state = _world.Begin().ElementAt((int)last);
        _world.Tell = trace.Add;
        foreach (var step in path)
        {
            try
            {
                _world.Do(state, step);
            }
            catch (ViolationException x)
            {
                trace.Add($"  {x.Message}");
            }
        }

        _world.Tell = null;
        return trace;
    }

    private sealed class Found(ViolationException violation, long from, Happened last) : Exception
    {
        public ViolationException Violation { get; } = violation;

        public long From { get; } = from;

        public Happened Last { get; } = last;
    }
}

using System.Diagnostics;
using PaxosStore.Cluster.Tests.History;

namespace PaxosStore.Cluster.Tests.Judges;

/// <summary>
/// Decides by search whether a history is linearizable, each key on its own (Wing and Gong's search with Lowe's cache). It
/// looks at nothing but call and return times and the values told: it does not trust the store's revisions. A search that runs out of its
/// budget counts as a violation.
/// </summary>
public static class Linearizability
{
    /// <summary>Judges all keys; <paramref name="stepsPerKey"/> bounds the search.</summary>
    public static Verdict Check(IReadOnlyList<Operation> operations, int stepsPerKey = 10_000_000)
    {
        var violations = new List<string>();
        foreach (var group in operations.Where(o => o.Outcome != Outcome.Fail).GroupBy(o => o.Key))
        {
            var calls = RegisterCalls.From(group);
            var result = new Search(calls, stepsPerKey).Run();
            if (result != Result.Linearizable)
                violations.Add($"key {group.Key}, {calls.Count} operations: {Describe(result)}");
        }

        return new Verdict(violations);
    }

    private static string Describe(Result result) => result switch
    {
        Result.NotLinearizable => "not linearizable",
        Result.Unknown => "undecided within the budget, counted as a failure",
        _ => throw new UnreachableException(),
    };

    internal enum Result
    {
        Linearizable,
        NotLinearizable,
        Unknown,
    }

    /// <summary>The search over one key. Entries hang in a list ordered by time; a linearised call is lifted out together with its return.</summary>
    private sealed class Search(IReadOnlyList<RegisterCall> calls, int budget)
    {
        private readonly ulong[] _done = new ulong[(calls.Count + 63) / 64];
        private readonly HashSet<Visited> _visited = [];
        private readonly Stack<(Entry Call, int StateBefore, bool IdleBefore)> _chosen = new();
        private int _state;

        // The last call placed need not have happened, and nothing placed so far shows that it did.
        private bool _idle;

        public Result Run()
        {
            var head = BuildEntries();
            var open = calls.Count(c => !c.Optional);
            var entry = head.Next;
            while (open > 0)
            {
                if (budget-- == 0)
                    return Result.Unknown;
                if (entry is null || entry.IsReturn)
                {
                    // A return whose call is not placed yet (or the end of the list): the last choice was wrong.
                    if (!_chosen.TryPop(out var last))
                        return Result.NotLinearizable;
                    (_state, _idle) = (last.StateBefore, last.IdleBefore);
                    Flip(last.Call.Index);
                    last.Call.PutBack();
                    open += calls[last.Call.Index].Optional ? 0 : 1;
                    entry = last.Call.Next;
                }
                else if (MayFollow(calls[entry.Index]) && calls[entry.Index].TryApply(_state, out var next) && Remember(entry.Index, next))
                {
                    _chosen.Push((entry, _state, _idle));
                    (_state, _idle) = (next, calls[entry.Index].Optional);
                    entry.Lift();
                    open -= calls[entry.Index].Optional ? 0 : 1;
                    entry = head.Next;
                }
                else
                {
                    entry = entry.Next;
                }
            }

            return Result.Linearizable;
        }

        /// <summary>What need not have happened is placed only before a call that depends on it: before any other one, the history fits without it as well.</summary>
        private bool MayFollow(RegisterCall call) => !_idle || call.DependsOnState;

        private bool Remember(int index, int next)
        {
            Flip(index);
            if (_visited.Add(new Visited((ulong[])_done.Clone(), next, calls[index].Optional)))
                return true;
            Flip(index);
            return false;
        }

        private void Flip(int index) => _done[index / 64] ^= 1UL << (index % 64);

        /// <summary>Equal times count as concurrent: calls come before returns. What never returns has no return entry.</summary>
        private Entry BuildEntries()
        {
            var events = new List<(long Time, bool IsReturn, Entry Entry)>();
            for (var i = 0; i < calls.Count; i++)
            {
                var call = new Entry(i, isReturn: false);
                events.Add((calls[i].Call, false, call));
                if (calls[i].Return == Operation.Never)
                    continue;
                call.Match = new Entry(i, isReturn: true);
                events.Add((calls[i].Return, true, call.Match));
            }

            var head = new Entry(-1, isReturn: false);
            var tail = head;
            foreach (var (_, _, entry) in events.OrderBy(e => e.Time).ThenBy(e => e.IsReturn))
            {
                tail.Next = entry;
                entry.Previous = tail;
                tail = entry;
            }

            return head;
        }
    }

    private sealed class Entry(int index, bool isReturn)
    {
        public int Index => index;

        public bool IsReturn => isReturn;

        public Entry? Match { get; set; }

        public Entry? Next { get; set; }

        public Entry? Previous { get; set; }

        public void Lift()
        {
            Unlink(this);
            if (Match is not null)
                Unlink(Match);
        }

        public void PutBack()
        {
            if (Match is not null)
                Link(Match);
            Link(this);
        }

        private static void Unlink(Entry entry)
        {
            entry.Previous!.Next = entry.Next;
            if (entry.Next is not null)
                entry.Next.Previous = entry.Previous;
        }

        private static void Link(Entry entry)
        {
            entry.Previous!.Next = entry;
            if (entry.Next is not null)
                entry.Next.Previous = entry;
        }
    }

    /// <summary>A set of placed operations and the state they led to: a second visit can't find anything new.</summary>
    private readonly struct Visited(ulong[] done, int state, bool idle) : IEquatable<Visited>
    {
        private readonly ulong[] _done = done;
        private readonly int _state = state;
        private readonly bool _idle = idle;

        public bool Equals(Visited other) => _state == other._state && _idle == other._idle && _done.AsSpan().SequenceEqual(other._done);

        public override bool Equals(object? obj) => obj is Visited other && Equals(other);

        public override int GetHashCode()
        {
            var hash = (ulong)_state * 0x9E3779B97F4A7C15UL;
            foreach (var word in _done)
                hash = (hash ^ word) * 0xD6E8FEB86659FD93UL ^ (hash >> 29);
            return (int)(hash ^ (hash >> 32));
        }
    }
}

using PaxosStore.Cluster.Tests.History;

namespace PaxosStore.Cluster.Tests.Blackbox;

/// <summary>
/// The log as watchers of everything saw it while it grew, each revision written down once it is complete, with the time at which it was first seen. What was
/// written down may be compacted away in the store.
/// </summary>
internal sealed class LogBook
{
    private readonly Lock _gate = new();
    private readonly Dictionary<long, IReadOnlyList<KeyChange>> _revisions = [];
    private readonly Dictionary<long, long> _seenAt = [];
    private readonly List<string> _conflicts = [];
    private readonly List<Compaction> _compactions = [];
    private long _contiguous = 1;

    /// <summary>The revision up to which nothing is missing.</summary>
    public long Contiguous
    {
        get
        {
            lock (_gate)
                return _contiguous;
        }
    }

    /// <summary>Revisions that two watchers saw differently.</summary>
    public IReadOnlyList<string> Conflicts
    {
        get
        {
            lock (_gate)
                return [.. _conflicts];
        }
    }

    /// <summary>Writes down what one reply of a watch of everything said.</summary>
    public void Add(WatchReply reply)
    {
        lock (_gate)
        {
            foreach (var group in reply.Events.GroupBy(e => e.Revision))
            {
                IReadOnlyList<KeyChange> changes = [.. group.Select(e => e.Change)];
                if (_revisions.TryAdd(group.Key, changes))
                    _seenAt[group.Key] = reply.Time;
                else if (!_revisions[group.Key].SequenceEqual(changes))
                    _conflicts.Add($"revision {group.Key} was told as [{string.Join(", ", _revisions[group.Key])}] and as [{string.Join(", ", changes)}]");
                _seenAt[group.Key] = Math.Min(_seenAt[group.Key], reply.Time);
            }

            while (_revisions.ContainsKey(_contiguous + 1))
                _contiguous++;
        }
    }

    /// <summary>Writes down that a compaction is asked for now.</summary>
    public void Compact(long revision)
    {
        lock (_gate)
            _compactions.Add(new Compaction(HistoryRecorder.Now, revision));
    }

    /// <summary>When each revision was first seen.</summary>
    public IReadOnlyDictionary<long, long> SeenAt()
    {
        lock (_gate)
            return new Dictionary<long, long>(_seenAt);
    }

    /// <summary>The log up to where nothing is missing.</summary>
    public LogDump Dump()
    {
        lock (_gate)
            return new LogDump([.. Enumerable.Range(2, (int)_contiguous - 1).SelectMany(r => _revisions[r])], 2, _contiguous) { Compactions = [.. _compactions] };
    }
}

using PaxosStore.Cluster.Tests.History;

namespace PaxosStore.Cluster.Tests.Judges;

/// <summary>
/// Checks by replay of the log what watchers were told. What etcd promises, by the names that a violation begins with:
/// <list type="bullet">
/// <item><c>ordered</c>: revisions never go back within a stream;</item>
/// <item><c>unique</c>: no event comes twice;</item>
/// <item><c>atomic</c>: the events of one revision come in one reply, unless the watcher asked for fragments;</item>
/// <item><c>reliable</c>: nothing between two events is left out, nor at the end of the run;</item>
/// <item><c>resumable</c>: a stream begins with the first event at or behind the revision it was asked from, unless history was compacted, which it says;</item>
/// <item><c>bookmarkable</c>: a notification of progress comes behind all events up to its revision and before all others;</item>
/// <item><c>prev_kv</c>: the value before is the one the log had, if asked for;</item>
/// <item><c>filter</c>: only keys and kinds of events that were asked for;</item>
/// <item><c>progress</c>: notifications never go back behind one another (they may lag behind events told since they were asked for), never run ahead of the store,
/// never fall before the start of the watch;</item>
/// <item><c>version</c>: version and revision of creation are the log's; <c>false</c>: an event that never happened.</item>
/// </list>
/// </summary>
public sealed class WatchWitness
{
    private readonly Subscription _subscription;
    private readonly Replay _replay;
    private readonly IReadOnlyList<Compaction> _compactions;
    private readonly SeenEvent[] _wanted;
    private readonly Dictionary<(long Revision, string Key), int> _position = [];
    private readonly HashSet<int> _missing = [];
    private readonly List<string> _violations = [];
    private WatchStream _stream = new("", 0, 0);
    private int _next;
    private long _start;
    private long _lastRevision;
    private long _lastProgress;

    private WatchWitness(Subscription subscription, Replay replay, IReadOnlyList<Compaction> compactions)
    {
        _compactions = compactions;
        _subscription = subscription;
        _replay = replay;
        _wanted = [.. replay.Events.Where(e => subscription.Wants(e.Change))];
        for (var i = 0; i < _wanted.Length; i++)
            _position[(_wanted[i].Revision, _wanted[i].Key)] = i;
    }

    /// <summary>Judges what each subscription was told.</summary>
    public static Verdict Check(IEnumerable<Subscription> subscriptions, LogDump log)
    {
        var replay = new Replay(log);
        return new Verdict([.. subscriptions.SelectMany(s => new WatchWitness(s, replay, log.Compactions).Run())]);
    }

    /// <summary>Judges a watcher of everything from the first revision on, by the changes it saw.</summary>
    public static Verdict Check(IReadOnlyList<KeyChange> seen, LogDump log)
    {
        var replay = new Replay(log);
        var known = replay.Events.ToLookup(e => e.Change);
        var stream = new WatchStream("", log.FirstRevision, 0);
        foreach (var revision in seen.Select(c => known[c].FirstOrDefault(new SeenEvent(c.Revision, c.Key, c.Value, null, 0, 0)) with { Previous = null }))
            stream.Replies.Add(new WatchReply(0, WatchReplyKind.Events, log.LastRevision, [revision], IsFragment: true));
        return Check([new Subscription(0, "") { Streams = [stream], ToTheEnd = true }], log);
    }

    private List<string> Run()
    {
        var first = true;
        foreach (var stream in _subscription.Streams)
        {
            _stream = stream;
            Begin(first);
            first = false;
            WatchReply? last = null;
            foreach (var reply in stream.Replies)
            {
                Judge(reply, last);
                if (reply.Kind == WatchReplyKind.Events)
                    last = reply;
            }
        }

        if (_subscription.ToTheEnd && _next < _wanted.Length)
            Violate("reliable", $"{_wanted.Length - _next} events were never told, the first is {_wanted[_next].Change}");
        return _violations;
    }

    /// <summary>A stream asked from a revision before the last one told tells again what was told in part.</summary>
    private void Begin(bool first)
    {
        _lastRevision = _lastProgress = 0;
        var created = _stream.Replies.FirstOrDefault(r => r.Kind == WatchReplyKind.Created);
        if (_stream.Start == 0 && created is null)
            return;
        _start = _stream.Start == 0 ? created!.Revision + 1 : _stream.Start;
        var position = Array.FindIndex(_wanted, e => e.Revision >= _start) is var found and >= 0 ? found : _wanted.Length;
        if (!first && position > _next)
            Violate("resumable", $"the harness left out {_wanted[_next].Change} itself");
        _next = position;
    }

    private void Judge(WatchReply reply, WatchReply? last)
    {
        switch (reply.Kind)
        {
            case WatchReplyKind.Events:
                if (last is { IsFragment: false } && reply.Events[0].Revision == last.Events[^1].Revision)
                    Violate("atomic", $"revision {reply.Events[0].Revision} came in two replies");
                foreach (var e in reply.Events)
                    Judge(e, reply.Time);
                if (reply.Revision < reply.Events[^1].Revision)
                    Violate("bookmarkable", $"a reply at revision {reply.Revision} holds {reply.Events[^1].Change}");
                break;
            case WatchReplyKind.Progress:
                JudgeProgress(reply.Revision);
                break;
            case WatchReplyKind.Canceled when reply.CompactRevision > 0:
                JudgeCompaction(reply.CompactRevision, reply.Time);
                break;
        }
    }

    private void Judge(SeenEvent e, long time)
    {
        if (!_subscription.Wants(e.Change))
        {
            Violate("filter", $"told {e.Change}");
            return;
        }

        if (e.Revision < _lastRevision)
            Violate("ordered", $"told {e.Change} behind revision {_lastRevision}");
        if (e.Revision <= _lastProgress)
            Violate("bookmarkable", $"told {e.Change} behind the progress up to {_lastProgress}");
        if (!_position.TryGetValue((e.Revision, e.Key), out var position) || _wanted[position].Value != e.Value)
            Violate("false", $"told {e.Change}, which is not in the log");
        else if (position < _next && !_missing.Remove(position))
            Violate(e.Revision < _start ? "resumable" : "unique", $"told {e.Change} again or from before its start {_start}");
        else if (position < _next)
            Violate("ordered", $"told {e.Change} late");
        else
            Advance(e, position, time);
        _lastRevision = Math.Max(_lastRevision, e.Revision);
    }

    private void Advance(SeenEvent e, int position, long time)
    {
        if (position > _next)
        {
            Violate(_lastRevision == 0 ? "resumable" : "reliable", $"told {e.Change} without {_wanted[_next].Change} (lost {position - _next}) before it");
            _missing.UnionWith(Enumerable.Range(_next, position - _next));
        }

        _next = position + 1;
        var expected = _wanted[position];
        var previous = _subscription.WantsPrevious ? expected.Previous : null;
        if (e.Previous != previous && !(e.Previous is null && IsCompacted(e.Revision, time)))
            Violate("prev_kv", $"told {e.Change} over {e.Previous ?? "nothing"}, the log had {previous ?? "nothing"}");
        if (e.CreateRevision != expected.CreateRevision || e.Version != expected.Version)
            Violate("version", $"told {e.Change} as version {e.Version} since {e.CreateRevision}, the log had {expected.Version} since {expected.CreateRevision}");
    }

    private void JudgeProgress(long revision)
    {
        if (_next < _wanted.Length && _wanted[_next].Revision <= revision)
            Violate("bookmarkable", $"progress up to {revision}, but {_wanted[_next].Change} was not told");
        if (revision < Math.Max(_lastProgress, _start - 1))
            Violate("progress", $"progress went back to {revision} (progress was {_lastProgress}, asked from {_start})");
        if (revision > _replay.LastRevision)
            Violate("progress", $"progress up to {revision}, but the store ends at {_replay.LastRevision}");
        _lastProgress = Math.Max(_lastProgress, revision);
    }

    /// <summary>History below the revision is gone: what of it was not told is lost by right, if there is any.</summary>
    private void JudgeCompaction(long revision, long time)
    {
        if (_start >= revision || !_compactions.Any(c => c.Revision == revision && c.Call <= time))
            Violate("resumable", $"canceled as compacted at {revision}, but it had asked from {_start}, or nobody had asked for that compaction");
        while (_next < _wanted.Length && _wanted[_next].Revision < revision)
            _next++;
    }

    /// <summary>The value before is gone with the history below a compaction; one at the event's own revision is enough.</summary>
    private bool IsCompacted(long revision, long time) => _compactions.Any(c => c.Revision >= revision && c.Call <= time);

    private void Violate(string check, string what) => _violations.Add($"{check}: watcher {_subscription.Watcher} of '{_subscription.Prefix}' at {_stream.Node}: {what}");
}

namespace PaxosStore.Kv;

/// <summary>
/// Knows who watches what. Publishing a batch costs what its events and the watchers they concern cost, not what all watchers would;
/// it only wakes watchers, who then read the event history on their own threads.
/// </summary>
public sealed class WatchHub
{
    private readonly Lock _gate = new();
    private readonly Dictionary<byte[], WatcherSet> _byKey = new(ByteEquality.Instance);
    private readonly IntervalIndex _byRange = new();
    private readonly List<KvWatcher> _woken = [];
    private KvView _view;
    private long _published;

    internal WatchHub(KvView view)
    {
        _view = view;
        _published = view.Revision;
    }

    internal KvView View => Volatile.Read(ref _view);

    /// <summary>Every watcher concerned by events up to this revision has been woken.</summary>
    internal long Published => Volatile.Read(ref _published);

    /// <summary>True when nobody watches.</summary>
    internal bool IsEmpty
    {
        get
        {
            lock (_gate) return _byKey.Count == 0 && _byRange.IsEmpty;
        }
    }

    /// <summary>Opens a watcher on the keys and from the revision <paramref name="spec"/> says.</summary>
    public IKvWatcher Open(WatchSpec spec)
    {
        lock (_gate)
        {
            // The view is swapped and its events are published under the gate: here both stand at the same revision.
            var watcher = new KvWatcher(this, spec, _view.Revision);
            if (spec.Range.IsSingle)
            {
                var key = spec.Range.Start.ToArray();
                if (!_byKey.TryGetValue(key, out var set)) _byKey.Add(key, set = new WatcherSet());
                set.Add(watcher);
            }
            else
            {
                _byRange.Add(watcher);
            }

            return watcher;
        }
    }

    internal void Close(KvWatcher watcher)
    {
        lock (_gate)
        {
            if (!watcher.Range.IsSingle)
            {
                _byRange.Remove(watcher);
                return;
            }

            var key = watcher.Range.Start.ToArray();
            if (!_byKey.TryGetValue(key, out var set)) return;
            set.Remove(watcher);
            if (set.Count == 0) _byKey.Remove(key);
        }
    }

    /// <summary>Makes <paramref name="view"/> current and wakes the watchers its events from <paramref name="firstEvent"/> on concern.</summary>
    internal void Publish(KvView view, long firstEvent)
    {
        lock (_gate)
        {
            Volatile.Write(ref _view, view);
            if (_byKey.Count > 0 || !_byRange.IsEmpty)
            {
                var history = view.History;
                for (var position = firstEvent; position < history.End; position++) Wake(history[position]!);
            }

            Volatile.Write(ref _published, view.Revision);
        }

        foreach (var watcher in _woken) watcher.Notify();
        _woken.Clear();
    }

    /// <summary>
    /// Makes <paramref name="view"/> current, whose history is another one than the last. Nobody knows whom what happened between the two concerned:
    /// every watcher looks at all of it.
    /// </summary>
    internal void Install(KvView view)
    {
        lock (_gate)
        {
            var since = _view.Revision + 1;
            Volatile.Write(ref _view, view);
            foreach (var set in _byKey.Values) set.WakeAll(since, view.Revision, _woken);
            _byRange.WakeAll(since, view.Revision, _woken);
            Volatile.Write(ref _published, view.Revision);
        }

        foreach (var watcher in _woken) watcher.Notify();
        _woken.Clear();
    }

    private void Wake(KeyVersion version)
    {
        if (_byKey.TryGetValue(version.Key, out var set)) set.Wake(version, _woken);
        _byRange.Wake(version, _woken);
    }

    private sealed class ByteEquality : IEqualityComparer<byte[]>
    {
        public static ByteEquality Instance { get; } = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] obj)
        {
            var hash = 2166136261u;
            foreach (var b in obj) hash = (hash ^ b) * 16777619u;
            return (int)hash;
        }
    }
}

/// <summary>Watchers of the same keys; adding and removing one is O(1).</summary>
internal sealed class WatcherSet
{
    private readonly List<KvWatcher> _watchers = [];

    public int Count => _watchers.Count;

    public void Add(KvWatcher watcher)
    {
        watcher.PlaceInSet = _watchers.Count;
        _watchers.Add(watcher);
    }

    public void Remove(KvWatcher watcher)
    {
        var last = _watchers[^1];
        last.PlaceInSet = watcher.PlaceInSet;
        _watchers[watcher.PlaceInSet] = last;
        _watchers.RemoveAt(_watchers.Count - 1);
    }

    public void WakeAll(long since, long revision, List<KvWatcher> woken)
    {
        foreach (var watcher in _watchers) watcher.WakeFrom(since, revision);
        woken.AddRange(_watchers);
    }

    public void Wake(KeyVersion version, List<KvWatcher> woken)
    {
        foreach (var watcher in _watchers)
        {
            if (watcher.Wake(version)) woken.Add(watcher);
        }
    }
}

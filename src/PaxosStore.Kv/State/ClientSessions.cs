using System.Collections.Immutable;

namespace PaxosStore.Kv;

/// <summary>
/// What the state machine remembers of one client: the results of its requests that it has not acknowledged yet, so that a repeat is
/// answered and not applied again. Changed in place by the edit that made it, copied by any other; results lie in chunks that are copied alike.
/// </summary>
internal sealed class ClientSession
{
    /// <summary>Most request numbers remembered; when a client runs further ahead, the lowest are forgotten.</summary>
    public const int MostResults = 65_536;

    private const int ChunkBits = 6;
    private const int ChunkSize = 1 << ChunkBits;

    private readonly long _edit;
    private Chunk?[] _chunks;
    private long _firstChunk;

    public ClientSession(ulong id, long acknowledgedBelow, TimeSpan now, long edit)
    {
        Id = id;
        AcknowledgedBelow = Math.Max(0, acknowledgedBelow);
        LastUsed = now;
        _chunks = [];
        _firstChunk = AcknowledgedBelow >> ChunkBits;
        _edit = edit;
    }

    private ClientSession(ClientSession other, long edit)
    {
        Id = other.Id;
        AcknowledgedBelow = other.AcknowledgedBelow;
        LastUsed = other.LastUsed;
        _chunks = [.. other._chunks];
        _firstChunk = other._firstChunk;
        _edit = edit;
    }

    public ulong Id { get; }

    /// <summary>Requests below this number will not be asked for again; their results are forgotten.</summary>
    public long AcknowledgedBelow { get; private set; }

    /// <summary>Log time of its last command.</summary>
    public TimeSpan LastUsed { get; set; }

    public ClientSession OwnedBy(long edit) => _edit == edit ? this : new ClientSession(this, edit);

    public bool Owned(long edit) => _edit == edit;

    /// <summary>The remembered result of a request, or null.</summary>
    public KvResult? Find(long number)
    {
        var chunk = (number >> ChunkBits) - _firstChunk;
        return number < AcknowledgedBelow || chunk < 0 || chunk >= _chunks.Length
            ? null
            : _chunks[chunk]?.Results[number & (ChunkSize - 1)];
    }

    /// <summary>Remembers a result, forgetting the lowest when the window is full.</summary>
    public void Remember(long number, KvResult result)
    {
        Acknowledge(number - MostResults + 1);
        if (number < AcknowledgedBelow) return;
        var chunk = (number >> ChunkBits) - _firstChunk;
        if (chunk >= _chunks.Length) Array.Resize(ref _chunks, (int)chunk + 1);
        ref var place = ref _chunks[chunk];
        if (place is null || place.Edit != _edit) place = new Chunk(_edit, place);
        place.Results[number & (ChunkSize - 1)] = result;
    }

    /// <summary>Forgets the results below <paramref name="number"/>.</summary>
    public void Acknowledge(long number)
    {
        if (number <= AcknowledgedBelow) return;
        AcknowledgedBelow = number;
        var gone = (number >> ChunkBits) - _firstChunk;
        if (gone == 0) return;
        _chunks = gone >= _chunks.Length ? [] : _chunks[(int)gone..];
        _firstChunk += gone;
    }

    /// <summary>Remembered results in order of their request numbers.</summary>
    public IEnumerable<(long Number, KvResult Result)> Results()
    {
        for (var chunk = 0; chunk < _chunks.Length; chunk++)
        {
            if (_chunks[chunk] is not { } held) continue;
            for (var slot = 0; slot < ChunkSize; slot++)
            {
                var number = ((_firstChunk + chunk) << ChunkBits) + slot;
                if (number >= AcknowledgedBelow && held.Results[slot] is { } result) yield return (number, result);
            }
        }
    }

    private sealed class Chunk
    {
        public Chunk(long edit, Chunk? other)
        {
            Edit = edit;
            Results = new KvResult?[ChunkSize];
            if (other is not null) Array.Copy(other.Results, Results, ChunkSize);
        }

        public long Edit { get; }

        public KvResult?[] Results { get; }
    }
}

/// <summary>All client sessions; the applier's working set, from which <see cref="Freeze"/> makes the table a view keeps.</summary>
internal sealed class ClientSessions
{
    public const int MostSessions = 100_000;
    public const int MostExpiriesPerBatch = 1_000;
    public static readonly TimeSpan IdleTime = TimeSpan.FromHours(1);

    private readonly Dictionary<ulong, ClientSession> _byId = [];
    private readonly SortedSet<(TimeSpan LastUsed, ulong Id)> _byUse = [];
    private readonly List<ClientSession> _changed = [];
    private ImmutableSortedDictionary<ulong, ClientSession> _frozen = ImmutableSortedDictionary<ulong, ClientSession>.Empty;

    /// <summary>The session, marked as used now and ready to be changed, or null when the client has none.</summary>
    public ClientSession? Use(ulong id, TimeSpan now, long edit)
    {
        if (!_byId.TryGetValue(id, out var session)) return null;
        if (!session.Owned(edit))
        {
            session = session.OwnedBy(edit);
            _byId[id] = session;
            _changed.Add(session);
        }

        if (session.LastUsed != now)
        {
            _byUse.Remove((session.LastUsed, id));
            _byUse.Add((now, id));
            session.LastUsed = now;
        }

        return session;
    }

    public ClientSession Open(ulong id, long acknowledgedBelow, TimeSpan now, long edit)
    {
        if (_byId.Count >= MostSessions) Remove(_byUse.Min.Id);
        var session = new ClientSession(id, acknowledgedBelow, now, edit);
        Restore(session);
        return session;
    }

    /// <summary>Takes in a session as it is.</summary>
    public void Restore(ClientSession session)
    {
        _byId.Add(session.Id, session);
        _byUse.Add((session.LastUsed, session.Id));
        _changed.Add(session);
    }

    /// <summary>Ends sessions unused for <see cref="IdleTime"/>, oldest first, a bounded number at a time.</summary>
    public void Expire(TimeSpan now)
    {
        for (var i = 0; i < MostExpiriesPerBatch && _byUse.Count > 0 && now - _byUse.Min.LastUsed >= IdleTime; i++)
            Remove(_byUse.Min.Id);
    }

    /// <summary>The table as of the end of this edit.</summary>
    public ImmutableSortedDictionary<ulong, ClientSession> Freeze()
    {
        foreach (var session in _changed)
        {
            if (_byId.TryGetValue(session.Id, out var current) && ReferenceEquals(current, session)) _frozen = _frozen.SetItem(session.Id, session);
        }

        _changed.Clear();
        return _frozen;
    }

    private void Remove(ulong id)
    {
        if (_byId.Remove(id, out var session)) _byUse.Remove((session.LastUsed, id));
        _frozen = _frozen.Remove(id);
    }
}

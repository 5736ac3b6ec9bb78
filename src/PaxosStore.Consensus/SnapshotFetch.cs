namespace PaxosStore.Consensus;

/// <summary>How far the transfer of a snapshot is.</summary>
/// <param name="From">The peer it comes from.</param>
/// <param name="Base">What it stands in for; null before the first piece.</param>
/// <param name="Stored">Pieces stored.</param>
/// <param name="Count">Pieces in all, 0 before the first.</param>
internal sealed record SnapshotProgress(NodeId From, LogBase? Base, int Stored, int Count);

/// <summary>
/// Pulls a snapshot piece by piece: one request under way, and a pause after each piece, so that a transfer never stands in the way of what keeps the cluster alive.
/// A peer that falls silent is left for the next one; a snapshot of the same base and digest goes on where it was, any other begins anew. The patience with a peer
/// doubles whenever one is left: where a piece takes longer than an election time-out, nobody would ever be waited for long enough.
/// </summary>
internal sealed class SnapshotFetch(PaxosOptions options)
{
    private const int MostPatience = 16;

    private NodeId _from;
    private Slot _above;
    private SnapshotPiece? _first;
    private int _next;
    private bool _asked;
    private bool _storing;
    private TimeSpan _dueAt;
    private TimeSpan _patience = options.ElectionTimeout;

    public SnapshotProgress? Progress { get; private set; }

    public void Begin(NodeId from, Slot above, TimeSpan now, Effects effects)
    {
        if (Progress is not null) return;
        (_from, _above) = (from, above);
        Ask(now, effects);
    }

    public bool Awaits(NodeId from, SnapshotPiece piece)
    {
        if (Progress is null || from != _from || !_asked) return false;
        if (_first is null || !SameSnapshot(piece, _first)) return piece.Index == 0;
        return piece.Index == _next;
    }

    /// <summary>The awaited piece is being stored: the peer is not to blame for how long that takes.</summary>
    public void Storing() => _storing = _asked;

    public void Stored(SnapshotPiece piece, TimeSpan now, Effects effects)
    {
        if (Progress is null) return;
        if (_first is null || !SameSnapshot(piece, _first)) _first = piece with { Data = default };
        (_next, _asked, _storing) = (piece.Index + 1, false, false);
        Progress = new SnapshotProgress(_from, piece.Base, _next, piece.Count);
        _dueAt = now + options.SnapshotPause;
        if (_dueAt <= now && _next < piece.Count) Ask(now, effects);
    }

    /// <summary>The peer has no such snapshot: begin anew with whatever is there.</summary>
    public void OnGone(NodeId from, Slot slot)
    {
        if (Progress is null || from != _from || (slot != Slot.Zero && slot != _first?.Base.Through)) return;
        End();
    }

    /// <summary>Asks for what is due; true when the peer fell silent and another one is to be tried.</summary>
    public bool Tick(TimeSpan now, Effects effects)
    {
        if (Progress is null || now < _dueAt || _storing || (!_asked && _next == Progress.Count && _next > 0)) return false;
        if (_asked)
        {
            // What is stored stays; another peer with the same snapshot goes on from there.
            Progress = null;
            _asked = false;
            _patience = Min(_patience * 2, options.ElectionTimeout * MostPatience);
            return true;
        }

        Ask(now, effects);
        return false;
    }

    /// <summary>A snapshot is installed: the next one's way may be another.</summary>
    public void Installed()
    {
        End();
        _patience = options.ElectionTimeout;
    }

    /// <summary>Nothing of it is of use any more.</summary>
    public void End() => (Progress, _first, _next, _asked, _storing) = (null, null, 0, false, false);

    private static bool SameSnapshot(SnapshotPiece a, SnapshotPiece b) =>
        a.Base.Through == b.Base.Through && a.Count == b.Count && a.Digest.Span.SequenceEqual(b.Digest.Span);

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;

    private void Ask(TimeSpan now, Effects effects)
    {
        (_asked, _dueAt) = (true, now + _patience);
        Progress = new SnapshotProgress(_from, _first?.Base, _next, _first?.Count ?? 0);
        effects.Send(_from, Role.Learner, new SnapshotRequest(_above, _first?.Base.Through ?? Slot.Zero, _next));
    }
}

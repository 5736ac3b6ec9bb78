using PaxosStore.Kv;

namespace PaxosStore.Simulator.Whole;

/// <summary>What a watch brought in one go.</summary>
/// <param name="Events">Events.</param>
/// <param name="Through">It says: everything up to this revision has been brought.</param>
/// <param name="Revision">It says: the store stands there.</param>
/// <param name="Slot">What the node that brought it has applied.</param>
internal sealed record Frame(IReadOnlyList<KvEvent> Events, long Through, long Revision, long Slot);

/// <summary>What a watch has brought so far.</summary>
internal sealed class WatchRecord(KeyRange range, bool puts, bool deletes, long bookmark)
{
    public KeyRange Range => range;

    /// <summary>Everything up to this revision was announced to have been brought.</summary>
    public long Bookmark { get; set; } = bookmark;

    /// <summary>It has just been opened anew, at another node perhaps, where it had got to.</summary>
    public bool Resumed { get; set; }

    /// <summary>What was brought.</summary>
    public HashSet<(long Revision, string Key)> Brought { get; } = [];

    public long LastRevision { get; set; }

    public bool Wants(ModelVersion version) => ModelKeys.Within(range, version.Key) && (version.Deleted ? deletes : puts);
}

/// <summary>
/// The nine promises of a watch, each named as etcd's tests name it: bookmarkable, ordered, unique, atomic, reliable, resumable, prev_kv, filtered, progress.
/// Held against the events of the model.
/// </summary>
internal sealed class WatchJudge(Model model)
{
    /// <summary>A watch brought something, or told how far it is.</summary>
    public void Brought(WatchRecord watch, Frame frame)
    {
        var state = model[frame.Slot];
        HistoryJudge.Check(frame.Revision == state.Revision, "watch progress",
            $"says that the store stands at {frame.Revision}, at #{frame.Slot} it stands at {state.Revision}");
        HistoryJudge.Check(frame.Through >= watch.Bookmark, "watch bookmarkable", $"went back from {watch.Bookmark} to {frame.Through}");
        HistoryJudge.Check(frame.Through <= Math.Max(watch.Bookmark, state.Revision), "watch progress", $"tells of all up to {frame.Through} at {state.Revision}");
        var last = 0L;
        foreach (var e in frame.Events)
        {
            CheckPlace(watch, e, frame, last);
            last = e.Kv.ModRevision;
        }

        CheckWhole(watch, frame, state);
        foreach (var e in frame.Events) watch.Brought.Add((e.Kv.ModRevision, ReplyText.Text(e.Kv.Key)));
        if (last > 0) watch.LastRevision = last;
        (watch.Bookmark, watch.Resumed) = (frame.Through, false);
    }

    /// <summary>A watch was told that what it is to bring next is compacted.</summary>
    public void Compacted(WatchRecord watch, long compactRevision, long slot)
    {
        var state = model[slot];
        HistoryJudge.Check(watch.Bookmark + 1 < state.Compacted && compactRevision <= state.Compacted, "watch reliable",
            $"{watch.Bookmark + 1} is said to be compacted at {compactRevision}, it is at {state.Compacted}");
    }

    /// <summary>Events that a watch is to bring after one revision and up to another.</summary>
    public IEnumerable<ModelEvent> Due(WatchRecord watch, long after, long through)
    {
        var events = model.Keys.Events;
        var (low, high) = (0, events.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (events[middle].After.Mod <= after) low = middle + 1;
            else high = middle;
        }

        for (; low < events.Count && events[low].After.Mod <= through; low++)
        {
            if (watch.Wants(events[low].After)) yield return events[low];
        }
    }

    private static void CheckPlace(WatchRecord watch, KvEvent e, Frame frame, long last)
    {
        var (revision, key) = (e.Kv.ModRevision, ReplyText.Text(e.Kv.Key));
        HistoryJudge.Check(ModelKeys.Within(watch.Range, key), "watch filtered", $"{key}@{revision} is not watched");
        if (revision <= watch.Bookmark)
        {
            HistoryJudge.Check(!watch.Brought.Contains((revision, key)), "watch unique", $"{key}@{revision} again");
            HistoryJudge.Check(revision != watch.LastRevision, "watch atomic", $"more of {revision} after it was told to be whole");
            HistoryJudge.Check(false, "watch bookmarkable", $"{key}@{revision} after all up to {watch.Bookmark} was told to have been brought");
        }

        HistoryJudge.Check(revision >= last, "watch ordered", $"{key}@{revision} after {last}");
        HistoryJudge.Check(revision <= frame.Through, "watch progress", $"{key}@{revision} beyond {frame.Through}");
    }

    private void CheckWhole(WatchRecord watch, Frame frame, ModelSlot state)
    {
        var due = Due(watch, watch.Bookmark, frame.Through).ToList();
        for (var i = 0; i < Math.Max(due.Count, frame.Events.Count); i++)
        {
            var wanted = i < due.Count ? due[i] : null;
            var got = i < frame.Events.Count ? frame.Events[i] : null;
            if (wanted is null || (got is not null && !IsSame(wanted.After, got))) CheckStray(watch, frame, due, got!, i);
            if (got is null || !IsSame(wanted!.After, got)) Missing(watch, frame, wanted!);
            CheckPrevious(wanted!, got!, state);
        }
    }

    /// <summary>What is brought is not what comes next: is it one that was never to come?</summary>
    private static void CheckStray(WatchRecord watch, Frame frame, List<ModelEvent> due, KvEvent got, int index)
    {
        var (revision, key) = (got.Kv.ModRevision, ReplyText.Text(got.Kv.Key));
        HistoryJudge.Check(!frame.Events.Take(index).Any(e => e.Kv.ModRevision == revision && e.Kv.Key.Span.SequenceEqual(got.Kv.Key.Span)
            && due.Count(d => d.After.Mod == revision && d.After.Key == key) < 2), "watch unique", $"{key}@{revision} again");
        HistoryJudge.Check(due.Exists(d => IsSame(d.After, got)), "watch filtered",
            $"{key}@{revision} {(got.IsDelete ? "gone" : ReplyText.Of(got.Kv))} is nothing that happened and is watched by {watch.Range}");
    }

    private static void Missing(WatchRecord watch, Frame frame, ModelEvent wanted)
    {
        var torn = frame.Events.Any(e => e.Kv.ModRevision == wanted.After.Mod);
        var invariant = torn ? "watch atomic" : watch.Resumed ? "watch resumable" : "watch reliable";
        throw new ViolationException(invariant, $"{wanted.After} is missing after {watch.Bookmark} and up to {frame.Through}");
    }

    private static bool IsSame(ModelVersion wanted, KvEvent got) => wanted.Deleted == got.IsDelete && (wanted.Deleted
        ? wanted.Key == ReplyText.Text(got.Kv.Key) && wanted.Mod == got.Kv.ModRevision
        : wanted.ToString() == ReplyText.Of(got.Kv));

    /// <summary>What a key was before comes along as long as it can still be read.</summary>
    private static void CheckPrevious(ModelEvent wanted, KvEvent got, ModelSlot state)
    {
        var before = wanted.After.Mod - 1 >= state.Compacted ? wanted.Before : null;
        HistoryJudge.Check(before?.ToString() == (got.Previous is { } previous ? ReplyText.Of(previous) : null), "watch prev_kv",
            $"{wanted.After} was {before?.ToString() ?? "nothing"} before, not {(got.Previous is { } said ? ReplyText.Of(said) : "nothing")}");
    }
}

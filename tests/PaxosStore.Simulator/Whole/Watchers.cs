using PaxosStore.Consensus;
using PaxosStore.Kv;

namespace PaxosStore.Simulator.Whole;

/// <summary>
/// Watches, each read by somebody who may be slow, as doors read them: when woken, and now and then to tell how far it is. When the node that serves one is gone it
/// goes on at another, right after what it brought last.
/// </summary>
internal sealed class Watchers(Simulation simulation, SimNode[] nodes, HistoryJudge judge, int firstIndex, WholeDefect defect, SplitMix random)
{
    private const int Most = 8;
    private const long Progress = 150_000;

    private readonly List<Watching> _all = [];

    public void Open(Step step, SimNode node)
    {
        if (_all.Count >= Most) return;
        var view = MachineOf(node).View;
        var spec = Requests.Watch(step, view);
        var user = Requests.UserOf(step.Client);
        var caller = Requests.CallerOf(step.Client, view);
        var verdict = view.Auth.Check(caller, Access.Read, spec.Range);
        var expected = judge.Model[view.AppliedSlot].Auth.May(caller, Access.Read, spec.Range);
        HistoryJudge.Check(verdict == expected, "permission", $"a watch of {caller} on {spec.Range} is answered {verdict}, not {expected}");
        if (verdict != KvErrorCode.None) return;
        var watch = new Watching(firstIndex + _all.Count, spec, user, maxBytes: 1 << (step.Arg / 3 % 14), pause: step.Arg % 4 == 0 ? step.Arg : 100);
        _all.Add(watch);
        Attach(watch, node, spec);
    }

    public void End(Step step)
    {
        if (_all.Count > 0) End(_all[step.Key % _all.Count]);
    }

    private static void End(Watching watch)
    {
        watch.Ended = true;
        watch.Cursor?.Dispose();
    }

    private void Attach(Watching watch, SimNode node, WatchSpec spec)
    {
        var machine = MachineOf(node);
        var cursor = machine.Watches.Open(spec);
        watch.Record ??= new WatchRecord(spec.Range, spec.IncludePuts, spec.IncludeDeletes, cursor.DeliveredThrough);
        (watch.Cursor, watch.Node, watch.Incarnation, watch.CaughtUp, watch.Ready) = (cursor, node, node.Incarnation, false, false);
        cursor.OnReady(() =>
        {
            if (watch.Ready || watch.Cursor != cursor) return;
            watch.Ready = true;
            Schedule(watch, 1 + random.Below(1 + watch.Pause));
        });
        if (!watch.Ready) Schedule(watch, Progress);
    }

    private void Schedule(Watching watch, long delay) =>
        simulation.After(delay, new Event(EventKind.ClientTurn, watch.Index, 0, Role.Client, 0, ++watch.Turns, null));

    public void OnStopped(SimNode node)
    {
        foreach (var watch in _all.Where(w => w.Node == node && !w.Ended))
        {
            watch.Cursor = null;
            Schedule(watch, random.Below((int)Plan.Heartbeat));
        }
    }

    public void Turn(int index, long turn)
    {
        var watch = _all[index - firstIndex];
        if (watch.Turns != turn || watch.Ended) return;
        if (watch.Cursor is null || !watch.Node!.Up || watch.Node.Incarnation != watch.Incarnation) Resume(watch);
        else if (watch.Node.Paused) Schedule(watch, Plan.Heartbeat);
        else Read(watch);
    }

    /// <summary>Goes on at another node, which may be behind what was brought already.</summary>
    private void Resume(Watching watch)
    {
        var start = 1 + random.Below(nodes.Length);
        var node = Enumerable.Range(start, nodes.Length).Select(i => nodes[i % nodes.Length]).FirstOrDefault(n => n.Up && !n.Paused);
        if (node is null)
        {
            Schedule(watch, Plan.Heartbeat);
            return;
        }

        watch.Record!.Resumed = true;
        var from = defect switch
        {
            WholeDefect.WatchResumesFromNow => 0,
            WholeDefect.WatchRepeatsLast => watch.Record.Bookmark,
            _ => watch.Record.Bookmark + 1,
        };
        Attach(watch, node, watch.Spec with { StartRevision = from });
    }

    private void Read(Watching watch)
    {
        var (machine, woken) = (MachineOf(watch.Node!), watch.Ready);
        watch.Ready = false;
        var slot = machine.View.AppliedSlot;
        try
        {
            var batch = Spoil(watch, watch.Cursor!.TryRead(watch.MaxBytes));
            HistoryJudge.Check(woken || batch.Events.Count == 0 || !watch.CaughtUp, "watch reliable",
                $"{batch.Events.Count} events up to {batch.Revision} came without waking anybody");
            if (batch.Events.Count > 0 && !MaySee(watch, batch, slot)) return;
            judge.Watches.Brought(watch.Record!, new Frame(batch.Events, Through(watch, batch), batch.Revision, slot));
            watch.CaughtUp = batch.CaughtUp;
            simulation.Counters.WatchEvents += batch.Events.Count;
        }
        catch (KvException x) when (x.Code == KvErrorCode.Compacted)
        {
            judge.Watches.Compacted(watch.Record!, x.CompactRevision, slot);
            watch.Record!.Bookmark = x.CompactRevision - 1;
            watch.Cursor!.Dispose();
            Attach(watch, watch.Node!, watch.Spec with { StartRevision = x.CompactRevision });
            return;
        }

        if (!watch.Ready) Schedule(watch, watch.CaughtUp ? Progress : 1 + random.Below(1 + watch.Pause));
    }

    /// <summary>Whether the one who watches may still do so, by the users and roles that stand beside the events; else it ends.</summary>
    private bool MaySee(Watching watch, WatchBatch batch, long slot)
    {
        var auth = batch.Auth!;
        Caller? caller = watch.User is { } user && auth.Enabled ? new Caller(user, auth.Revision) : null;
        var verdict = defect == WholeDefect.WatchKeepsPermission ? KvErrorCode.None : auth.Check(caller, Access.Read, watch.Spec.Range);
        var expected = judge.Model[slot].Auth.May(caller, Access.Read, watch.Spec.Range);
        HistoryJudge.Check(verdict == expected, "permission", $"a watch of {caller} on {watch.Spec.Range} is answered {verdict}, not {expected}");
        if (verdict == KvErrorCode.None) return true;
        End(watch);
        return false;
    }

    private long Through(Watching watch, WatchBatch batch) =>
        defect == WholeDefect.ProgressAhead ? Math.Max(batch.Revision, watch.Cursor!.DeliveredThrough) : watch.Cursor!.DeliveredThrough;

    private WatchBatch Spoil(Watching watch, WatchBatch batch) => defect switch
    {
        WholeDefect.SlowWatchLoses when batch.Events.Count > 2 => batch with { Events = [.. batch.Events.Take(2)] },
        WholeDefect.WatchTearsRevision when batch.Events.Count > 1 && batch.Events[^1].Kv.ModRevision == batch.Events[^2].Kv.ModRevision =>
            batch with { Events = [.. batch.Events.SkipLast(1)] },
        _ => batch,
    };

    /// <summary>All that there is has been brought, by those whose node is whole.</summary>
    public void Settle()
    {
        foreach (var watch in _all.Where(w => !w.Ended)) watch.Pause = 100;
        simulation.RunFor(20 * Plan.ElectionTimeout, () => Late().FirstOrDefault() is null);
        foreach (var watch in Late())
        {
            throw new ViolationException("watch reliable", $"stands at {watch.Record!.Bookmark} for good, n{watch.Node!.Index + 1} at {MachineOf(watch.Node).View.Revision}");
        }
    }

    private IEnumerable<Watching> Late() => _all.Where(w => !w.Ended && simulation.InCore(w.Node!.Index) && w.Node.Up
        && w.Record!.Bookmark < MachineOf(w.Node).View.Revision);

    private static KvStateMachine MachineOf(SimNode node) => ((KvReplica)node.State).Machine;

    private sealed class Watching(int index, WatchSpec spec, string? user, int maxBytes, int pause)
    {
        public int Index => index;

        public WatchSpec Spec => spec;

        /// <summary>On whose behalf where callers are checked.</summary>
        public string? User => user;

        public int MaxBytes => maxBytes;

        /// <summary>How long its reader may take to come, us.</summary>
        public int Pause { get; set; } = pause;

        public WatchRecord? Record { get; set; }

        public IKvWatcher? Cursor { get; set; }

        public SimNode? Node { get; set; }

        public int Incarnation { get; set; }

        /// <summary>It has been woken and not read since.</summary>
        public bool Ready { get; set; }

        public bool CaughtUp { get; set; }

        public bool Ended { get; set; }

        public long Turns { get; set; }
    }
}

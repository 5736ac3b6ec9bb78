using PaxosStore.Simulator.Whole;

namespace PaxosStore.Simulator;

/// <summary>Mistakes around the state machine, made in the world of the whole store.</summary>
internal sealed partial record Mutant
{
    /// <summary>Needs the world of the whole store.</summary>
    public bool IsWhole => Defects.Whole != WholeDefect.None;

    private static Mutant[] OfWholeStore =>
    [
        Whole("read-without-barrier", 8, "a linearizable read is answered from what the node has applied", WholeDefect.ReadWithoutBarrier),
        Whole("keep-alive-without-log", 11, "a keep-alive is answered without the log", WholeDefect.KeepAliveWithoutLog),
        Whole("leases-age-at-takeover", 12, "key leases lose time when the leader changes", WholeDefect.LeasesAgeAtTakeover),
        Whole("idle-store-forgets-leases", 12, "on an idle store key leases do not end", WholeDefect.IdleStoreForgetsLeases),
        Whole("keep-alive-changes-nothing", 12, "a keep-alive is applied without effect", WholeDefect.KeepAliveChangesNothing),
        Whole("snapshot-loses-sessions", 16, "a snapshot of the store leaves out client sessions", WholeDefect.SnapshotWithoutSessions),
        Whole("install-leaves-watches", 17, "watches stay with the state that a snapshot replaced", WholeDefect.InstallLeavesWatchesBehind),
        Whole("slow-watch-loses", 18, "what does not fit a slow reader is dropped", WholeDefect.SlowWatchLoses),
        Whole("watch-resumes-from-now", 18, "a watch opened anew starts from now", WholeDefect.WatchResumesFromNow),
        Whole("watch-repeats-last", 20, "a watch opened anew repeats what it had last", WholeDefect.WatchRepeatsLast),
        Whole("watch-tears-revision", 20, "a batch of events ends within a revision", WholeDefect.WatchTearsRevision),
        Whole("progress-ahead", 21, "progress is told ahead of the events", WholeDefect.ProgressAhead),
        Whole("compacts-alone", 23, "one node compacts further than the log says", WholeDefect.CompactsAlone),
        Whole("unknown-told-as-denied", 33, "an unknown outcome is told as one that never happened", WholeDefect.UnknownToldAsDenied),
        Whole("repeat-gets-new-number", 33, "a repeated request is applied under a new number", WholeDefect.RepeatGetsNewNumber),
        Whole("caller-forgotten", 45, "commands are applied whoever asked for them", WholeDefect.CallerForgotten),
        Whole("read-judged-early", 45, "a read is judged before its state is known", WholeDefect.ReadJudgedEarly),
        Whole("watch-keeps-permission", 45, "a watch goes on after its user lost the permission", WholeDefect.WatchKeepsPermission),
        Whole("snapshot-loses-users", 45, "a snapshot leaves out users and roles", WholeDefect.SnapshotWithoutAuth),
        Whole("leases-by-wall-clock", 55, "key leases end by the wall clock", WholeDefect.LeasesByWallClock),
    ];

    private static Mutant Whole(string name, int row, string what, WholeDefect defect) => new(name, row, what, new Defects { Whole = defect });
}

using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>What happens next.</summary>
internal enum EventKind : byte
{
    Deliver,
    Tick,
    WriteDone,
    Fault,
    Heal,
    Restart,
    Resume,
    ClientTurn,
    SnapshotDone,
    PieceStored,
    IntakeDone,
    OperatorTurn,
    Join,
}

/// <summary>Something due at a moment of virtual time.</summary>
/// <param name="Kind">What.</param>
/// <param name="Node">Index of the node it happens to.</param>
/// <param name="From">Sender, for messages.</param>
/// <param name="Role">Receiver, for messages.</param>
/// <param name="Incarnation">Non-zero: only this incarnation of the node is meant.</param>
/// <param name="Arg">See the kind.</param>
/// <param name="Message">The message.</param>
internal readonly record struct Event(EventKind Kind, int Node, int From, Role Role, int Incarnation, long Arg, Message? Message);

/// <summary>What was done in a run, for the summary.</summary>
internal sealed class Counters
{
    public long Seeds { get; set; }
    public long Events { get; set; }
    public long Messages { get; set; }
    public long Dropped { get; set; }
    public long Duplicated { get; set; }
    public long Late { get; set; }
    public long TooMuch { get; set; }
    public long Cut { get; set; }
    public long Crashes { get; set; }
    public long RecordsLost { get; set; }
    public long Pauses { get; set; }
    public long Partitions { get; set; }
    public long DiskFaults { get; set; }
    public long ClockFaults { get; set; }
    public long Leaderships { get; set; }
    public long Chosen { get; set; }
    public long Writes { get; set; }
    public long Reads { get; set; }
    public long Retries { get; set; }
    public long Refused { get; set; }
    public long Snapshots { get; set; }
    public long Installed { get; set; }
    public long Cuts { get; set; }
    public long Damaged { get; set; }
    public long Wiped { get; set; }
    public long Changes { get; set; }
    public long Void { get; set; }
    public long Joined { get; set; }
    public long Removed { get; set; }
    public long JournalsLost { get; set; }
    public long QuorumsLost { get; set; }
    public long Readmitted { get; set; }
    public long WatchEvents { get; set; }

    public void Add(Counters o)
    {
        (Seeds, Events, Messages, Dropped) = (Seeds + o.Seeds, Events + o.Events, Messages + o.Messages, Dropped + o.Dropped);
        (Duplicated, Late, Cut, Crashes) = (Duplicated + o.Duplicated, Late + o.Late, Cut + o.Cut, Crashes + o.Crashes);
        (RecordsLost, Pauses, Partitions) = (RecordsLost + o.RecordsLost, Pauses + o.Pauses, Partitions + o.Partitions);
        (DiskFaults, ClockFaults, Leaderships) = (DiskFaults + o.DiskFaults, ClockFaults + o.ClockFaults, Leaderships + o.Leaderships);
        (Chosen, Writes, Reads, Retries, Refused) = (Chosen + o.Chosen, Writes + o.Writes, Reads + o.Reads, Retries + o.Retries, Refused + o.Refused);
        (Snapshots, Installed, Cuts, Damaged) = (Snapshots + o.Snapshots, Installed + o.Installed, Cuts + o.Cuts, Damaged + o.Damaged);
        (Wiped, Changes, Void, Joined) = (Wiped + o.Wiped, Changes + o.Changes, Void + o.Void, Joined + o.Joined);
        (Removed, JournalsLost, Readmitted, QuorumsLost) = (Removed + o.Removed, JournalsLost + o.JournalsLost, Readmitted + o.Readmitted, QuorumsLost + o.QuorumsLost);
        (WatchEvents, TooMuch) = (WatchEvents + o.WatchEvents, TooMuch + o.TooMuch);
    }

    public override string ToString() =>
        $"""
        seeds {Seeds:N0}, events {Events:N0}, slots chosen {Chosen:N0}, leaderships {Leaderships:N0}
        clients: writes done {Writes:N0}, reads done {Reads:N0}, retries {Retries:N0}, refusals {Refused:N0}{(WatchEvents > 0 ? $", events watched {WatchEvents:N0}" : "")}
        faults: crashes {Crashes:N0} (records lost {RecordsLost:N0}), pauses {Pauses:N0}, partitions {Partitions:N0}, disk {DiskFaults:N0}, clock {ClockFaults:N0}
        snapshots: taken {Snapshots:N0}, installed {Installed:N0}, log cut {Cuts:N0}; storage: damaged {Damaged:N0} (readmitted {Readmitted:N0}), wiped {Wiped:N0} (stopped {JournalsLost:N0}), quorums lost {QuorumsLost:N0}
        members: changes {Changes:N0}, void {Void:N0}, joined {Joined:N0}, removed {Removed:N0}
        messages {Messages:N0}: dropped {Dropped:N0}, duplicated {Duplicated:N0}, late {Late:N0}, cut off {Cut:N0}, too much for the disk {TooMuch:N0}
        """;
}

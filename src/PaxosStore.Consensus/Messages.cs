using System.Collections.Immutable;

namespace PaxosStore.Consensus;

/// <summary>Who of a node a message is for.</summary>
public enum Role
{
    /// <summary>Leads or tries to.</summary>
    Proposer,

    /// <summary>Votes and remembers.</summary>
    Acceptor,

    /// <summary>Finds out what was chosen.</summary>
    Learner,

    /// <summary>The client side: who proposes commands and asks for read barriers.</summary>
    Client,
}

/// <summary>Anything that travels between roles, on one node or between nodes. Delivery may fail, repeat, be late and out of order.</summary>
public abstract record Message;

/// <summary>A vote for a value in a slot.</summary>
/// <param name="Slot">Where.</param>
/// <param name="Ballot">Under which ballot it was accepted.</param>
/// <param name="Value">What.</param>
public readonly record struct AcceptedEntry(Slot Slot, Ballot Ballot, Value Value);

/// <summary>Phase 1a for the whole log after <paramref name="Held"/>: promise to take part in nothing older than <paramref name="Ballot"/>.</summary>
/// <param name="Ballot">The new ballot.</param>
/// <param name="Held">All slots ≤ it are chosen and held by the node that asks, so it needs no report of them.</param>
public sealed record Prepare(Ballot Ballot, Slot Held) : Message;

/// <summary>
/// Phase 1b, or a part of it: the votes of one stretch of the log. Parts that together reach from what the asking node holds to <see cref="Slot.End"/>
/// are a promise. A part says itself what it covers, so parts of a promise that was sent twice, cut differently, can't be mistaken for a whole one.
/// </summary>
/// <param name="Ballot">The ballot promised.</param>
/// <param name="Chosen">All slots ≤ it are chosen and held by this acceptor.</param>
/// <param name="LogTime">Highest log time this acceptor heard of, from votes and from confirmations.</param>
/// <param name="First">First slot this part covers.</param>
/// <param name="Last">Last slot it covers; the last part reaches to <see cref="Slot.End"/>.</param>
/// <param name="Entries">All votes this acceptor gave from <paramref name="First"/> to <paramref name="Last"/>.</param>
/// <param name="Governing">What governs the slots after <paramref name="Chosen"/>, as far as the log up to it decides.</param>
public sealed record Promise(
    Ballot Ballot, Slot Chosen, TimeSpan LogTime, Slot First, Slot Last, ImmutableArray<AcceptedEntry> Entries, ImmutableArray<Governing> Governing) : Message;

/// <summary>Phase 1 refused.</summary>
/// <param name="Ballot">The ballot asked for.</param>
/// <param name="Promised">What was promised instead.</param>
public sealed record PrepareRejected(Ballot Ballot, Ballot Promised) : Message;

/// <summary>Phase 2a for consecutive slots.</summary>
/// <param name="Ballot">The leader's ballot.</param>
/// <param name="First">Slot of the first value.</param>
/// <param name="Values">One value a slot.</param>
/// <param name="Chosen">The leader's chosen watermark: rides along for the learner.</param>
public sealed record Accept(Ballot Ballot, Slot First, ImmutableArray<Value> Values, Slot Chosen) : Message;

/// <summary>Phase 2b: the values of <paramref name="Count"/> slots from <paramref name="First"/> are accepted, and that is on disk.</summary>
public sealed record Accepted(Ballot Ballot, Slot First, int Count) : Message;

/// <summary>Phase 2 refused.</summary>
public sealed record AcceptRejected(Ballot Ballot, Ballot Promised) : Message;

/// <summary>The leader's heartbeat and read confirmation: does <paramref name="Ballot"/> still lead?</summary>
/// <param name="Ballot">The leader's ballot.</param>
/// <param name="Number">Counts confirmations under this ballot; the answer is bound to ballot and number.</param>
/// <param name="Chosen">The leader's chosen watermark: rides along for the learner.</param>
/// <param name="LogTime">What the leader's clock says; the next leader's goes on from there.</param>
public sealed record Confirm(Ballot Ballot, long Number, Slot Chosen, TimeSpan LogTime) : Message;

/// <summary>No newer ballot has been promised here when confirmation <paramref name="Number"/> arrived.</summary>
/// <param name="Ballot">The ballot confirmed.</param>
/// <param name="Number">Which confirmation.</param>
/// <param name="Chosen">All slots ≤ it are chosen and held here: how far the member is.</param>
public sealed record Confirmed(Ballot Ballot, long Number, Slot Chosen) : Message;

/// <summary>A newer ballot has been promised.</summary>
public sealed record ConfirmRejected(Ballot Ballot, Ballot Promised) : Message;

/// <summary>Leader to learners: all slots ≤ <paramref name="Chosen"/> are chosen.</summary>
public sealed record ChosenUpTo(Ballot Ballot, Slot Chosen) : Message;

/// <summary>Before a ballot is raised: would a quorum listen, and does nobody follow a live leader?</summary>
public sealed record Probe(long Number) : Message;

/// <summary>Answer to <see cref="Probe"/>.</summary>
/// <param name="Number">The probe answered.</param>
/// <param name="Granted">True when the answering node follows no live leader.</param>
/// <param name="Round">Highest round the answering node has seen.</param>
public sealed record ProbeAnswer(long Number, bool Granted, long Round) : Message;

/// <summary>A learner that is behind asks another node's acceptor for chosen values.</summary>
/// <param name="From">First slot wanted.</param>
public sealed record Fetch(Slot From) : Message;

/// <summary>Chosen values of consecutive slots.</summary>
/// <param name="First">Slot of the first value.</param>
/// <param name="Values">One value a slot; empty when the sender has nothing there.</param>
/// <param name="Chosen">The sender's chosen watermark.</param>
public sealed record Entries(Slot First, ImmutableArray<Value> Values, Slot Chosen) : Message;

/// <summary>Answer to <see cref="Fetch"/>: what was asked for has been cut from the log here; only a snapshot helps.</summary>
/// <param name="Base">First slot of the log here, minus one.</param>
/// <param name="Chosen">The sender's chosen watermark.</param>
public sealed record Truncated(Slot Base, Slot Chosen) : Message;

/// <summary>Asks a learner for a piece of a snapshot.</summary>
/// <param name="Above">Only a snapshot beyond this slot is of use.</param>
/// <param name="Slot">Which snapshot; <see cref="Slot.Zero"/> = the newest.</param>
/// <param name="Index">Which piece, from 0.</param>
public sealed record SnapshotRequest(Slot Above, Slot Slot, int Index) : Message;

/// <summary>A piece of a snapshot.</summary>
/// <param name="Base">What the snapshot stands in for.</param>
/// <param name="Count">Pieces of the whole.</param>
/// <param name="Index">Which one this is.</param>
/// <param name="Digest">Checksum over the whole: pieces of equal base and digest belong together.</param>
/// <param name="Data">The piece; its checksum travels with the message.</param>
public sealed record SnapshotPiece(LogBase Base, int Count, int Index, ReadOnlyMemory<byte> Digest, ReadOnlyMemory<byte> Data) : Message;

/// <summary>There is no such snapshot here (any more).</summary>
public sealed record SnapshotGone(Slot Slot) : Message;

/// <summary>A node that may not vote yet introduces itself.</summary>
/// <param name="Incarnation">Drawn when its journal was made.</param>
/// <param name="Forgetful">True when it has voted before but lost records since: only those that remember may vouch for it.</param>
/// <param name="Life">Drawn when it started, and counted up where it asks again; echoed.</param>
public sealed record Hello(ulong Incarnation, bool Forgetful, ulong Life = 0) : Message;

/// <summary>Answer to <see cref="Hello"/>, once what it says is on disk.</summary>
/// <param name="Incarnation">The incarnation under which the node that asks is known here.</param>
/// <param name="Promised">What this acceptor has promised.</param>
/// <param name="Last">Highest slot voted in or proposed here.</param>
/// <param name="Configuration">Version of the configuration for which this one vouches that the other has not voted; or <see cref="OfNone"/>.</param>
/// <param name="Life">Of the introduction it answers.</param>
public sealed record Welcome(ulong Incarnation, Ballot Promised, Slot Last, long Configuration, ulong Life = 0) : Message
{
    /// <summary>Only tells what it knows.</summary>
    public const long OfNone = -1;
}

/// <summary>
/// Answer to <see cref="Fetch"/> of a node that is no member any more: all that it had a part in is on disk here as chosen; as far as this acceptor is concerned it
/// may go.
/// </summary>
/// <param name="Version">Version of the newest configuration known there.</param>
public sealed record NotMember(long Version) : Message;

/// <summary>The leader of <paramref name="Ballot"/> asks a voter to lead in its place, at once.</summary>
public sealed record TakeOver(Ballot Ballot) : Message;

// Between roles of one node. They never leave it.

/// <summary>Driver to acceptor: the log up to <paramref name="Base"/> is covered by a snapshot on this node's disk and may go.</summary>
public sealed record Truncate(LogBase Base) : Message;

/// <summary>Learner to acceptor: a snapshot that is on this node's disk stands in for everything up to <paramref name="Base"/>.</summary>
public sealed record Installed(LogBase Base) : Message;

/// <summary>Acceptor to itself: that it may vote is on disk.</summary>
public sealed record AdmissionDurable : Message;

/// <summary>Learner to proposer: what governs the slots after those handed on.</summary>
public sealed record Configured(ImmutableArray<Governing> Governing) : Message;

/// <summary>Driver to proposer: let another voter lead, if this node does.</summary>
/// <param name="To">Who; null = whoever is closest.</param>
public sealed record HandOver(NodeId? To) : Message;

/// <summary>Acceptor to its learner: votes just given (not yet durable: what is chosen is decided by the quorum's disks, not by this one).</summary>
public sealed record LocallyAccepted(Ballot Ballot, Slot First, ImmutableArray<Value> Values, Slot Chosen) : Message;

/// <summary>Learner to its acceptor: all slots ≤ <paramref name="Through"/> are chosen, and here are those values the acceptor may lack.</summary>
/// <param name="Through">New chosen watermark.</param>
/// <param name="Missing">Chosen values learned from peers.</param>
public sealed record Learned(Slot Through, ImmutableArray<(Slot Slot, Value Value)> Missing) : Message;

/// <summary>Acceptor to its proposer: a leader with this ballot is alive.</summary>
public sealed record LeaderSeen(Ballot Ballot) : Message;

// Between the client side of any node and the leader.

/// <summary>Commands to agree on. There is no positive answer: the sender sees them in its own applied log.</summary>
/// <param name="Batch">The sender's number for this message, echoed in a rejection.</param>
/// <param name="Commands">Opaque commands, in order; none = only log time is to move on.</param>
public sealed record Propose(long Batch, ImmutableArray<ReadOnlyMemory<byte>> Commands) : Message;

/// <summary>Why a request to the leader was refused.</summary>
public enum Rejection
{
    /// <summary>This node does not lead (any more).</summary>
    NotLeader,

    /// <summary>The bounded queue is full; nothing of the message was taken.</summary>
    Overloaded,

    /// <summary>It is not the successor of the newest configuration, or that one does not govern yet.</summary>
    NotNext,

    /// <summary>A node that is to vote has not caught up.</summary>
    NotCaughtUp,

    /// <summary>Too few of the voters there would be are alive.</summary>
    TooFewAlive,
}

/// <summary>None of the commands of that message was or will be proposed by this attempt.</summary>
public sealed record ProposeRejected(long Batch, Rejection Reason) : Message;

/// <summary>Asks for a read barrier.</summary>
/// <param name="Number">The sender's number, echoed.</param>
public sealed record ReadBarrierRequest(long Number) : Message;

/// <summary>Every write acknowledged before the request is in the log at or before <paramref name="Slot"/>.</summary>
public sealed record ReadBarrier(long Number, Slot Slot) : Message;

/// <summary>No barrier from here.</summary>
public sealed record ReadBarrierRejected(long Number, Rejection Reason) : Message;

/// <summary>Asks for another configuration. There is no positive answer: the sender sees it in its own applied log, by its <see cref="Configuration.Change"/>.</summary>
/// <param name="Number">The sender's number, echoed in a rejection.</param>
/// <param name="Next">Successor of the newest configuration.</param>
public sealed record Reconfigure(long Number, Configuration Next) : Message;

/// <summary>That configuration was not proposed by this attempt.</summary>
public sealed record ReconfigureRejected(long Number, Rejection Reason) : Message;

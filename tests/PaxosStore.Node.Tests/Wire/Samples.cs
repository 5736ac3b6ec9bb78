using PaxosStore.Consensus;
using PaxosStore.Node.Facade;
using PaxosStore.Node.Journal;
using PaxosStore.Node.Wire;

namespace PaxosStore.Node.Tests.Wire;

/// <summary>One of everything that travels or is stored.</summary>
internal static class Samples
{
    private static readonly Ballot Ballot = new(3, new NodeId(0x1122));
    private static readonly Ballot Promised = new(4, new NodeId(0x3344));
    private static readonly Value Value = new(3, TimeSpan.FromTicks(70), 1_700_000_000_000, [new byte[] { 1, 2 }, new byte[] { 3 }]);
    private static readonly KeyValue Kv = new(new byte[] { 7 }, new byte[] { 8, 9 }, 2, 3, 2, 5);

    private static readonly Configuration Configuration = new(
        4, 64, [new Member(new NodeId(0x1122), MemberKind.Voter, "http://a:1"), new Member(new NodeId(0x3344), MemberKind.Candidate, "http://b:2")], 0x77);
    private static readonly LogBase Base = new(new Slot(8), TimeSpan.FromTicks(70), [new Governing(new Slot(5), Configuration)]);
    private static readonly Value Change = new(3, TimeSpan.FromTicks(70), 1_700_000_000_000, [], Configuration);

    public static IEnumerable<(string Name, object Message)> All => Messages
        .Select(m => (m.GetType().Name, m))
        .Concat(LaterMessages)
        .Select(m => (m.Item1, (object)new PeerMessage(0xAB, new NodeId(0xCD), m.Item2)))
        .Concat(FirstRecords.Select(r => (r.GetType().Name, r)).Concat(LaterRecords).Select(r => (r.Item1, (object)new JournalBatch([r.Item2]))))
        .Append(("JournalBatch", new JournalBatch([.. FirstRecords])))
        .Concat(Requests)
        .Concat(Replies)
        .Concat(Joining);

    public static IEnumerable<JournalRecord> Records => FirstRecords.Concat(LaterRecords.Select(r => r.Record));

    // As versions up to 0.1 wrote them: what has been added since is absent.
    private static IEnumerable<JournalRecord> FirstRecords =>
    [
        new PromiseRecord(Ballot),
        new AcceptRecord(new Slot(9), Ballot, Value),
        new LearnRecord(new Slot(9), Value),
        new ChosenRecord(new Slot(8)),
        new IdentityRecord(0xAB, 0xCD, "node-1"),
    ];

    private static IEnumerable<(string Name, JournalRecord Record)> LaterRecords =>
    [
        ("AcceptRecord+Next", new AcceptRecord(new Slot(9), Ballot, Change)),
        ("IdentityRecord+Incarnation", new IdentityRecord(0xAB, 0xCD, "node-1", 0xEF, true)),
        ("BaseRecord", new BaseRecord(Base, Promised, new Slot(9), [new MetRecord(new NodeId(0x3344), 0x99)])),
        ("MetRecord", new MetRecord(new NodeId(0x3344), 0x99)),
        ("MetRecord of a changed cluster", new MetRecord(new NodeId(0x3344), 0x99, 7)),
        ("AdmittedRecord", new AdmittedRecord()),
    ];

    private static IEnumerable<Message> Messages =>
    [
        new Prepare(Ballot, new Slot(7)),
        new Promise(Ballot, new Slot(8), TimeSpan.FromTicks(70), new Slot(9), Slot.End, [new AcceptedEntry(new Slot(9), Ballot, Value)], []),
        new PrepareRejected(Ballot, Promised),
        new Accept(Ballot, new Slot(9), [Value, new Value(3, TimeSpan.FromTicks(71), 1_700_000_000_001, [])], new Slot(8)),
        new Accepted(Ballot, new Slot(9), 2),
        new AcceptRejected(Ballot, Promised),
        new Confirm(Ballot, 12, new Slot(8), TimeSpan.FromTicks(71)),
        new Confirmed(Ballot, 12, Slot.Zero),
        new ConfirmRejected(Ballot, Promised),
        new ChosenUpTo(Ballot, new Slot(8)),
        new Probe(4),
        new ProbeAnswer(4, true, 3),
        new Fetch(new Slot(9)),
        new Entries(new Slot(9), [Value], new Slot(9)),
        new Propose(6, [new byte[] { 1, 2 }]),
        new ProposeRejected(6, Rejection.Overloaded),
        new ReadBarrierRequest(7),
        new ReadBarrier(7, new Slot(8)),
        new ReadBarrierRejected(7, Rejection.Overloaded),
    ];

    private static IEnumerable<(string Name, Message Message)> LaterMessages =>
    [
        ("Promise+Governing", new Promise(Ballot, new Slot(8), TimeSpan.FromTicks(70), new Slot(9), Slot.End, [], Base.Configurations)),
        ("Accept+Next", new Accept(Ballot, new Slot(9), [Change], new Slot(8))),
        ("Confirmed+Chosen", new Confirmed(Ballot, 12, new Slot(8))),
        ("Truncated", new Truncated(new Slot(8), new Slot(9))),
        ("SnapshotRequest", new SnapshotRequest(new Slot(7), new Slot(8), 2)),
        ("SnapshotPiece", new SnapshotPiece(Base, 3, 2, new byte[] { 0xAA, 0xBB }, new byte[] { 1, 2, 3 })),
        ("SnapshotGone", new SnapshotGone(new Slot(8))),
        ("Hello", new Hello(0xEF, true)),
        ("Welcome", new Welcome(0xEF, Promised, new Slot(9), Configuration: 0)),
        ("Welcome of a changed cluster", new Welcome(0xEF, Promised, new Slot(9), Configuration: 3, Life: 4)),
        ("NotMember", new NotMember(4)),
        ("TakeOver", new TakeOver(Ballot)),
        ("Reconfigure", new Reconfigure(6, Configuration)),
        ("ReconfigureRejected", new ReconfigureRejected(6, Rejection.NotCaughtUp)),
        ("StateChecksum", new StateChecksum(new Slot(256), new UInt128(0x1122334455667788, 0x99AABBCCDDEEFF00))),
    ];

    private static IEnumerable<(string, object)> Joining =>
    [
        ("JoinRequest", new JoinRequest("token", "http://b:2", 0xEF)),
        ("JoinAnswer", new JoinAnswer(0xAB, 0x3344, Base, "")),
        ("JoinAnswer+Refusal", new JoinAnswer(0xAB, 0, null, "no")),
    ];

    private static IEnumerable<(string, object)> Requests =>
    [
        ("FacadeExecute", new FacadeExecute(1, new WriteCommand(new PutOp(Kv.Key, Kv.Value)))),
        ("FacadeRead", new FacadeRead(2, new RangeOp(KeyRange.SingleKey(Kv.Key)), ReadConsistency.Serializable)),
        ("FacadeWatch", new FacadeWatch(3, new WatchSpec(new KeyRange(Kv.Key, new byte[] { 9 }), 4, IncludePuts: false))),
        ("FacadeExecute+Node", new FacadeExecute(1, new LeaseRevokeCommand(5) { Caller = Caller.Node })),
        ("FacadeRead+Node", new FacadeRead(2, new RangeOp(KeyRange.SingleKey(Kv.Key)), ReadConsistency.Serializable) { AsNode = true }),
        ("FacadeWatchNext", new FacadeWatchNext(3)),
        ("FacadeWatchCancel", new FacadeWatchCancel(3)),
    ];

    private static IEnumerable<(string, object)> Replies =>
    [
        ("FacadeResult", new FacadeResult(1, new WriteResult(new PutResult(Kv)) { Revision = 3, Term = 2 })),
        ("FacadeFailure", new FacadeFailure(2, KvErrorCode.Compacted, KvOutcome.Unknown, 11)),
        ("FacadeEvents", new FacadeEvents(3, 2, 3, [new KvEvent(false, Kv, null)])),
    ];
}

using System.Collections.Immutable;
using Google.Protobuf;
using Google.Protobuf.Collections;
using PaxosStore.Consensus;
using PaxosStore.Node.Journal;

namespace PaxosStore.Node.Wire;

/// <summary>Between the protocol's messages and their protobuf form. Pure; unknown fields are ignored, a missing body is refused.</summary>
internal static class WireCodec
{
    public static WirePeerMessage ToWire(PeerMessage m)
    {
        var wire = new WirePeerMessage { Cluster = m.ClusterId, From = m.From.Value };
        switch (m.Message)
        {
            case Prepare b: wire.Prepare = new WirePrepare { Ballot = ToWire(b.Ballot), Held = b.Held.Number }; break;
            case Promise b: wire.Promise = ToWire(b); break;
            case PrepareRejected b: wire.PrepareRejected = Rejected(b.Ballot, b.Promised); break;
            case Accept b:
                wire.Accept = new WireAccept { Ballot = ToWire(b.Ballot), First = b.First.Number, Chosen = b.Chosen.Number };
                AddValues(wire.Accept.Values, b.Values);
                break;
            case Accepted b: wire.Accepted = new WireAccepted { Ballot = ToWire(b.Ballot), First = b.First.Number, Count = b.Count }; break;
            case AcceptRejected b: wire.AcceptRejected = Rejected(b.Ballot, b.Promised); break;
            case Confirm b: wire.Confirm = new WireConfirm { Ballot = ToWire(b.Ballot), Number = b.Number, Chosen = b.Chosen.Number, LogTimeTicks = b.LogTime.Ticks }; break;
            case Confirmed b: wire.Confirmed = new WireConfirmed { Ballot = ToWire(b.Ballot), Number = b.Number, Chosen = b.Chosen.Number }; break;
            case ConfirmRejected b: wire.ConfirmRejected = Rejected(b.Ballot, b.Promised); break;
            case ChosenUpTo b: wire.ChosenUpTo = new WireChosenUpTo { Ballot = ToWire(b.Ballot), Chosen = b.Chosen.Number }; break;
            case Probe b: wire.Probe = new WireProbe { Number = b.Number }; break;
            case ProbeAnswer b: wire.ProbeAnswer = new WireProbeAnswer { Number = b.Number, Granted = b.Granted, Round = b.Round }; break;
            case Fetch b: wire.Fetch = new WireFetch { FromSlot = b.From.Number }; break;
            case Entries b:
                wire.Entries = new WireEntries { First = b.First.Number, Chosen = b.Chosen.Number };
                AddValues(wire.Entries.Values, b.Values);
                break;
            case Propose b:
                wire.Propose = new WirePropose { Batch = b.Batch };
                wire.Propose.Commands.AddRange(b.Commands.Select(c => UnsafeByteOperations.UnsafeWrap(c)));
                break;
            case ProposeRejected b: wire.ProposeRejected = new WireRequestRejected { Number = b.Batch, Reason = (int)b.Reason }; break;
            case ReadBarrierRequest b: wire.ReadBarrierRequest = new WireReadBarrierRequest { Number = b.Number }; break;
            case ReadBarrier b: wire.ReadBarrier = new WireReadBarrier { Number = b.Number, Slot = b.Slot.Number }; break;
            case ReadBarrierRejected b: wire.ReadBarrierRejected = new WireRequestRejected { Number = b.Number, Reason = (int)b.Reason }; break;
            default: AddMembership(wire, m.Message); break;
        }

        return wire;
    }

    /// <summary>What concerns members, snapshots and identity.</summary>
    private static void AddMembership(WirePeerMessage wire, Message message)
    {
        switch (message)
        {
            case Truncated b: wire.Truncated = new WireTruncated { Base = b.Base.Number, Chosen = b.Chosen.Number }; break;
            case SnapshotRequest b: wire.SnapshotRequest = new WireSnapshotRequest { Above = b.Above.Number, Slot = b.Slot.Number, Index = b.Index }; break;
            case SnapshotPiece b: wire.SnapshotPiece = ToWire(b); break;
            case SnapshotGone b: wire.SnapshotGone = new WireSnapshotGone { Slot = b.Slot.Number }; break;
            case Hello b: wire.Hello = new WireHello { Incarnation = b.Incarnation, Forgetful = b.Forgetful, Life = b.Life }; break;
            case Welcome b: wire.Welcome = ToWire(b); break;
            case NotMember b: wire.NotMember = new WireNotMember { Version = b.Version }; break;
            case TakeOver b: wire.TakeOver = new WireTakeOver { Ballot = ToWire(b.Ballot) }; break;
            case Reconfigure b: wire.Reconfigure = new WireReconfigure { Number = b.Number, Next = ToWire(b.Next) }; break;
            case ReconfigureRejected b: wire.ReconfigureRejected = new WireRequestRejected { Number = b.Number, Reason = (int)b.Reason }; break;
            case StateChecksum b:
                wire.StateChecksum = new WireStateChecksum { Slot = b.Slot.Number, High = (ulong)(b.Checksum >> 64), Low = (ulong)b.Checksum };
                break;
            default: throw new ArgumentException($"{message.GetType().Name} never leaves its node", nameof(message));
        }
    }

    /// <exception cref="InvalidDataException">The message has no body this version knows.</exception>
    public static PeerMessage FromWire(WirePeerMessage wire) => new(wire.Cluster, new NodeId(wire.From), Body(wire));

    private static Message Body(WirePeerMessage w) => w.BodyCase switch
    {
        WirePeerMessage.BodyOneofCase.Prepare => new Prepare(FromWire(w.Prepare.Ballot), new Slot(w.Prepare.Held)),
        WirePeerMessage.BodyOneofCase.Promise => FromWire(w.Promise),
        WirePeerMessage.BodyOneofCase.PrepareRejected => new PrepareRejected(FromWire(w.PrepareRejected.Ballot), FromWire(w.PrepareRejected.Promised)),
        WirePeerMessage.BodyOneofCase.Accept => new Accept(FromWire(w.Accept.Ballot), new Slot(w.Accept.First), Values(w.Accept.Values), new Slot(w.Accept.Chosen)),
        WirePeerMessage.BodyOneofCase.Accepted => new Accepted(FromWire(w.Accepted.Ballot), new Slot(w.Accepted.First), w.Accepted.Count),
        WirePeerMessage.BodyOneofCase.AcceptRejected => new AcceptRejected(FromWire(w.AcceptRejected.Ballot), FromWire(w.AcceptRejected.Promised)),
        WirePeerMessage.BodyOneofCase.Confirm => new Confirm(FromWire(w.Confirm.Ballot), w.Confirm.Number, new Slot(w.Confirm.Chosen), new TimeSpan(w.Confirm.LogTimeTicks)),
        WirePeerMessage.BodyOneofCase.Confirmed => new Confirmed(FromWire(w.Confirmed.Ballot), w.Confirmed.Number, new Slot(w.Confirmed.Chosen)),
        WirePeerMessage.BodyOneofCase.ConfirmRejected => new ConfirmRejected(FromWire(w.ConfirmRejected.Ballot), FromWire(w.ConfirmRejected.Promised)),
        WirePeerMessage.BodyOneofCase.ChosenUpTo => new ChosenUpTo(FromWire(w.ChosenUpTo.Ballot), new Slot(w.ChosenUpTo.Chosen)),
        WirePeerMessage.BodyOneofCase.Probe => new Probe(w.Probe.Number),
        WirePeerMessage.BodyOneofCase.ProbeAnswer => new ProbeAnswer(w.ProbeAnswer.Number, w.ProbeAnswer.Granted, w.ProbeAnswer.Round),
        WirePeerMessage.BodyOneofCase.Fetch => new Fetch(new Slot(w.Fetch.FromSlot)),
        WirePeerMessage.BodyOneofCase.Entries => new Entries(new Slot(w.Entries.First), Values(w.Entries.Values), new Slot(w.Entries.Chosen)),
        WirePeerMessage.BodyOneofCase.Propose => new Propose(w.Propose.Batch, [.. w.Propose.Commands.Select(c => c.Memory)]),
        WirePeerMessage.BodyOneofCase.ProposeRejected => new ProposeRejected(w.ProposeRejected.Number, (Rejection)w.ProposeRejected.Reason),
        WirePeerMessage.BodyOneofCase.ReadBarrierRequest => new ReadBarrierRequest(w.ReadBarrierRequest.Number),
        WirePeerMessage.BodyOneofCase.ReadBarrier => new ReadBarrier(w.ReadBarrier.Number, new Slot(w.ReadBarrier.Slot)),
        WirePeerMessage.BodyOneofCase.ReadBarrierRejected => new ReadBarrierRejected(w.ReadBarrierRejected.Number, (Rejection)w.ReadBarrierRejected.Reason),
        _ => MembershipBody(w),
    };

    private static Message MembershipBody(WirePeerMessage w) => w.BodyCase switch
    {
        WirePeerMessage.BodyOneofCase.Truncated => new Truncated(new Slot(w.Truncated.Base), new Slot(w.Truncated.Chosen)),
        WirePeerMessage.BodyOneofCase.SnapshotRequest => new SnapshotRequest(
            new Slot(w.SnapshotRequest.Above), new Slot(w.SnapshotRequest.Slot), w.SnapshotRequest.Index),
        WirePeerMessage.BodyOneofCase.SnapshotPiece => FromWire(w.SnapshotPiece),
        WirePeerMessage.BodyOneofCase.SnapshotGone => new SnapshotGone(new Slot(w.SnapshotGone.Slot)),
        WirePeerMessage.BodyOneofCase.Hello => new Hello(w.Hello.Incarnation, w.Hello.Forgetful, w.Hello.Life),
        WirePeerMessage.BodyOneofCase.Welcome => FromWire(w.Welcome),
        WirePeerMessage.BodyOneofCase.NotMember => new NotMember(w.NotMember.Version),
        WirePeerMessage.BodyOneofCase.TakeOver => new TakeOver(FromWire(w.TakeOver.Ballot)),
        WirePeerMessage.BodyOneofCase.Reconfigure => new Reconfigure(w.Reconfigure.Number, FromWire(w.Reconfigure.Next)),
        WirePeerMessage.BodyOneofCase.ReconfigureRejected => new ReconfigureRejected(w.ReconfigureRejected.Number, (Rejection)w.ReconfigureRejected.Reason),
        WirePeerMessage.BodyOneofCase.StateChecksum => new StateChecksum(
            new Slot(w.StateChecksum.Slot), new UInt128(w.StateChecksum.High, w.StateChecksum.Low)),
        _ => throw new InvalidDataException("a peer message without a body this version knows: is a newer node talking to an older one?"),
    };

    public static WireBallot ToWire(Ballot b) => new() { Round = b.Round, Node = b.Node.Value };

    public static Ballot FromWire(WireBallot? b) => b is null ? Ballot.None : new Ballot(b.Round, new NodeId(b.Node));

    public static WireVote ToWire(AcceptedEntry e) => new() { Slot = e.Slot.Number, Ballot = ToWire(e.Ballot), Value = ToWire(e.Value) };

    public static AcceptedEntry FromWire(WireVote v) => new(new Slot(v.Slot), FromWire(v.Ballot), FromWire(v.Value));

    public static WireJoinRequest ToWire(JoinRequest r) => new() { Token = r.Token, PeerUrl = r.PeerUrl, Incarnation = r.Incarnation };

    public static JoinRequest FromWire(WireJoinRequest r) => new(r.Token, r.PeerUrl, r.Incarnation);

    public static WireJoinAnswer ToWire(JoinAnswer r) =>
        new() { Cluster = r.ClusterId, Member = r.MemberId, Base = r.Base is null ? null : ToWire(r.Base), Refusal = r.Refusal };

    public static JoinAnswer FromWire(WireJoinAnswer r) => new(r.Cluster, r.Member, r.Base is null ? null : FromWire(r.Base), r.Refusal);

    private static WirePromise ToWire(Promise p)
    {
        var wire = new WirePromise
        {
            Ballot = ToWire(p.Ballot),
            Chosen = p.Chosen.Number,
            LogTimeTicks = p.LogTime.Ticks,
            First = p.First.Number,
            Last = p.Last.Number,
        };
        wire.Entries.AddRange(p.Entries.Select(ToWire));
        wire.Governing.AddRange(p.Governing.Select(ToWire));
        return wire;
    }

    private static Promise FromWire(WirePromise p) => new(
        FromWire(p.Ballot), new Slot(p.Chosen), new TimeSpan(p.LogTimeTicks), new Slot(p.First), new Slot(p.Last), [.. p.Entries.Select(FromWire)],
        [.. p.Governing.Select(FromWire)]);

    private static WireWelcome ToWire(Welcome w) => new()
    {
        Incarnation = w.Incarnation, Promised = ToWire(w.Promised), Last = w.Last.Number, Configuration = w.Configuration, Life = w.Life,
    };

    private static Welcome FromWire(WireWelcome w) => new(w.Incarnation, FromWire(w.Promised), new Slot(w.Last), w.Configuration, w.Life);

    private static WireRejected Rejected(Ballot asked, Ballot promised) => new() { Ballot = ToWire(asked), Promised = ToWire(promised) };

    public static WireValue ToWire(Value v)
    {
        var wire = new WireValue { Round = v.Round, LogTimeTicks = v.LogTime.Ticks, WallClock = v.WallClock };
        foreach (var command in v.Commands) wire.Commands.Add(UnsafeByteOperations.UnsafeWrap(command));
        if (v.Next is { } next) wire.Next = ToWire(next);
        return wire;
    }

    public static WireLogBase ToWire(LogBase b)
    {
        var wire = new WireLogBase { Through = b.Through.Number, LogTimeTicks = b.LogTime.Ticks };
        wire.Configurations.AddRange(b.Configurations.Select(ToWire));
        return wire;
    }

    /// <exception cref="InvalidDataException">There is no base, or one without configuration.</exception>
    public static LogBase FromWire(WireLogBase? b) => b is { Configurations.Count: > 0 }
        ? new LogBase(new Slot(b.Through), new TimeSpan(b.LogTimeTicks), [.. b.Configurations.Select(FromWire)])
        : throw new InvalidDataException("the base of a log without a configuration");

    private static WireGoverning ToWire(Governing g) => new() { FromSlot = g.From.Number, Configuration = ToWire(g.Configuration) };

    private static Governing FromWire(WireGoverning g) => new(new Slot(g.FromSlot), FromWire(g.Configuration));

    private static WireConfiguration ToWire(Configuration c)
    {
        var wire = new WireConfiguration { Version = c.Version, Alpha = c.Alpha, Change = c.Change };
        wire.Members.AddRange(c.Members.Select(m => new WireMember { Id = m.Id.Value, Kind = (int)m.Kind, Address = m.Address }));
        return wire;
    }

    /// <exception cref="InvalidDataException">It is no configuration.</exception>
    private static Configuration FromWire(WireConfiguration? c)
    {
        if (c is null) throw new InvalidDataException("a change of members without a configuration");
        try
        {
            return new Configuration(c.Version, c.Alpha, c.Members.Select(m => new Member(new NodeId(m.Id), (MemberKind)m.Kind, m.Address)), c.Change);
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"not a configuration: {e.Message}", e);
        }
    }

    private static WireSnapshotPiece ToWire(SnapshotPiece b) => new()
    {
        Base = ToWire(b.Base),
        Count = b.Count,
        Index = b.Index,
        Digest = UnsafeByteOperations.UnsafeWrap(b.Digest),
        Data = UnsafeByteOperations.UnsafeWrap(b.Data),
        Checksum = JournalCodec.Checksum(b.Data.Span),
    };

    /// <exception cref="InvalidDataException">The piece does not carry the checksum it was sent with.</exception>
    private static SnapshotPiece FromWire(WireSnapshotPiece b) => JournalCodec.Checksum(b.Data.Span) == b.Checksum
        ? new SnapshotPiece(FromWire(b.Base), b.Count, b.Index, b.Digest.Memory, b.Data.Memory)
        : throw new InvalidDataException("a piece of a snapshot fails its checksum");

    /// <exception cref="InvalidDataException">There is no value.</exception>
    public static Value FromWire(WireValue? v)
    {
        if (v is null) throw new InvalidDataException("a vote without a value");
        var commands = ImmutableArray.CreateBuilder<ReadOnlyMemory<byte>>(v.Commands.Count);
        foreach (var command in v.Commands) commands.Add(command.Memory);
        return new Value(v.Round, new TimeSpan(v.LogTimeTicks), v.WallClock, commands.MoveToImmutable(), v.Next is null ? null : FromWire(v.Next));
    }

    private static void AddValues(RepeatedField<WireValue> to, ImmutableArray<Value> values)
    {
        foreach (var value in values) to.Add(ToWire(value));
    }

    private static ImmutableArray<Value> Values(RepeatedField<WireValue> from)
    {
        var values = ImmutableArray.CreateBuilder<Value>(from.Count);
        foreach (var value in from) values.Add(FromWire(value));
        return values.MoveToImmutable();
    }
}

using System.Collections.Immutable;
using Google.Protobuf;
using Google.Protobuf.Collections;
using PaxosStore.Consensus;

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
            case Confirmed b: wire.Confirmed = new WireConfirmed { Ballot = ToWire(b.Ballot), Number = b.Number }; break;
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
            default: throw new ArgumentException($"{m.Message.GetType().Name} never leaves its node", nameof(m));
        }

        return wire;
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
        WirePeerMessage.BodyOneofCase.Confirmed => new Confirmed(FromWire(w.Confirmed.Ballot), w.Confirmed.Number),
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
        _ => throw new InvalidDataException("a peer message without a body this version knows: is a newer node talking to an older one?"),
    };

    public static WireBallot ToWire(Ballot b) => new() { Round = b.Round, Node = b.Node.Value };

    public static Ballot FromWire(WireBallot? b) => b is null ? Ballot.None : new Ballot(b.Round, new NodeId(b.Node));

    public static WireVote ToWire(AcceptedEntry e) => new() { Slot = e.Slot.Number, Ballot = ToWire(e.Ballot), Value = ToWire(e.Value) };

    public static AcceptedEntry FromWire(WireVote v) => new(new Slot(v.Slot), FromWire(v.Ballot), FromWire(v.Value));

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
        return wire;
    }

    private static Promise FromWire(WirePromise p) => new(
        FromWire(p.Ballot), new Slot(p.Chosen), new TimeSpan(p.LogTimeTicks), new Slot(p.First), new Slot(p.Last), [.. p.Entries.Select(FromWire)]);

    private static WireRejected Rejected(Ballot asked, Ballot promised) => new() { Ballot = ToWire(asked), Promised = ToWire(promised) };

    public static WireValue ToWire(Value v)
    {
        var wire = new WireValue { Round = v.Round, LogTimeTicks = v.LogTime.Ticks, WallClock = v.WallClock };
        foreach (var command in v.Commands) wire.Commands.Add(UnsafeByteOperations.UnsafeWrap(command));
        return wire;
    }

    /// <exception cref="InvalidDataException">There is no value.</exception>
    public static Value FromWire(WireValue? v)
    {
        if (v is null) throw new InvalidDataException("a vote without a value");
        var commands = ImmutableArray.CreateBuilder<ReadOnlyMemory<byte>>(v.Commands.Count);
        foreach (var command in v.Commands) commands.Add(command.Memory);
        return new Value(v.Round, new TimeSpan(v.LogTimeTicks), v.WallClock, commands.MoveToImmutable());
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

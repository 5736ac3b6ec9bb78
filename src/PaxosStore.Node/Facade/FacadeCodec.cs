using Google.Protobuf;
using PaxosStore.Node.Wire;

namespace PaxosStore.Node.Facade;

/// <summary>Between the facade's messages and their protobuf form; commands, results and events are in the state machine's own codec.</summary>
internal static class FacadeCodec
{
    public static WireFacadeRequest ToWire(FacadeRequest request)
    {
        var wire = new WireFacadeRequest { Id = request.Id, AsNode = request.AsNode };
        switch (request)
        {
            case FacadeExecute r: wire.Command = Wrap(CommandCodec.Encode(0, 0, 0, r.Command)); break;
            case FacadeRead r:
                wire.Read = new WireFacadeRead { Op = Wrap(CommandCodec.EncodeOp(r.Op)), Serializable = r.Consistency == ReadConsistency.Serializable };
                break;
            case FacadeWatch r:
                wire.Watch = new WireFacadeWatch
                {
                    Start = Wrap(r.Spec.Range.Start),
                    HasEnd = r.Spec.Range.End is not null,
                    End = Wrap(r.Spec.Range.End ?? default),
                    StartRevision = r.Spec.StartRevision,
                    NoPuts = !r.Spec.IncludePuts,
                    NoDeletes = !r.Spec.IncludeDeletes,
                };
                break;
            case FacadeWatchCancel: wire.CancelWatch = request.Id; break;
            case FacadeWatchNext: wire.WatchDemand = request.Id; break;
            default: throw new ArgumentException($"cannot serialize {request.GetType()}", nameof(request));
        }

        return wire;
    }

    public static FacadeRequest FromWire(WireFacadeRequest w) => w.AsNode ? Body(w) with { AsNode = true } : Body(w);

    private static FacadeRequest Body(WireFacadeRequest w) => w.BodyCase switch
    {
        WireFacadeRequest.BodyOneofCase.Command => new FacadeExecute(w.Id, CommandCodec.Decode(w.Command.Memory).Command),
        WireFacadeRequest.BodyOneofCase.Read => new FacadeRead(
            w.Id, CommandCodec.DecodeOp(w.Read.Op.Memory), w.Read.Serializable ? ReadConsistency.Serializable : ReadConsistency.Linearizable),
        WireFacadeRequest.BodyOneofCase.Watch => new FacadeWatch(w.Id, new WatchSpec(
            new KeyRange(w.Watch.Start.Memory, w.Watch.HasEnd ? w.Watch.End.Memory : null), w.Watch.StartRevision, !w.Watch.NoPuts, !w.Watch.NoDeletes)),
        WireFacadeRequest.BodyOneofCase.CancelWatch => new FacadeWatchCancel(w.Id),
        WireFacadeRequest.BodyOneofCase.WatchDemand => new FacadeWatchNext(w.Id),
        _ => throw new InvalidDataException("a facade request without a body this version knows"),
    };

    public static WireFacadeReply ToWire(FacadeReply reply)
    {
        var wire = new WireFacadeReply { Id = reply.Id };
        switch (reply)
        {
            case FacadeResult r: wire.Result = Wrap(CommandCodec.EncodeResult(r.Result)); break;
            case FacadeFailure r:
                wire.Error = new WireFacadeError { Code = (int)r.Code, Outcome = (int)r.Outcome, CompactRevision = r.CompactRevision };
                break;
            case FacadeEvents r:
                wire.Events = new WireFacadeEvents { After = r.After, Revision = r.Revision, Events = Wrap(CommandCodec.EncodeEvents(r.Events)) };
                break;
            default: throw new ArgumentException($"cannot serialize {reply.GetType()}", nameof(reply));
        }

        return wire;
    }

    public static FacadeReply FromWire(WireFacadeReply w) => w.BodyCase switch
    {
        WireFacadeReply.BodyOneofCase.Result => new FacadeResult(w.Id, CommandCodec.DecodeResult(w.Result.Memory)),
        WireFacadeReply.BodyOneofCase.Error => new FacadeFailure(w.Id, (KvErrorCode)w.Error.Code, (KvOutcome)w.Error.Outcome, w.Error.CompactRevision),
        WireFacadeReply.BodyOneofCase.Events => new FacadeEvents(w.Id, w.Events.After, w.Events.Revision, CommandCodec.DecodeEvents(w.Events.Events.Memory)),
        _ => throw new InvalidDataException("a facade reply without a body this version knows"),
    };

    private static ByteString Wrap(ReadOnlyMemory<byte> bytes) => UnsafeByteOperations.UnsafeWrap(bytes);
}

using Akka.Actor;
using Akka.Serialization;
using Google.Protobuf;
using PaxosStore.Node.Facade;
using PaxosStore.Node.Journal;
using PaxosStore.Node.Storage;

namespace PaxosStore.Node.Wire;

/// <summary>The one serializer of the product. Manifests are short and for ever.</summary>
internal sealed class PaxosSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    private const string PeerManifest = "P";
    private const string JournalManifest = "J";
    private const string FacadeRequestManifest = "Q";
    private const string FacadeReplyManifest = "R";
    private const string JoinRequestManifest = "JQ";
    private const string JoinAnswerManifest = "JR";
    private const string SnapshotChunkManifest = "S";
    private const string SnapshotManifestManifest = "M";

    /// <summary>Never changes: it stands in journals.</summary>
    public override int Identifier => 4710;

    public override string Manifest(object o) => o switch
    {
        PeerMessage => PeerManifest,
        JournalBatch => JournalManifest,
        FacadeRequest => FacadeRequestManifest,
        FacadeReply => FacadeReplyManifest,
        JoinRequest => JoinRequestManifest,
        JoinAnswer => JoinAnswerManifest,
        SnapshotChunkRow => SnapshotChunkManifest,
        SnapshotManifestRow => SnapshotManifestManifest,
        _ => throw new ArgumentException($"no manifest for {o.GetType()}", nameof(o)),
    };

    public override byte[] ToBinary(object obj) => obj switch
    {
        PeerMessage m => Sent(WireCodec.ToWire(m).ToByteArray()),
        JournalBatch b => JournalCodec.Encode(b),
        FacadeRequest r => FacadeCodec.ToWire(r).ToByteArray(),
        FacadeReply r => FacadeCodec.ToWire(r).ToByteArray(),
        JoinRequest r => WireCodec.ToWire(r).ToByteArray(),
        JoinAnswer r => WireCodec.ToWire(r).ToByteArray(),
        SnapshotRow r => r.Raw,
        _ => throw new ArgumentException($"cannot serialize {obj.GetType()}", nameof(obj)),
    };

    public override object FromBinary(byte[] bytes, string manifest) => manifest switch
    {
        PeerManifest => WireCodec.FromWire(WirePeerMessage.Parser.ParseFrom(Received(bytes))),
        JournalManifest => JournalCodec.Decode(bytes),
        FacadeRequestManifest => FacadeCodec.FromWire(WireFacadeRequest.Parser.ParseFrom(bytes)),
        FacadeReplyManifest => FacadeCodec.FromWire(WireFacadeReply.Parser.ParseFrom(bytes)),
        JoinRequestManifest => WireCodec.FromWire(WireJoinRequest.Parser.ParseFrom(bytes)),
        JoinAnswerManifest => WireCodec.FromWire(WireJoinAnswer.Parser.ParseFrom(bytes)),
        SnapshotChunkManifest => new SnapshotChunkRow(bytes),
        SnapshotManifestManifest => new SnapshotManifestRow(bytes),
        _ => throw new ArgumentException($"unknown manifest '{manifest}': is a newer node talking to an older one?", nameof(manifest)),
    };

    private static byte[] Sent(byte[] bytes)
    {
        NodeMeter.PeersSent.Add(bytes.Length);
        return bytes;
    }

    private static byte[] Received(byte[] bytes)
    {
        NodeMeter.PeersReceived.Add(bytes.Length);
        return bytes;
    }
}

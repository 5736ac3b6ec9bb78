using Akka.Actor;
using Akka.TestKit.Xunit2;
using Google.Protobuf;
using PaxosStore.Node.Journal;
using PaxosStore.Node.Wire;

namespace PaxosStore.Node.Tests.Wire;

/// <summary>The bytes on the wire and on disk are for ever: a change here breaks rolling upgrades and old journals.</summary>
public sealed class GoldenBytesTests : TestKit
{
    private static readonly Dictionary<string, string> Golden = new()
    {
        // Entries are added, never changed.
        ["Prepare"] = "09AB0000000000000011CD00000000000000520F0A0B08031122110000000000001007",
        ["Promise"] =
            "09AB0000000000000011CD000000000000005A420A0B080311221100000000000010081846200928FFFFFFFFFFFFFFFF7F32230809120B"
            + "08031122110000000000001A12080310461880D095FFBC3122020102220103",
        ["PrepareRejected"] = "09AB0000000000000011CD00000000000000621A0A0B0803112211000000000000120B0804114433000000000000",
        ["Accept"] =
            "09AB0000000000000011CD000000000000006A320A0B080311221100000000000010091A12080310461880D095FFBC3122020102220103"
            + "1A0B080310471881D095FFBC312008",
        ["Accepted"] = "09AB0000000000000011CD0000000000000072110A0B080311221100000000000010091802",
        ["AcceptRejected"] = "09AB0000000000000011CD000000000000007A1A0A0B0803112211000000000000120B0804114433000000000000",
        ["Confirm"] = "09AB0000000000000011CD000000000000008201130A0B0803112211000000000000100C18082047",
        ["Confirmed"] = "09AB0000000000000011CD000000000000008A010F0A0B0803112211000000000000100C",
        ["ConfirmRejected"] = "09AB0000000000000011CD0000000000000092011A0A0B0803112211000000000000120B0804114433000000000000",
        ["ChosenUpTo"] = "09AB0000000000000011CD000000000000009A010F0A0B08031122110000000000001008",
        ["Probe"] = "09AB0000000000000011CD00000000000000A201020804",
        ["ProbeAnswer"] = "09AB0000000000000011CD00000000000000AA0106080410011803",
        ["Fetch"] = "09AB0000000000000011CD00000000000000B201020809",
        ["Entries"] = "09AB0000000000000011CD00000000000000BA011808091212080310461880D095FFBC31220201022201031809",
        ["Propose"] = "09AB0000000000000011CD00000000000000C20106080612020102",
        ["ProposeRejected"] = "09AB0000000000000011CD00000000000000CA010408061001",
        ["ReadBarrierRequest"] = "09AB0000000000000011CD00000000000000D201020807",
        ["ReadBarrier"] = "09AB0000000000000011CD00000000000000DA010408071008",
        ["ReadBarrierRejected"] = "09AB0000000000000011CD00000000000000E2010408071001",
        ["PromiseRecord"] = "0A140A0D0A0B0803112211000000000000152A584F9D",
        ["AcceptRecord"] = "0A2C0A2512230809120B08031122110000000000001A12080310461880D095FFBC312202010222010315C4A7BC86",
        ["LearnRecord"] = "0A1F0A181A1608091A12080310461880D095FFBC312202010222010315553F8624",
        ["ChosenRecord"] = "0A090A022008151FCC3304",
        ["IdentityRecord"] = "0A230A1C2A1A09AB0000000000000011CD000000000000001A066E6F64652D3115F54A3BA0",
        ["JournalBatch"] =
            "0A140A0D0A0B0803112211000000000000152A584F9D0A2C0A2512230809120B08031122110000000000001A12080310461880D095FFBC"
            + "312202010222010315C4A7BC860A1F0A181A1608091A12080310461880D095FFBC312202010222010315553F86240A090A022008151FCC"
            + "33040A230A1C2A1A09AB0000000000000011CD000000000000001A066E6F64652D3115F54A3BA0",
        ["FacadeExecute"] = "080112140100000000000000000000010201070208090000",
        ["FacadeRead"] = "08021A120A0E01010107000000000000000000001001",
        ["FacadeWatch"] = "0803220C0A0107120109180120042801",
        ["FacadeWatchNext"] = "08033003",
        ["FacadeWatchCancel"] = "08032803",
        ["FacadeResult"] = "0801120F01010602020101070208090406040A",
        ["FacadeFailure"] = "08021A0608071001180B",
        ["FacadeEvents"] = "080322130803120D01010001070208090406040A001802",

        // Since 0.2.
        ["Truncated"] = "09AB0000000000000011CD00000000000000EA010408081009",
        ["SnapshotRequest"] = "09AB0000000000000011CD00000000000000F20106080710081802",
        ["SnapshotPiece"] =
            "09AB0000000000000011CD00000000000000FA015B0A47080810461A410805123D080410401A150922110000000000001A0A687474703A"
            + "2F2F613A311A1709443300000000000010021A0A687474703A2F2F623A32217700000000000000100318022202AABB2A03010203351EF2"
            + "30F1",
        ["SnapshotGone"] = "09AB0000000000000011CD000000000000008202020808",
        ["Hello"] = "09AB0000000000000011CD000000000000008A020B09EF000000000000001001",
        ["Welcome"] = "09AB0000000000000011CD0000000000000092021809EF00000000000000120B08041144330000000000001809",
        ["NotMember"] = "09AB0000000000000011CD000000000000009A02020804",
        ["TakeOver"] = "09AB0000000000000011CD00000000000000A2020D0A0B0803112211000000000000",
        ["Reconfigure"] =
            "09AB0000000000000011CD00000000000000AA02410806123D080410401A150922110000000000001A0A687474703A2F2F613A311A1709"
            + "443300000000000010021A0A687474703A2F2F623A32217700000000000000",
        ["ReconfigureRejected"] = "09AB0000000000000011CD00000000000000B2020408061003",
        ["StateChecksum"] = "09AB0000000000000011CD00000000000000BA02150880021188776655443322111900FFEEDDCCBBAA99",
        ["Promise+Governing"] =
            "09AB0000000000000011CD000000000000005A600A0B080311221100000000000010081846200928FFFFFFFFFFFFFFFF7F3A410805123D"
            + "080410401A150922110000000000001A0A687474703A2F2F613A311A1709443300000000000010021A0A687474703A2F2F623A32217700"
            + "000000000000",
        ["Accept+Next"] =
            "09AB0000000000000011CD000000000000006A5D0A0B080311221100000000000010091A4A080310461880D095FFBC312A3D080410401A"
            + "150922110000000000001A0A687474703A2F2F613A311A1709443300000000000010021A0A687474703A2F2F623A322177000000000000"
            + "002008",
        ["Confirmed+Chosen"] = "09AB0000000000000011CD000000000000008A01110A0B0803112211000000000000100C1808",
        ["AcceptRecord+Next"] =
            "0A640A5D125B0809120B08031122110000000000001A4A080310461880D095FFBC312A3D080410401A150922110000000000001A0A6874"
            + "74703A2F2F613A311A1709443300000000000010021A0A687474703A2F2F623A3221770000000000000015286F4ED7",
        ["IdentityRecord+Incarnation"] = "0A2E0A272A2509AB0000000000000011CD000000000000001A066E6F64652D3121EF0000000000000028011563890007",
        ["BaseRecord"] =
            "0A750A6E326C0A47080810461A410805123D080410401A150922110000000000001A0A687474703A2F2F613A311A170944330000000000"
            + "0010021A0A687474703A2F2F623A32217700000000000000120B0804114433000000000000180922120944330000000000001199000000"
            + "0000000015159866FF",
        ["MetRecord"] = "0A1B0A143A1209443300000000000011990000000000000015BDC82885",
        ["AdmittedRecord"] = "0A090A02400115D5321DFC",
        ["JoinRequest"] = "0A05746F6B656E120A687474703A2F2F623A3219EF00000000000000",
        ["JoinAnswer"] =
            "09AB000000000000001144330000000000001A47080810461A410805123D080410401A150922110000000000001A0A687474703A2F2F61"
            + "3A311A1709443300000000000010021A0A687474703A2F2F623A32217700000000000000",
        ["JoinAnswer+Refusal"] = "09AB0000000000000022026E6F",

        // With the configuration that a node vouches for.
        ["Welcome of a changed cluster"] = "09AB0000000000000011CD0000000000000092022309EF00000000000000120B080411443300000000000018092104000000000000002803",
        ["MetRecord of a changed cluster"] = "0A1D0A163A140944330000000000001199000000000000001807152404A29B",

        // With users and roles.
        ["FacadeExecute+Node"] = "0801120E0100000000000000000000" + "21040A",
        ["FacadeRead+Node"] = "08021A120A0E010101070000000000000000000010013801",
    };

    private readonly PaxosSerializer _serializer;

    public GoldenBytesTests() => _serializer = new PaxosSerializer((ExtendedActorSystem)Sys);

    public static TheoryData<string> Names => [.. Samples.All.Select(s => s.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Is_written_as_ever(string name)
    {
        var written = Hex(Sample(name));
        Assert.True(Golden.GetValueOrDefault(name) == written, $"{name} is written as {written}");
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Is_read_as_ever(string name)
    {
        var read = Read(Convert.FromHexString(Golden[name]), name);
        Assert.Equal(Sample(name).GetType(), read.GetType());
        Assert.Equal(Golden[name], Hex(read));
    }

    [Fact]
    public void Every_kind_has_its_golden_bytes_and_short_manifest()
    {
        Assert.Equal(Golden.Keys.Order(), Samples.All.Select(s => s.Name).Order());
        Assert.Equal(["J", "JQ", "JR", "P", "Q", "R"], Samples.All.Select(s => _serializer.Manifest(s.Message)).Distinct().Order());
        Assert.Equal(4710, _serializer.Identifier);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Fields_of_a_later_version_are_ignored_but_not_between_journal_records(string name)
    {
        // Field 2000, wire type 0, value 1.
        byte[] later = [.. Convert.FromHexString(Golden[name]), 0x80, 0x7D, 0x01];
        if (_serializer.Manifest(Sample(name)) == "J") Assert.Throws<JournalCorruptException>(() => Read(later, name));
        else Assert.Equal(Golden[name], Hex(Read(later, name)));
    }

    [Theory]
    [InlineData("P")]
    [InlineData("Q")]
    [InlineData("R")]
    public void A_message_without_a_body_is_named_as_such(string manifest)
    {
        var error = Assert.Throws<InvalidDataException>(() => _serializer.FromBinary([0x80, 0x7D, 0x01], manifest));
        Assert.Contains("without a body this version knows", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_vote_without_a_value_is_refused()
    {
        var vote = new WirePromise { Ballot = new WireBallot { Round = 1, Node = 2 } };
        vote.Entries.Add(new WireVote { Slot = 3 });
        var bytes = new WirePeerMessage { Cluster = 1, From = 2, Promise = vote }.ToByteArray();
        Assert.Throws<InvalidDataException>(() => _serializer.FromBinary(bytes, "P"));
    }

    [Fact]
    public void An_unknown_manifest_or_type_is_refused()
    {
        var refused = Assert.Throws<ArgumentException>(() => _serializer.FromBinary([], "Z"));
        Assert.Contains("unknown manifest 'Z'", refused.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => _serializer.Manifest("text"));
        Assert.Throws<ArgumentException>(() => _serializer.ToBinary("text"));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Damaged_bytes_are_read_or_refused_but_crash_nothing(string name)
    {
        var golden = Convert.FromHexString(Golden[name]);
        for (var length = 0; length < golden.Length; length++) Refused(golden[..length], name);
        for (var bit = 0; bit < golden.Length * 8; bit++)
        {
            var damaged = (byte[])golden.Clone();
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            Refused(damaged, name);
        }
    }

    private void Refused(byte[] bytes, string name)
    {
        try
        {
            Read(bytes, name);
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or InvalidDataException or FormatException or JournalCorruptException)
        {
            // Named for what it is; remoting logs it and drops the message.
        }
    }

    private static object Sample(string name) => Samples.All.Single(s => s.Name == name).Message;

    private object Read(byte[] bytes, string name) => _serializer.FromBinary(bytes, _serializer.Manifest(Sample(name)));

    private string Hex(object message) => Convert.ToHexString(_serializer.ToBinary(message));
}

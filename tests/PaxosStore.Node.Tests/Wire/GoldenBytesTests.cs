using Akka.Actor;
using Akka.TestKit.Xunit2;
using PaxosStore.Node.Wire;

namespace PaxosStore.Node.Tests.Wire;

/// <summary>The bytes on the wire and on disk are for ever: a change here breaks rolling upgrades and old journals.</summary>
public sealed class GoldenBytesTests : TestKit
{
    private static readonly Dictionary<string, string> Golden = new()
    {
        // Filled from the first release on; entries are added, never changed.
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
        Assert.Equal(["J", "P", "Q", "R"], Samples.All.Select(s => _serializer.Manifest(s.Message)).Distinct().Order());
        Assert.Equal(4710, _serializer.Identifier);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Fields_of_a_later_version_are_ignored_but_not_between_journal_records(string name)
    {
        // Field 2000, wire type 0, value 1.
        byte[] later = [.. Convert.FromHexString(Golden[name]), 0x80, 0x7D, 0x01];
        if (_serializer.Manifest(Sample(name)) == "J") Assert.Throws<Node.Journal.JournalCorruptException>(() => Read(later, name));
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
        var vote = new WirePromise { Ballot = new WireBallot { Round = 1, Node = 2 }, Parts = 1 };
        vote.Entries.Add(new WireVote { Slot = 3 });
        var bytes = Google.Protobuf.MessageExtensions.ToByteArray(new WirePeerMessage { Cluster = 1, From = 2, Promise = vote });
        Assert.Throws<InvalidDataException>(() => _serializer.FromBinary(bytes, "P"));
    }

    [Fact]
    public void An_unknown_manifest_or_type_is_refused()
    {
        Assert.Contains("unknown manifest 'Z'", Assert.Throws<ArgumentException>(() => _serializer.FromBinary([], "Z")).Message, StringComparison.Ordinal);
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
        catch (Exception e) when (e is Google.Protobuf.InvalidProtocolBufferException or InvalidDataException or FormatException or Node.Journal.JournalCorruptException)
        {
            // Named for what it is; remoting logs it and drops the message.
        }
    }

    private static object Sample(string name) => Samples.All.Single(s => s.Name == name).Message;

    private object Read(byte[] bytes, string name) => _serializer.FromBinary(bytes, _serializer.Manifest(Sample(name)));

    private string Hex(object message) => Convert.ToHexString(_serializer.ToBinary(message));
}

using Google.Protobuf;
using PaxosStore.Consensus;
using PaxosStore.Node.Journal;
using PaxosStore.Node.Wire;

namespace PaxosStore.Node.Tests.Wire;

/// <summary>A damaged journal is found out, never misread.</summary>
public sealed class JournalCodecTests
{
    private static readonly byte[] Batch = JournalCodec.Encode(new JournalBatch([.. Samples.Records]));

    [Fact]
    public void Every_bit_that_flips_is_detected_or_changes_nothing()
    {
        for (var bit = 0; bit < Batch.Length * 8; bit++)
        {
            var damaged = (byte[])Batch.Clone();
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            AssertDetectedOrHarmless(damaged, $"bit {bit}");
        }
    }

    [Fact]
    public void Every_byte_in_every_value_is_detected_or_changes_nothing()
    {
        for (var at = 0; at < Batch.Length; at++)
        {
            for (var value = 0; value < 256; value++)
            {
                var damaged = (byte[])Batch.Clone();
                damaged[at] = (byte)value;
                AssertDetectedOrHarmless(damaged, $"byte {at} = {value}");
            }
        }
    }

    [Fact]
    public void A_torn_record_is_detected()
    {
        // Between two records a cut can't be told from a shorter batch; the database's own commit keeps events whole.
        var records = Samples.Records.Count();
        var whole = Enumerable.Range(0, records + 1)
            .Select(n => JournalCodec.Encode(new JournalBatch([.. Samples.Records.Take(n)])).Length)
            .ToHashSet();
        for (var length = 0; length < Batch.Length; length++)
        {
            if (!whole.Contains(length)) Assert.Throws<JournalCorruptException>(() => JournalCodec.Decode(Batch[..length]));
        }
    }

    [Fact]
    public void A_wrong_checksum_is_named()
    {
        var wire = WireJournalBatch.Parser.ParseFrom(Batch);
        wire.Records[1].Checksum ^= 1;
        var error = Assert.Throws<JournalCorruptException>(() => JournalCodec.Decode(wire.ToByteArray()));
        Assert.Contains("checksum", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_record_without_a_body_or_value_is_refused_whatever_its_checksum_says()
    {
        byte[][] entries = [[], new WireJournalEntry { Accept = new WireVote { Slot = 1 } }.ToByteArray()];
        foreach (var entry in entries) Assert.Throws<JournalCorruptException>(() => JournalCodec.Decode(Wrap(entry)));
    }

    [Fact]
    public void Fields_of_a_later_version_inside_a_record_are_ignored()
    {
        byte[] later = [.. new WireJournalEntry { Chosen = 5 }.ToByteArray(), 0x80, 0x7D, 0x01];
        Assert.Equal(new ChosenRecord(new Slot(5)), Assert.Single(JournalCodec.Decode(Wrap(later)).Records));
    }

    [Fact]
    public void The_checksum_is_the_castagnoli_one() => Assert.Equal(0xE3069283u, JournalCodec.Checksum("123456789"u8));

    private static byte[] Wrap(byte[] entry)
    {
        var wire = new WireJournalBatch();
        wire.Records.Add(new WireJournalRecord { Entry = ByteString.CopyFrom(entry), Checksum = JournalCodec.Checksum(entry) });
        return wire.ToByteArray();
    }

    private static void AssertDetectedOrHarmless(byte[] damaged, string what)
    {
        try
        {
            Assert.True(JournalCodec.Encode(JournalCodec.Decode(damaged)).AsSpan().SequenceEqual(Batch), what);
        }
        catch (JournalCorruptException)
        {
            // Detected.
        }
    }
}

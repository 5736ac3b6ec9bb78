using System.Collections.Immutable;
using System.Numerics;
using System.Runtime.InteropServices;
using Google.Protobuf;
using PaxosStore.Consensus;
using PaxosStore.Node.Wire;

namespace PaxosStore.Node.Journal;

/// <summary>One event of the acceptor's journal: the records of one group commit, in order.</summary>
internal sealed record JournalBatch(ImmutableArray<JournalRecord> Records);

/// <summary>Whose journal it is: its first record, written again whenever the journal is cut. A node refuses a journal that is not its own.</summary>
/// <param name="ClusterId">The cluster.</param>
/// <param name="MemberId">The member.</param>
/// <param name="Name">Its name when the record was written.</param>
/// <param name="Incarnation">Drawn when the journal was made; 0 in journals of versions that did not know it.</param>
/// <param name="Forgetful">The journal was made anew because an older one was damaged: the node has voted before and may have forgotten.</param>
internal sealed record IdentityRecord(ulong ClusterId, ulong MemberId, string Name, ulong Incarnation = 0, bool Forgetful = false) : JournalRecord;

/// <summary>A journal record does not carry the checksum it was written with: the storage is damaged.</summary>
internal sealed class JournalCorruptException(string message) : Exception(message);

/// <summary>Journal batches as bytes; every record carries a CRC-32C that is verified when it is read back.</summary>
internal static class JournalCodec
{
    private static readonly MessageParser<WireJournalBatch> Batches = WireJournalBatch.Parser.WithDiscardUnknownFields(true);

    public static byte[] Encode(JournalBatch batch)
    {
        var wire = new WireJournalBatch();
        foreach (var record in batch.Records)
        {
            var entry = ToWire(record).ToByteArray();
            wire.Records.Add(new WireJournalRecord { Entry = UnsafeByteOperations.UnsafeWrap(entry), Checksum = Checksum(entry) });
        }

        return wire.ToByteArray();
    }

    /// <exception cref="JournalCorruptException">A checksum or the structure is wrong.</exception>
    public static JournalBatch Decode(byte[] bytes)
    {
        try
        {
            // A damaged tag would turn a whole record into an unknown field: outside the checksummed entries nothing unknown is let pass.
            var wire = Batches.ParseFrom(bytes);
            if (wire.CalculateSize() != bytes.Length) throw new JournalCorruptException("a journal event holds more than its records");
            var records = ImmutableArray.CreateBuilder<JournalRecord>(wire.Records.Count);
            foreach (var record in wire.Records)
            {
                if (Checksum(record.Entry.Span) != record.Checksum) throw new JournalCorruptException("a journal record fails its checksum");
                records.Add(FromWire(WireJournalEntry.Parser.ParseFrom(record.Entry)));
            }

            return new JournalBatch(records.MoveToImmutable());
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or InvalidDataException)
        {
            throw new JournalCorruptException($"a journal event cannot be read: {e.Message}");
        }
    }

    private static WireJournalEntry ToWire(JournalRecord record) => record switch
    {
        PromiseRecord r => new WireJournalEntry { Promise = WireCodec.ToWire(r.Ballot) },
        AcceptRecord r => new WireJournalEntry { Accept = WireCodec.ToWire(new AcceptedEntry(r.Slot, r.Ballot, r.Value)) },
        LearnRecord r => new WireJournalEntry { Learn = new WireVote { Slot = r.Slot.Number, Value = WireCodec.ToWire(r.Value) } },
        ChosenRecord r => new WireJournalEntry { Chosen = r.Chosen.Number },
        IdentityRecord r => new WireJournalEntry
        {
            Identity = new WireIdentity { Cluster = r.ClusterId, Member = r.MemberId, Name = r.Name, Incarnation = r.Incarnation, Forgetful = r.Forgetful },
        },
        BaseRecord r => new WireJournalEntry { Base = ToWire(r) },
        MetRecord r => new WireJournalEntry { Met = ToWire(r) },
        AdmittedRecord => new WireJournalEntry { Admitted = true },
        _ => throw new ArgumentException($"no form on disk for {record.GetType().Name}", nameof(record)),
    };

    private static JournalRecord FromWire(WireJournalEntry entry) => entry.BodyCase switch
    {
        WireJournalEntry.BodyOneofCase.Promise => new PromiseRecord(WireCodec.FromWire(entry.Promise)),
        WireJournalEntry.BodyOneofCase.Accept => Accept(WireCodec.FromWire(entry.Accept)),
        WireJournalEntry.BodyOneofCase.Learn => new LearnRecord(new Slot(entry.Learn.Slot), WireCodec.FromWire(entry.Learn.Value)),
        WireJournalEntry.BodyOneofCase.Chosen => new ChosenRecord(new Slot(entry.Chosen)),
        WireJournalEntry.BodyOneofCase.Identity => new IdentityRecord(
            entry.Identity.Cluster, entry.Identity.Member, entry.Identity.Name, entry.Identity.Incarnation, entry.Identity.Forgetful),
        WireJournalEntry.BodyOneofCase.Base => new BaseRecord(
            WireCodec.FromWire(entry.Base.Base), WireCodec.FromWire(entry.Base.Promised), new Slot(entry.Base.Chosen), [.. entry.Base.Met.Select(FromWire)]),
        WireJournalEntry.BodyOneofCase.Met => FromWire(entry.Met),
        WireJournalEntry.BodyOneofCase.Admitted => new AdmittedRecord(),
        _ => throw new JournalCorruptException("a journal record of a kind this version does not know"),
    };

    private static WireBaseRecord ToWire(BaseRecord r)
    {
        var wire = new WireBaseRecord { Base = WireCodec.ToWire(r.Base), Promised = WireCodec.ToWire(r.Promised), Chosen = r.Chosen.Number };
        wire.Met.AddRange(r.Met.Select(ToWire));
        return wire;
    }

    private static WireMet ToWire(MetRecord r) => new() { Node = r.Node.Value, Incarnation = r.Incarnation, Configuration = r.Configuration };

    private static MetRecord FromWire(WireMet m) => new(new NodeId(m.Node), m.Incarnation, m.Configuration);

    private static AcceptRecord Accept(AcceptedEntry e) => new(e.Slot, e.Ballot, e.Value);

    /// <summary>CRC-32C (Castagnoli), eight bytes at a time; <paramref name="before"/> is that of the bytes before these.</summary>
    internal static uint Checksum(ReadOnlySpan<byte> bytes, uint before = 0)
    {
        var crc = ~before;
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (var word in words) crc = BitOperations.Crc32C(crc, word);
        foreach (var b in bytes[(words.Length * sizeof(ulong))..]) crc = BitOperations.Crc32C(crc, b);
        return ~crc;
    }
}

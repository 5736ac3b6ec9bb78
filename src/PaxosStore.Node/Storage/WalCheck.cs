using System.Buffers.Binary;

namespace PaxosStore.Node.Storage;

/// <summary>
/// Tells a damaged write-ahead log from a torn one, before SQLite sees it: SQLite takes the frames up to the first bad one and drops the rest without a word,
/// so a byte that rots in the middle would take back votes.
/// <para>
/// With synchronous = FULL a transaction's first frame is written after the one before was flushed. So a crash leaves bad frames in the last
/// transaction only, and a frame of a transaction after a bad one proves damage. What cannot be told apart is a rotten byte in the very last transaction:
/// it reads like a write that was cut short.
/// </para>
/// The layout is that of SQLite's file format, section "The Write-Ahead Log".
/// </summary>
internal static class WalCheck
{
    private const int HeaderBytes = 32;
    private const int FrameHeaderBytes = 24;
    private const int SectorBytes = 512;
    private const uint Magic = 0x377F0682;

    /// <exception cref="IOException">The file can't be read.</exception>
    public static JournalHealth Check(string walFile)
    {
        if (!File.Exists(walFile)) return new JournalHealth(JournalState.Good);
        using var file = new FileStream(walFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 1 << 16);
        return Check(file);
    }

    internal static JournalHealth Check(Stream file)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        if (file.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false) < HeaderBytes) return new JournalHealth(file.Length > 0 ? JournalState.Torn : JournalState.Good);
        var bigEndian = (Word(header, 0) & 1) == 1;
        var start = Checksum.Zero.Add(header[..24], bigEndian);

        // The header is flushed before the first frame, and lies within one sector: nothing but damage makes it bad.
        var pageBytes = Word(header, 8);
        if ((Word(header, 0) & ~1u) != Magic || start != new Checksum(Word(header, 24), Word(header, 28)) || pageBytes is < 512 or > 65536)
        {
            return file.Length > HeaderBytes
                ? JournalHealth.Damaged("the header of its write-ahead log is damaged")
                : new JournalHealth(JournalState.Torn);
        }

        return new Frames(file, (int)pageBytes, header[16..24].ToArray(), bigEndian).Check(start);
    }

    private static uint Word(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);

    /// <summary>SQLite's running checksum: two sums over pairs of words.</summary>
    private readonly record struct Checksum(uint First, uint Second)
    {
        public static Checksum Zero => default;

        public Checksum Add(ReadOnlySpan<byte> bytes, bool bigEndian)
        {
            var (first, second) = (First, Second);
            for (var at = 0; at < bytes.Length; at += 8)
            {
                first += Read(bytes, at, bigEndian) + second;
                second += Read(bytes, at + 4, bigEndian) + first;
            }

            return new Checksum(first, second);
        }

        private static uint Read(ReadOnlySpan<byte> bytes, int at, bool bigEndian) =>
            bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]) : BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
    }

    /// <summary>Walks over the frames; one of them, with what its header says, is the current one.</summary>
    private sealed class Frames(Stream file, int pageBytes, byte[] salts, bool bigEndian)
    {
        private readonly byte[] _frame = new byte[FrameHeaderBytes + pageBytes];
        private long _number;

        private bool IsOurs => _frame.AsSpan(8, 8).SequenceEqual(salts);

        private bool SaysCommit => Word(_frame, 4) != 0;

        private Checksum Stored => new(Word(_frame, 16), Word(_frame, 20));

        public JournalHealth Check(Checksum chain)
        {
            var committed = true;
            while (Next())
            {
                var computed = Computed(chain);
                if (IsOurs && computed == Stored && Word(_frame, 0) != 0)
                {
                    (chain, committed) = (computed, SaysCommit);
                    continue;
                }

                return AfterBad(chain, computed, committed);
            }

            return new JournalHealth(committed ? JournalState.Good : JournalState.Torn);
        }

        /// <summary>The current frame is the first bad one: nothing that was written after its transaction may follow.</summary>
        private JournalHealth AfterBad(Checksum chain, Checksum computed, bool committed)
        {
            var bad = _number;
            var torn = IsOurs || computed == Stored || !committed;
            var ended = IsCommit(chain, computed);

            // The next frame's checksum goes on from this one's as it was meant: that is the stored one, or, if it was that which rotted, the computed one.
            var before = (Stored, computed);
            while (Next())
            {
                if (IsOurs)
                {
                    if (ended) return JournalHealth.Damaged($"its write-ahead log is damaged in frame {bad}, and writes after it, up to frame {_number} at least, would be lost");
                    torn = true;
                    var sound = Computed(before.Stored) == Stored || Computed(before.computed) == Stored;
                    ended = SaysCommit && (sound || InOneSector);
                }

                before = (Stored, Stored);
            }

            return new JournalHealth(torn ? JournalState.Torn : JournalState.Good);
        }

        /// <summary>
        /// Whether the first bad frame may have ended its transaction: by its own word, or by what the checksum says that the word was. Salts are outside the
        /// checksum: a frame with a right one was written now, not before the log last began anew.
        /// </summary>
        private bool IsCommit(Checksum chain, Checksum computed) => ((IsOurs || computed == Stored) && SaysCommit) || MeantSize(chain) is > 0;

        /// <summary>
        /// The database size (the field that marks a commit) with which the checksum would be right, if there is one: then it is that field which rotted. The
        /// sums are linear in every word, so it is found by one division. What a word adds to the first sum is the Fibonacci number of a quarter of the page
        /// size: odd, because no power of two is a multiple of three.
        /// </summary>
        private uint? MeantSize(Checksum chain)
        {
            var size = _frame.AsSpan(4, 4);
            var found = Word(size, 0);
            var zero = WithSize(0);
            var one = WithSize(bigEndian ? 1 : 0x01000000u);
            var (stepFirst, stepSecond) = (one.First - zero.First, one.Second - zero.Second);
            var meant = (Stored.First - zero.First) * Inverse(stepFirst);
            var right = meant * stepSecond == Stored.Second - zero.Second;
            BinaryPrimitives.WriteUInt32BigEndian(size, found);
            return right ? bigEndian ? meant : BinaryPrimitives.ReverseEndianness(meant) : null;

            Checksum WithSize(uint value)
            {
                BinaryPrimitives.WriteUInt32BigEndian(_frame.AsSpan(4, 4), value);
                return Computed(chain);
            }
        }

        /// <summary>Inverse of an odd number modulo 2^32, by Newton's iteration.</summary>
        private static uint Inverse(uint odd)
        {
            var inverse = odd;
            for (var i = 0; i < 5; i++) inverse *= 2 - (odd * inverse);
            return inverse;
        }

        /// <summary>Disks write whole sectors: size and salts that lie in one are of one age.</summary>
        private bool InOneSector => (HeaderBytes + ((_number - 1) * _frame.Length)) % SectorBytes <= SectorBytes - 16;

        private Checksum Computed(Checksum before) => before.Add(_frame.AsSpan(0, 8), bigEndian).Add(_frame.AsSpan(FrameHeaderBytes), bigEndian);

        private bool Next()
        {
            if (file.ReadAtLeast(_frame, _frame.Length, throwOnEndOfStream: false) < _frame.Length) return false;
            _number++;
            return true;
        }
    }
}

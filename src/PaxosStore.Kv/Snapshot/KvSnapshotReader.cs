using System.Buffers.Binary;
using System.Security.Cryptography;

namespace PaxosStore.Kv;

/// <summary>
/// Builds a state from the bytes of a snapshot, given in order in pieces of any size. Beside the state it holds one piece and one record. Whatever is
/// wrong is a <see cref="FormatException"/> that says what and at which byte; the state is handed out only when everything was right.
/// </summary>
/// <param name="padded">
/// True for a backup file, which may have been padded with zeros after its end, and may then carry up to <see cref="MostTrailerBytes"/> bytes of
/// somebody else's (etcd's tools append a SHA-256): both are skipped. False lets nothing follow the end.
/// </param>
public sealed class KvSnapshotReader(bool padded = false) : IDisposable
{
    /// <summary>Most bytes that may follow the zeros after the end of a padded snapshot.</summary>
    public const int MostTrailerBytes = 32;

    private readonly IncrementalHash _hash = KvSnapshot.NewHash();
    private byte[] _buffer = [];
    private int _filled;

    /// <summary>Where in the snapshot the buffer begins.</summary>
    private long _offset;

    /// <summary>Bytes of the trailer seen.</summary>
    private int _trailer;

    private StateBuilder? _builder;
    private KvState? _state;
    private bool _failed;

    /// <summary>What the snapshot begins with; null until it has been read.</summary>
    public KvSnapshotHeader? Header { get; private set; }

    /// <summary>True once the end has been read and was right.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Takes the next bytes.</summary>
    /// <exception cref="FormatException">They are wrong; the reader is of no use any more.</exception>
    public void Add(ReadOnlySpan<byte> bytes)
    {
        if (_failed) throw new FormatException("The snapshot was found damaged before.");
        try
        {
            if (!IsComplete) bytes = TakeIn(bytes);
            if (IsComplete) Skip(bytes);
        }
        catch (FormatException e)
        {
            _failed = true;
            throw new FormatException($"The snapshot is damaged at byte {_offset}: {e.Message.TrimEnd('.')}. Use another copy.", e);
        }
    }

    /// <summary>The state, as it was when the snapshot was made. Once only.</summary>
    /// <exception cref="FormatException">The end is missing.</exception>
    public KvStateMachine Complete() => new(TakeState());

    /// <summary>The state as the first one of a new cluster. Once only.</summary>
    /// <exception cref="FormatException">The end is missing.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The revision would jump back or out of range, or the slot is negative.</exception>
    public KvStateMachine Complete(RestoreOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegative(options.RevisionJump);
        ArgumentOutOfRangeException.ThrowIfNegative(options.Slot ?? 0);
        var state = TakeState();
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.RevisionJump, long.MaxValue - state.Store.Revision);
        return new KvStateMachine(state.Renew(options));
    }

    /// <inheritdoc/>
    public void Dispose() => _hash.Dispose();

    private KvState TakeState()
    {
        if (_failed) throw new FormatException("The snapshot was found damaged before.");
        if (!IsComplete) throw new FormatException($"The snapshot ends too early, at byte {_offset + _filled}: it was not written or copied whole.");
        var state = _state ?? throw new InvalidOperationException("The state has been handed out already.");
        _state = null;
        return state;
    }

    /// <summary>Takes records as long as they are whole; what follows the end is handed back.</summary>
    private ReadOnlySpan<byte> TakeIn(ReadOnlySpan<byte> bytes)
    {
        var needed = checked(_filled + bytes.Length);
        if (_buffer.Length < needed) Array.Resize(ref _buffer, (int)Math.Max(needed, Math.Min(_buffer.Length * 2L, Array.MaxLength)));
        bytes.CopyTo(_buffer.AsSpan(_filled));
        _filled += bytes.Length;
        var position = 0;
        if (Header is null)
        {
            if (_filled < KvSnapshotHeader.Length) return default;
            Header = KvSnapshotHeader.Parse(_buffer);
            _builder = new StateBuilder(Header);
            _hash.AppendData(_buffer, 0, KvSnapshotHeader.Length);
            position = KvSnapshotHeader.Length;
            _offset = position;
        }

        while (!IsComplete && NextRecord(position) is { } length)
        {
            TakeRecord(_buffer.AsMemory(position, KvSnapshot.LengthBytes + length));
            position += KvSnapshot.LengthBytes + length;
            _offset += KvSnapshot.LengthBytes + length;
        }

        var rest = _filled - position;
        if (IsComplete) return bytes[^rest..];
        _buffer.AsSpan(position, rest).CopyTo(_buffer);
        _filled = rest;
        return default;
    }

    /// <summary>Length of the record at <paramref name="position"/> when all of it is there.</summary>
    private int? NextRecord(int position)
    {
        if (_filled - position < KvSnapshot.LengthBytes) return null;
        var length = BinaryPrimitives.ReadUInt32LittleEndian(_buffer.AsSpan(position));
        if (length == 0 || length > Array.MaxLength - KvSnapshot.LengthBytes) throw new FormatException($"a record can't be {length} bytes long");
        return _filled - position - KvSnapshot.LengthBytes < length ? null : (int)length;
    }

    private void TakeRecord(ReadOnlyMemory<byte> framed)
    {
        var record = framed[KvSnapshot.LengthBytes..];
        if (record.Span[0] != (byte)SnapshotTag.End)
        {
            _hash.AppendData(framed.Span);
            _builder!.Take(record);
            return;
        }

        if (!record.Span[1..].SequenceEqual(_hash.GetHashAndReset())) throw new FormatException("the SHA-256 of what was read is another");
        _state = _builder!.Finish();
        _builder = null;
        IsComplete = true;
    }

    private void Skip(ReadOnlySpan<byte> bytes)
    {
        if (!padded && !bytes.IsEmpty) throw new FormatException("bytes follow the end");
        if (_trailer == 0)
        {
            var zeros = bytes.IndexOfAnyExcept((byte)0);
            zeros = zeros < 0 ? bytes.Length : zeros;
            _offset += zeros;
            bytes = bytes[zeros..];
        }

        _trailer += Math.Min(bytes.Length, MostTrailerBytes + 1);
        if (_trailer > MostTrailerBytes) throw new FormatException("more follows the end than padding and a trailer");
    }
}

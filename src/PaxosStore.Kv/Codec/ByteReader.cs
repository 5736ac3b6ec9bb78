using System.Buffers.Binary;
using System.Text;

namespace PaxosStore.Kv;

/// <summary>
/// Reads what <see cref="ByteWriter"/> wrote and refuses everything it would not have written. Byte strings are slices of the input.
/// </summary>
internal ref struct ByteReader(ReadOnlyMemory<byte> input)
{
    private readonly ReadOnlyMemory<byte> _input = input;
    private readonly ReadOnlySpan<byte> _span = input.Span;
    private int _position;

    public readonly int Remaining => _span.Length - _position;

    public byte Byte()
    {
        if (_position == _span.Length) throw Malformed("ends too early");
        return _span[_position++];
    }

    public bool Flag() => Byte() switch
    {
        0 => false,
        1 => true,
        _ => throw Malformed("flag is neither 0 nor 1"),
    };

    public ulong Unsigned()
    {
        var value = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var group = Byte();
            if (shift == 63 && group > 1) throw Malformed("number is too large");
            value |= (ulong)(group & 0x7F) << shift;
            if (group >= 0x80) continue;
            if (group == 0 && shift != 0) throw Malformed("number is longer than it need be");
            return value;
        }

        throw Malformed("number is too long");
    }

    public long Signed()
    {
        var value = Unsigned();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    public ulong Fixed64()
    {
        if (Remaining < 8) throw Malformed("ends too early");
        var value = BinaryPrimitives.ReadUInt64LittleEndian(_span[_position..]);
        _position += 8;
        return value;
    }

    /// <summary>How many items of at least one byte each follow.</summary>
    public int Count()
    {
        var count = Unsigned();
        if (count > (uint)Remaining) throw Malformed("count is larger than what follows");
        return (int)count;
    }

    public ReadOnlyMemory<byte> Bytes()
    {
        var length = Count();
        var bytes = _input.Slice(_position, length);
        _position += length;
        return bytes;
    }

    /// <summary>Everything up to the end.</summary>
    public ReadOnlyMemory<byte> Rest()
    {
        var rest = _input[_position..];
        _position = _span.Length;
        return rest;
    }

    public string Text()
    {
        try
        {
            return ByteWriter.StrictUtf8.GetString(Bytes().Span);
        }
        catch (DecoderFallbackException e)
        {
            throw new FormatException("Malformed command: text is not UTF-8.", e);
        }
    }

    public T Enum<T>()
        where T : struct, Enum
    {
        var value = (int)Byte();
        var member = System.Runtime.CompilerServices.Unsafe.As<int, T>(ref value);
        return System.Enum.IsDefined(member) ? member : throw Malformed("choice is unknown");
    }

    public readonly void End()
    {
        if (_position != _span.Length) throw Malformed("bytes are left over");
    }

    public static FormatException Malformed(string why) => new($"Malformed command: {why}.");
}

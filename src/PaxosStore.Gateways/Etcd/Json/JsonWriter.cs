using System.Buffers;
using System.Buffers.Text;
using System.Collections;
using System.Globalization;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace PaxosStore.Gateways.Etcd.Json;

/// <summary>
/// Writes messages as etcd's gateway does, to the byte: names as in the proto file, 64-bit numbers as strings, enums by name, bytes in base64, and
/// nothing for what is not set. No blanks.
/// </summary>
internal static class JsonWriter
{
    private static readonly SearchValues<char> Escaped = SearchValues.Create(
        "\"\\<>&\u2028\u2029\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000B\f\r\u000E\u000F\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001A\u001B\u001C\u001D\u001E\u001F");

    internal static void Write(IBufferWriter<byte> to, IMessage message)
    {
        to.Write("{"u8);
        var first = true;
        foreach (var field in JsonFields.Of(message.Descriptor).InOrder)
        {
            if (!IsSet(field.Descriptor, message)) continue;
            if (!first) to.Write(","u8);
            first = false;
            to.Write(field.Label);
            var value = field.Descriptor.Accessor.GetValue(message);
            if (field.Descriptor.IsRepeated) WriteList(to, field.Descriptor, (IList)value);
            else WriteValue(to, field.Descriptor, value);
        }

        to.Write("}"u8);
    }

    /// <summary>Writes a string as Go does: what could end a script is escaped, all else stands as it is.</summary>
    internal static void WriteText(IBufferWriter<byte> to, string text)
    {
        to.Write("\""u8);
        var rest = text.AsSpan();
        while (rest.IndexOfAny(Escaped) is >= 0 and var at)
        {
            Encoding.UTF8.GetBytes(rest[..at], to);
            WriteEscape(to, rest[at]);
            rest = rest[(at + 1)..];
        }

        Encoding.UTF8.GetBytes(rest, to);
        to.Write("\""u8);
    }

    private static bool IsSet(FieldDescriptor field, IMessage message)
    {
        if (field.ContainingOneof is { } oneof) return oneof.Accessor.GetCaseFieldDescriptor(message) == field;
        var value = field.Accessor.GetValue(message);
        if (field.IsRepeated) return ((IList)value).Count > 0;
        return value switch
        {
            null => false,
            bool flag => flag,
            long number => number != 0,
            ulong number => number != 0,
            int number => number != 0,
            uint number => number != 0,
            string text => text.Length > 0,
            ByteString bytes => !bytes.IsEmpty,
            Enum choice => Convert.ToInt32(choice, CultureInfo.InvariantCulture) != 0,
            _ => true,
        };
    }

    private static void WriteList(IBufferWriter<byte> to, FieldDescriptor field, IList values)
    {
        to.Write("["u8);
        for (var i = 0; i < values.Count; i++)
        {
            if (i > 0) to.Write(","u8);
            WriteValue(to, field, values[i]!);
        }

        to.Write("]"u8);
    }

    private static void WriteValue(IBufferWriter<byte> to, FieldDescriptor field, object value)
    {
        switch (value)
        {
            case IMessage message: Write(to, message); break;
            case ByteString bytes: WriteBytes(to, bytes.Span); break;
            case string text: WriteText(to, text); break;
            case bool flag: to.Write(flag ? "true"u8 : "false"u8); break;
            case long or ulong: WriteAscii(to, string.Create(CultureInfo.InvariantCulture, $"\"{value}\"")); break;
            case Enum choice: WriteChoice(to, field, Convert.ToInt32(choice, CultureInfo.InvariantCulture)); break;
            case int or uint: WriteAscii(to, string.Create(CultureInfo.InvariantCulture, $"{value}")); break;
            default: throw new NotSupportedException($"{field.FullName} has a type that no message of etcd's has.");
        }
    }

    private static void WriteChoice(IBufferWriter<byte> to, FieldDescriptor field, int number)
    {
        if (field.EnumType.FindValueByNumber(number) is { } known) WriteText(to, known.Name);
        else WriteAscii(to, number.ToString(CultureInfo.InvariantCulture));
    }

    private static void WriteBytes(IBufferWriter<byte> to, ReadOnlySpan<byte> bytes)
    {
        to.Write("\""u8);
        var target = to.GetSpan(Base64.GetMaxEncodedToUtf8Length(bytes.Length));
        Base64.EncodeToUtf8(bytes, target, out _, out var written);
        to.Advance(written);
        to.Write("\""u8);
    }

    private static void WriteEscape(IBufferWriter<byte> to, char c)
    {
        WriteAscii(to, c switch
        {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            _ => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
        });
    }

    private static void WriteAscii(IBufferWriter<byte> to, string text) => Encoding.ASCII.GetBytes(text, to);
}

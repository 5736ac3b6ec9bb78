using System.Buffers;
using System.Buffers.Text;
using System.Collections;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace PaxosStore.Gateways.Etcd.Json;

/// <summary>A request is no JSON, or not of the message's shape; the text is for the client.</summary>
internal sealed class JsonShapeException(string message) : Exception(message);

/// <summary>
/// Reads messages as etcd's gateway does: names as in the proto file or in camel case, numbers bare or as strings, enums by name or number, bytes in
/// standard base64; <c>null</c> leaves a field as it is, the last of equal names counts, and what is unknown is passed over.
/// </summary>
internal static class JsonReader
{
    // Deeper than any transaction that passes the checks; the parser of protobuf stops at 100 messages, which are two levels each.
    private static readonly JsonReaderOptions Options = new() { MaxDepth = 256 };

    /// <exception cref="JsonShapeException">It can't be read.</exception>
    internal static void Read(ReadOnlySequence<byte> json, IMessage message)
    {
        var reader = new Utf8JsonReader(json, Options);
        try
        {
            if (reader.Read()) ReadMessage(ref reader, message);
        }
        catch (JsonException e)
        {
            throw new JsonShapeException($"invalid JSON at byte {e.BytePositionInLine} of line {e.LineNumber + 1}");
        }
        catch (InvalidOperationException)
        {
            // What the tokenizer let pass and is no text: broken UTF-8, half a surrogate pair.
            throw new JsonShapeException("invalid UTF-8 in a string");
        }
    }

    private static void ReadMessage(ref Utf8JsonReader reader, IMessage message)
    {
        if (reader.TokenType == JsonTokenType.Null) return;
        if (reader.TokenType != JsonTokenType.StartObject) throw Mismatch(ref reader, "map[string]json.RawMessage");
        var fields = JsonFields.Of(message.Descriptor);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var field = fields.Find(reader.GetString()!);
            reader.Read();
            if (field is null) reader.Skip();
            else if (field.Descriptor.IsRepeated) ReadList(ref reader, field, (IList)field.Descriptor.Accessor.GetValue(message));
            else if (ReadValue(ref reader, field) is { } value) field.Descriptor.Accessor.SetValue(message, value);
        }
    }

    private static void ReadList(ref Utf8JsonReader reader, JsonField field, IList list)
    {
        if (reader.TokenType == JsonTokenType.Null) return;
        if (reader.TokenType != JsonTokenType.StartArray) throw Mismatch(ref reader, "[]json.RawMessage");
        list.Clear();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray) list.Add(ReadValue(ref reader, field) ?? Zero(field.Descriptor));
    }

    /// <summary>The value, or null where JSON says null.</summary>
    private static object? ReadValue(ref Utf8JsonReader reader, JsonField field)
    {
        if (reader.TokenType == JsonTokenType.Null) return null;
        switch (field.Descriptor.FieldType)
        {
            case FieldType.Message:
                var message = Empty(field.Descriptor.MessageType);
                ReadMessage(ref reader, message);
                return message;
            case FieldType.Bytes:
                return reader.TokenType == JsonTokenType.String ? FromBase64(reader.GetString()!) : throw Mismatch(ref reader, field.GoType);
            case FieldType.String:
                return reader.TokenType == JsonTokenType.String ? reader.GetString() : throw Mismatch(ref reader, field.GoType);
            case FieldType.Bool:
                return reader.TokenType is JsonTokenType.True or JsonTokenType.False ? reader.GetBoolean() : throw Mismatch(ref reader, field.GoType);
            case FieldType.Enum when reader.TokenType == JsonTokenType.String:
                return Choice(reader.GetString()!, field);
            default:
                return Number(ref reader, field);
        }
    }

    private static object? Number(ref Utf8JsonReader reader, JsonField field)
    {
        if (reader.TokenType is not (JsonTokenType.Number or JsonTokenType.String)) throw Mismatch(ref reader, field.GoType);
        var text = reader.TokenType == JsonTokenType.String
            ? reader.GetString()!.Trim(' ', '\t', '\r', '\n')
            : Encoding.ASCII.GetString(reader.HasValueSequence ? reader.ValueSequence.ToArray() : reader.ValueSpan);
        if (reader.TokenType == JsonTokenType.String)
        {
            if (text == "null") return null;
            if (text.Length == 0) throw new JsonShapeException("unexpected end of JSON input");
            if (text[0] != '-' && !char.IsAsciiDigit(text[0])) throw new JsonShapeException($"invalid character {Quoted(text)} looking for beginning of value");
        }

        object? number = field.Descriptor.FieldType switch
        {
            FieldType.Int64 => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var n) ? n : null,
            FieldType.UInt64 => ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : null,
            FieldType.Int32 or FieldType.Enum => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var n) ? n : null,
            FieldType.UInt32 => uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : null,
            _ => throw new NotSupportedException($"{field.Descriptor.FullName} has a type that no message of etcd's has."),
        };
        return number ?? throw new JsonShapeException($"json: cannot unmarshal number {text} into Go value of type {field.GoType}");
    }

    // The runtime turns the number into the enum.
    private static int Choice(string name, JsonField field) =>
        field.Descriptor.EnumType.FindValueByName(name)?.Number
        ?? throw new JsonShapeException($"unknown value \"{name}\" for enum {field.GoType}");

    private static ByteString FromBase64(string text)
    {
        var bytes = new byte[Base64.GetMaxDecodedFromUtf8Length(text.Length)];
        if (Convert.TryFromBase64String(text, bytes, out var written) && !text.AsSpan().ContainsAny(" \t")) return UnsafeByteOperations.UnsafeWrap(bytes.AsMemory(0, written));
        var good = text.AsSpan().IndexOfAnyExcept(Base64Text);
        throw new JsonShapeException($"illegal base64 data at input byte {Math.Max(0, good)}");
    }

    private static readonly SearchValues<char> Base64Text = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\r\n");

    private static string Quoted(string text) => text[0] == '\'' ? "'\\''" : $"'{text[0]}'";

    private static IMessage Empty(MessageDescriptor type) => type.Parser.ParseFrom(ByteString.Empty);

    private static object Zero(FieldDescriptor field) => field.FieldType switch
    {
        FieldType.Message => Empty(field.MessageType),
        FieldType.Bytes => ByteString.Empty,
        FieldType.String => "",
        FieldType.Bool => false,
        FieldType.Int64 => 0L,
        FieldType.UInt64 => 0UL,
        FieldType.UInt32 => 0U,
        _ => 0,
    };

    private static JsonShapeException Mismatch(ref Utf8JsonReader reader, string goType)
    {
        var found = reader.TokenType switch
        {
            JsonTokenType.StartObject => "object",
            JsonTokenType.StartArray => "array",
            JsonTokenType.String => "string",
            JsonTokenType.Number => "number",
            _ => "bool",
        };
        return new JsonShapeException($"json: cannot unmarshal {found} into Go value of type {goType}");
    }
}

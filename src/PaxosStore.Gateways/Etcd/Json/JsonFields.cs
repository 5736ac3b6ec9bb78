using System.Collections.Concurrent;
using System.Text;
using Google.Protobuf.Reflection;

namespace PaxosStore.Gateways.Etcd.Json;

/// <summary>The fields of a message as JSON knows them.</summary>
internal sealed class JsonFields
{
    private static readonly ConcurrentDictionary<MessageDescriptor, JsonFields> Known = new();

    private readonly Dictionary<string, JsonField> byName = new(StringComparer.Ordinal);

    private JsonFields(MessageDescriptor message)
    {
        InOrder = [.. message.Fields.InDeclarationOrder().Select(field => new JsonField(field))];
        foreach (var field in InOrder)
        {
            byName[field.Descriptor.JsonName] = field;
            byName[field.Descriptor.Name] = field;
        }
    }

    /// <summary>As declared, which is the order they are written in.</summary>
    internal IReadOnlyList<JsonField> InOrder { get; }

    internal static JsonFields Of(MessageDescriptor message) => Known.GetOrAdd(message, static m => new JsonFields(m));

    /// <summary>The field of that name, the one of the proto file or its camel-case form; null when there is none.</summary>
    internal JsonField? Find(string name) => byName.GetValueOrDefault(name);
}

/// <summary>One field.</summary>
internal sealed class JsonField(FieldDescriptor descriptor)
{
    internal FieldDescriptor Descriptor { get; } = descriptor;

    /// <summary><c>"name":</c></summary>
    internal byte[] Label { get; } = Encoding.UTF8.GetBytes($"\"{descriptor.Name}\":");

    /// <summary>How etcd's language calls the type of a value, for errors that name it.</summary>
    internal string GoType { get; } = descriptor.FieldType switch
    {
        FieldType.Bytes => "[]uint8",
        FieldType.Message => "map[string]json.RawMessage",
        FieldType.Enum => GoName(descriptor.EnumType),
        _ => descriptor.FieldType.ToString().ToLowerInvariant(),
    };

    // Nested types: package.Outer_Inner.
    private static string GoName(EnumDescriptor type)
    {
        var package = type.File.Package;
        return $"{package}.{type.FullName[(package.Length + 1)..].Replace('.', '_')}";
    }
}

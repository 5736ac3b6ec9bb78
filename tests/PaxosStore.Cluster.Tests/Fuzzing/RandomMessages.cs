using Etcdserverpb;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace PaxosStore.Cluster.Tests.Fuzzing;

/// <summary>Requests with any of their fields set to anything.</summary>
internal static class RandomMessages
{
    private const int MaxDepth = 5;
    private static readonly long[] Numbers = [0, 1, 2, 3, -1, 60, 1000, int.MaxValue, int.MinValue, long.MaxValue, long.MinValue];
    private static readonly string[] Texts = ["", "a", "b", "a/1", "\0", "k", "l", "name", "http://127.0.0.1:1", "\ud7ff\u0301", new string('x', 300)];

    /// <summary>Every service on the port.</summary>
    public static IReadOnlyList<MethodDescriptor> Methods { get; } =
    [
        .. new[] { RpcReflection.Descriptor, V3Lockpb.LockReflection.Descriptor, V3Electionpb.ElectionReflection.Descriptor, Grpc.Health.V1.HealthReflection.Descriptor }
            .SelectMany(file => file.Services).SelectMany(service => service.Methods),
    ];

    /// <summary>Whether an answer may rightly take its time.</summary>
    public static bool Waits(MethodDescriptor method) =>
        method.IsServerStreaming || method.IsClientStreaming || method.Name is "Lock" or "Campaign";

    public static IMessage Create(MessageDescriptor type, Random random, int depth = 0)
    {
        var message = type.Parser.ParseFrom(ByteString.Empty);
        foreach (var field in type.Fields.InDeclarationOrder())
        {
            if (random.Next(2) == 0 || (field.FieldType == FieldType.Message && depth >= MaxDepth))
                continue;
            if (field.IsRepeated)
            {
                var list = (System.Collections.IList)field.Accessor.GetValue(message);
                for (var n = random.Next(4); n > 0; n--)
                    list.Add(Value(field, random, depth));
            }
            else
            {
                field.Accessor.SetValue(message, Value(field, random, depth));
            }
        }

        return message;
    }

    private static object Value(FieldDescriptor field, Random random, int depth)
    {
        var number = random.Next(3) == 0 ? random.NextInt64() : Numbers[random.Next(Numbers.Length)];
        return field.FieldType switch
        {
            FieldType.Message => Create(field.MessageType, random, depth + 1),
            FieldType.Enum => Enum.ToObject(field.EnumType.ClrType, random.Next(8) == 0 ? (int)number : random.Next(field.EnumType.Values.Count)),
            FieldType.Bool => random.Next(2) == 0,
            FieldType.Bytes => random.Next(4) == 0 ? ByteString.CopyFrom(Damage.Noise(random, random.Next(200))) : ByteString.CopyFromUtf8(Text(random)),
            FieldType.String => Text(random),
            FieldType.Int64 => number,
            FieldType.UInt64 => (ulong)number,
            FieldType.Int32 => (int)number,
            FieldType.UInt32 => (uint)number,
            var other => throw new InvalidOperationException($"{field.FullName} is of a kind that no request had so far: {other}"),
        };
    }

    private static string Text(Random random) => Texts[random.Next(Texts.Length)];
}

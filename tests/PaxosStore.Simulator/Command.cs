using System.Buffers.Binary;

namespace PaxosStore.Simulator;

/// <summary>A client's write: which request of which client, and a word that follows from both, so that invented ones are told.</summary>
internal readonly record struct Command(int Client, int Request, ulong Word)
{
    public static ulong WordOf(int client, int request) => Plan.Mix((ulong)request, (ulong)client + 100);

    public static Command Decode(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadInt32LittleEndian(bytes),
        BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]),
        BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]));

    public static byte[] Encode(int client, int request, int size)
    {
        var bytes = new byte[Math.Max(16, size)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, client);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), request);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(8), WordOf(client, request));
        return bytes;
    }
}

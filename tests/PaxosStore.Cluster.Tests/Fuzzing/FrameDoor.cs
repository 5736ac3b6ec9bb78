using System.Buffers.Binary;
using System.Text;
using Etcdserverpb;
using Google.Protobuf;
using PaxosStore.Cluster.Tests.Scenarios;

namespace PaxosStore.Cluster.Tests.Fuzzing;

/// <summary>Conversations in HTTP/2 whose frames are lost, repeated, swapped, altered and sent in floods.</summary>
internal sealed class FrameDoor(Prey prey) : Door
{
    private const byte Data = 0, Headers = 1, Priority = 2, Reset = 3, Settings = 4, Push = 5, Ping = 6, GoAway = 7, WindowUpdate = 8, Continuation = 9;
    private const byte EndStream = 1, EndHeaders = 4;
    private static readonly string[] Paths =
        ["/etcdserverpb.KV/Put", "/etcdserverpb.KV/Range", "/etcdserverpb.KV/Txn", "/etcdserverpb.Watch/Watch", "/etcdserverpb.Lease/LeaseKeepAlive", "/no.Such/Thing", "/v3/kv/put"];

    public override async Task<string?> AttackAsync(Random random)
    {
        var frames = Honest(random);
        for (var n = random.Next(4); n > 0; n--)
            Disorder(frames, random);
        byte[] bytes = [.. RawAttack.Preface, .. frames.SelectMany(f => f)];
        await RawExchange.RunAsync(prey.Port, Damage.Do(bytes, random, most: 3, splinters: []), abort: random.Next(8) == 0);
        return "frames";
    }

    private static List<byte[]> Honest(Random random)
    {
        List<byte[]> frames = [Frame(Settings, 0, 0, [])];
        for (var stream = 1; stream < 2 + (2 * random.Next(5)); stream += 2)
        {
            var body = new PutRequest { Key = ByteString.CopyFromUtf8("f"), Value = ByteString.CopyFrom(Damage.Noise(random, random.Next(50))) }.ToByteArray();
            frames.Add(Frame(Headers, EndHeaders, stream, Fields(Paths[random.Next(Paths.Length)])));
            frames.Add(Frame(Data, (byte)random.Next(2), stream, Message(body)));
        }

        return frames;
    }

    private static void Disorder(List<byte[]> frames, Random random)
    {
        var at = random.Next(frames.Count);
        var stream = random.Next(8);
        switch (random.Next(7))
        {
            case 0: frames.RemoveAt(at); frames.Add(Frame(Ping, 0, 0, new byte[8])); break;
            case 1: frames.Insert(at, frames[random.Next(frames.Count)]); break;
            case 2: (frames[at], frames[0]) = (frames[0], frames[at]); break;
            case 3: frames.Insert(at, Frame((byte)random.Next(12), (byte)random.Next(256), stream, Damage.Noise(random, random.Next(40)))); break;
            case 4: frames[at] = Damage.Do(frames[at], random, most: 2, splinters: []); break;
            case 5: frames.Insert(at, Any(random, stream)); break;
            default: frames.InsertRange(at, Flood(random)); break;
        }
    }

    // Frames that are well formed and out of place.
    private static byte[] Any(Random random, int stream)
    {
        var number = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, random.Next(3) switch { 0 => 0, 1 => int.MaxValue, _ => random.Next() });
        return random.Next(7) switch
        {
            0 => Frame(Reset, 0, stream, number),
            1 => Frame(WindowUpdate, 0, random.Next(2) * stream, number),
            2 => Frame(Priority, 0, stream, [.. number, 1]),
            3 => Frame(GoAway, 0, 0, [.. number, .. number]),
            4 => Frame(Settings, (byte)random.Next(2), 0, [0, (byte)random.Next(8), .. number]),
            5 => Frame(Push, EndHeaders, stream, [.. number, .. Fields("/")]),
            _ => Frame(Data, 8, stream, [.. Damage.Noise(random, random.Next(1, 300))]),
        };
    }

    private static IEnumerable<byte[]> Flood(Random random)
    {
        var count = random.Next(1, 500);
        var kind = random.Next(5);
        var first = 9 + (2 * random.Next(100));
        IEnumerable<byte[]> Once(int i) => kind switch
        {
            0 => [Frame(Ping, 0, 0, new byte[8])],
            1 => [Frame(Settings, 0, 0, [0, 4, 0, 0, 0, (byte)i])],
            2 => [Frame(Headers, EndHeaders, first + (2 * i), Fields(Paths[i % Paths.Length])), Frame(Reset, 0, first + (2 * i), new byte[4])],
            3 => [Frame(i == 0 ? Headers : Continuation, 0, first, Fields("/" + new string('a', 200)))],
            _ => [Frame(Data, 0, first, [])],
        };
        return Enumerable.Range(0, count).SelectMany(Once);
    }

    // Request headers in HPACK: POST and http from the static table, the rest literal.
    private static byte[] Fields(string path) =>
    [
        0x83, 0x86, 0x04, .. Text(path), 0x01, .. Text("127.0.0.1"),
        0x00, .. Text("content-type"), .. Text("application/grpc"), 0x00, .. Text("te"), .. Text("trailers"),
    ];

    private static byte[] Text(string text) =>
        text.Length < 127 ? [(byte)text.Length, .. Encoding.ASCII.GetBytes(text)] : [0x7F, .. VarInt(text.Length - 127), .. Encoding.ASCII.GetBytes(text)];

    private static byte[] VarInt(int value) => value < 128 ? [(byte)value] : [(byte)(value | 0x80), (byte)(value >> 7)];

    private static byte[] Message(byte[] payload)
    {
        var message = new byte[5 + payload.Length];
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(1), payload.Length);
        payload.CopyTo(message, 5);
        return message;
    }

    private static byte[] Frame(byte type, byte flags, int stream, byte[] payload)
    {
        var frame = new byte[9 + payload.Length];
        (frame[0], frame[1], frame[2], frame[3], frame[4]) = ((byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length, type, flags);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, 9);
        return frame;
    }
}

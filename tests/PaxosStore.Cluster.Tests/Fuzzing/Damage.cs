namespace PaxosStore.Cluster.Tests.Fuzzing;

/// <summary>What is done to bytes that made sense.</summary>
internal static class Damage
{
    private static readonly byte[] Extremes = [0, 1, 0x7F, 0x80, 0xFE, 0xFF];

    /// <summary>The bytes after up to <paramref name="most"/> wounds, possibly none; <paramref name="splinters"/> are pieces that mean something to the reader.</summary>
    public static byte[] Do(byte[] whole, Random random, int most, byte[][] splinters)
    {
        var bytes = whole.ToList();
        for (var n = random.Next(most + 1); n > 0; n--)
            Wound(bytes, random, splinters);
        return [.. bytes];
    }

    private static void Wound(List<byte> bytes, Random random, byte[][] splinters)
    {
        // What counts often stands near the beginning.
        var at = random.Next(random.Next(2) == 0 ? Math.Min(bytes.Count, 80) + 1 : bytes.Count + 1);
        var left = bytes.Count - at;
        switch (random.Next(8))
        {
            case 0 when splinters.Length > 0:
                bytes.InsertRange(at, splinters[random.Next(splinters.Length)]);
                break;
            case 1:
                bytes.RemoveRange(at, Math.Min(left, random.Next(1, 9)));
                break;
            case 2 when left > 0:
                bytes[at] = (byte)random.Next(256);
                break;
            case 3 when left > 0:
                bytes[at] = Extremes[random.Next(Extremes.Length)];
                break;
            case 4 when left > 0:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 5:
                bytes.InsertRange(at, bytes.GetRange(at, Math.Min(left, random.Next(1, 300))));
                break;
            case 6:
                bytes.InsertRange(at, Noise(random, random.Next(1, 300)));
                break;
            default:
                bytes.RemoveRange(at, left);
                break;
        }
    }

    /// <summary>Bytes that mean nothing.</summary>
    public static byte[] Noise(Random random, int length)
    {
        var bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }
}

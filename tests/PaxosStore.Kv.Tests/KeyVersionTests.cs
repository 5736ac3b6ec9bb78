using System.Runtime.InteropServices;

namespace PaxosStore.Kv.Tests;

/// <summary>A version holds no more memory than it is counted for, give or take half.</summary>
public sealed class KeyVersionTests
{
    [Theory]
    [InlineData(1000, 1000)]
    [InlineData(1000, 1400)]
    [InlineData(1000, 1600)]
    [InlineData(8, 70)]
    [InlineData(0, 64)]
    [InlineData(10, 1_000_000)]
    public void A_value_is_kept_in_its_command_or_copied_from_it(int length, int command)
    {
        var bytes = new byte[command];
        new Random(command).NextBytes(bytes);
        var part = bytes.AsMemory(command - length, length);
        var own = KeyVersion.Own(part);
        Assert.Equal(part, own, (a, b) => a.Span.SequenceEqual(b.Span));
        Assert.True(MemoryMarshal.TryGetArray(own, out var within));
        Assert.True(within.Array!.Length <= length * 3 / 2, $"{within.Array.Length} bytes are held for {length}");
        Assert.Equal(command <= length * 3 / 2, ReferenceEquals(bytes, within.Array));
    }
}

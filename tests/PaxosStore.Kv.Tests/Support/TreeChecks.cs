namespace PaxosStore.Kv.Tests;

internal static class TreeChecks
{
    /// <summary>Order, balance and sums of every node.</summary>
    public static void AssertSound(KeyNode? root) => Check(root, null, null);

    private static (int Height, long Live, long Newest) Check(KeyNode? node, byte[]? above, byte[]? below)
    {
        if (node is null) return (0, 0, 0);
        Assert.Same(node.Key, node.Head.Key);
        Assert.True(above is null || node.Key.AsSpan().SequenceCompareTo(above) > 0, "order");
        Assert.True(below is null || node.Key.AsSpan().SequenceCompareTo(below) < 0, "order");
        var left = Check(node.Left, above, node.Key);
        var right = Check(node.Right, node.Key, below);
        Assert.InRange(left.Height - right.Height, -1, 1);
        Assert.Equal(1 + Math.Max(left.Height, right.Height), node.Height);
        Assert.Equal(left.Live + right.Live + (node.Head.IsTombstone ? 0 : 1), node.Live);
        Assert.Equal(Math.Max(node.Head.ModRevision, Math.Max(left.Newest, right.Newest)), node.Newest);
        return (node.Height, node.Live, node.Newest);
    }
}

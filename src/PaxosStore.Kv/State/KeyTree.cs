namespace PaxosStore.Kv;

/// <summary>
/// A node of the persistent AVL tree of keys. Owned by the edit that made it: that edit changes it in place, any other copies it first,
/// so a published root never changes.
/// </summary>
internal sealed class KeyNode
{
    private readonly long _edit;

    public KeyNode(KeyVersion head, long edit)
    {
        Key = head.Key;
        Head = head;
        Height = 1;
        Live = head.IsTombstone ? 0 : 1;
        Newest = head.ModRevision;
        _edit = edit;
    }

    private KeyNode(KeyNode other, long edit)
    {
        Key = other.Key;
        Head = other.Head;
        Left = other.Left;
        Right = other.Right;
        Height = other.Height;
        Live = other.Live;
        Newest = other.Newest;
        _edit = edit;
    }

    public byte[] Key { get; set; }

    /// <summary>Newest version of the key; a tombstone stays here until it is compacted.</summary>
    public KeyVersion Head { get; set; }

    public KeyNode? Left { get; set; }

    public KeyNode? Right { get; set; }

    public int Height { get; set; }

    /// <summary>Live keys in this subtree.</summary>
    public long Live { get; set; }

    /// <summary>Highest mod revision in this subtree (an upper bound after a removal is never needed: it is recomputed).</summary>
    public long Newest { get; set; }

    public KeyNode OwnedBy(long edit) => _edit == edit ? this : new KeyNode(this, edit);

    public void Refresh()
    {
        var (left, right) = (Left, Right);
        Height = 1 + Math.Max(left?.Height ?? 0, right?.Height ?? 0);
        Live = (left?.Live ?? 0) + (right?.Live ?? 0) + (Head.IsTombstone ? 0 : 1);
        Newest = Math.Max(Head.ModRevision, Math.Max(left?.Newest ?? 0, right?.Newest ?? 0));
    }
}

/// <summary>Sees the keys of a range in order.</summary>
internal interface IKeyVisitor
{
    /// <summary>Looks at one live version; false ends the walk.</summary>
    bool Visit(KeyVersion version);
}

/// <summary>Operations on the tree of keys. Keys are ordered by unsigned bytes.</summary>
internal static class KeyTree
{
    /// <summary>The newest version of <paramref name="key"/>, tombstone or not.</summary>
    public static KeyVersion? Find(KeyNode? node, ReadOnlySpan<byte> key)
    {
        while (node is not null)
        {
            var order = key.SequenceCompareTo(node.Key);
            if (order == 0) return node.Head;
            node = order < 0 ? node.Left : node.Right;
        }

        return null;
    }

    /// <summary>
    /// Makes <paramref name="version"/> the newest of its key and links it to the one before, sharing that one's key bytes.
    /// Its mod revision must be the highest of the tree.
    /// </summary>
    public static KeyNode Put(KeyNode? root, KeyVersion version, long edit)
    {
        var liveDelta = 0;
        var inserted = false;
        return Put(root, version, edit, ref liveDelta, ref inserted);
    }

    private static KeyNode Put(KeyNode? node, KeyVersion version, long edit, ref int liveDelta, ref bool inserted)
    {
        if (node is null)
        {
            inserted = true;
            liveDelta = version.IsTombstone ? 0 : 1;
            return new KeyNode(version, edit);
        }

        var order = version.Key.AsSpan().SequenceCompareTo(node.Key);
        var own = node.OwnedBy(edit);
        if (order == 0)
        {
            liveDelta = (version.IsTombstone ? 0 : 1) - (own.Head.IsTombstone ? 0 : 1);
            version.Key = own.Key;
            version.Previous = own.Head;
            own.Head = version;
        }
        else if (order < 0)
        {
            own.Left = Put(own.Left, version, edit, ref liveDelta, ref inserted);
        }
        else
        {
            own.Right = Put(own.Right, version, edit, ref liveDelta, ref inserted);
        }

        if (inserted) return Balance(own, edit);

        // Nothing moved: the sums follow from the change alone, and the siblings' memory need not be touched.
        own.Live += liveDelta;
        own.Newest = version.ModRevision;
        return own;
    }

    /// <summary>Takes <paramref name="key"/> out of the tree.</summary>
    public static KeyNode? Remove(KeyNode? node, ReadOnlySpan<byte> key, long edit)
    {
        if (node is null) return null;
        var order = key.SequenceCompareTo(node.Key);
        if (order == 0 && node.Left is null) return node.Right;
        if (order == 0 && node.Right is null) return node.Left;

        var own = node.OwnedBy(edit);
        if (order == 0)
        {
            var next = own.Right!;
            while (next.Left is not null) next = next.Left;
            own.Key = next.Key;
            own.Head = next.Head;
            own.Right = Remove(own.Right, next.Key, edit);
        }
        else if (order < 0)
        {
            own.Left = Remove(own.Left, key, edit);
        }
        else
        {
            own.Right = Remove(own.Right, key, edit);
        }

        return Balance(own, edit);
    }

    private static KeyNode Balance(KeyNode own, long edit)
    {
        var lean = (own.Left?.Height ?? 0) - (own.Right?.Height ?? 0);
        if (lean > 1)
        {
            var left = own.Left!.OwnedBy(edit);
            if ((left.Left?.Height ?? 0) < (left.Right?.Height ?? 0)) left = RotateLeft(left, edit);
            own.Left = left;
            return RotateRight(own, edit);
        }

        if (lean < -1)
        {
            var right = own.Right!.OwnedBy(edit);
            if ((right.Right?.Height ?? 0) < (right.Left?.Height ?? 0)) right = RotateRight(right, edit);
            own.Right = right;
            return RotateLeft(own, edit);
        }

        own.Refresh();
        return own;
    }

    private static KeyNode RotateRight(KeyNode own, long edit)
    {
        var top = own.Left!.OwnedBy(edit);
        own.Left = top.Right;
        own.Refresh();
        top.Right = own;
        top.Refresh();
        return top;
    }

    private static KeyNode RotateLeft(KeyNode own, long edit)
    {
        var top = own.Right!.OwnedBy(edit);
        own.Right = top.Left;
        own.Refresh();
        top.Left = own;
        top.Refresh();
        return top;
    }

    /// <summary>
    /// Live keys of <paramref name="range"/> at <paramref name="revision"/>: O(log n) at the newest, else it also descends into the subtrees
    /// that have changed since.
    /// </summary>
    public static long Count(KeyNode? root, in KeyRange range, long revision)
    {
        if (range.End is not { } end) return Find(root, range.Start.Span)?.LiveAt(revision) is null ? 0 : 1;
        return CountBetween(root, range.Start.Span, end.Span, fromStart: true, toEnd: !end.IsEmpty, revision);
    }

    private static long CountBetween(
        KeyNode? node, ReadOnlySpan<byte> start, ReadOnlySpan<byte> end, bool fromStart, bool toEnd, long revision)
    {
        while (node is not null)
        {
            if (!fromStart && !toEnd && node.Newest <= revision) return node.Live;
            if (fromStart && start.SequenceCompareTo(node.Key) > 0)
            {
                node = node.Right;
            }
            else if (toEnd && end.SequenceCompareTo(node.Key) <= 0)
            {
                node = node.Left;
            }
            else
            {
                return (node.Head.LiveAt(revision) is null ? 0 : 1)
                    + CountBetween(node.Left, start, end, fromStart, toEnd: false, revision)
                    + CountBetween(node.Right, start, end, fromStart: false, toEnd, revision);
            }
        }

        return 0;
    }

    /// <summary>
    /// Shows <paramref name="visitor"/> the versions live at <paramref name="revision"/> in key order; false when it ended the walk.
    /// </summary>
    public static bool Walk<TVisitor>(KeyNode? root, in KeyRange range, long revision, ref TVisitor visitor)
        where TVisitor : struct, IKeyVisitor, allows ref struct
    {
        if (range.End is { } end) return Walk(root, range.Start.Span, end.Span, !end.IsEmpty, revision, ref visitor);
        return Find(root, range.Start.Span)?.LiveAt(revision) is not { } version || visitor.Visit(version);
    }

    private static bool Walk<TVisitor>(
        KeyNode? node, ReadOnlySpan<byte> start, ReadOnlySpan<byte> end, bool toEnd, long revision, ref TVisitor visitor)
        where TVisitor : struct, IKeyVisitor, allows ref struct
    {
        while (node is not null)
        {
            if (node.Live == 0 && node.Newest <= revision) return true;
            if (start.SequenceCompareTo(node.Key) > 0)
            {
                node = node.Right;
                continue;
            }

            if (toEnd && end.SequenceCompareTo(node.Key) <= 0)
            {
                node = node.Left;
                continue;
            }

            if (!Walk(node.Left, start, end, toEnd, revision, ref visitor)) return false;
            if (node.Head.LiveAt(revision) is { } version && !visitor.Visit(version)) return false;
            node = node.Right;
        }

        return true;
    }

    /// <summary>Calls <paramref name="see"/> with the newest version of every key, tombstones too, in key order.</summary>
    public static void ForEachHead(KeyNode? node, Action<KeyVersion> see)
    {
        for (; node is not null; node = node.Right)
        {
            ForEachHead(node.Left, see);
            see(node.Head);
        }
    }
}

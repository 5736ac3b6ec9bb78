namespace PaxosStore.Kv;

/// <summary>
/// Range watchers by interval: a treap ordered by (start, end) whose nodes know the highest end below them, so that the intervals
/// around a key are found without looking at the others. Priorities come from a counter, mixed.
/// </summary>
internal sealed class IntervalIndex
{
    private Node? _root;
    private ulong _made;

    public bool IsEmpty => _root is null;

    public void Add(KvWatcher watcher)
    {
        var (start, end) = Interval(watcher);
        var node = Find(start, end);
        if (node is null)
        {
            node = new Node(start, end, NextPriority());
            _root = Insert(_root, node);
        }

        node.Watchers.Add(watcher);
    }

    public void Remove(KvWatcher watcher)
    {
        var (start, end) = Interval(watcher);
        if (Find(start, end) is not { } node) return;
        node.Watchers.Remove(watcher);
        if (node.Watchers.Count == 0) _root = Delete(_root!, node);
    }

    public void Wake(KeyVersion version, List<KvWatcher> woken) => Wake(_root, version, woken);

    public void WakeAll(long since, long revision, List<KvWatcher> woken) => WakeAll(_root, since, revision, woken);

    private static void WakeAll(Node? node, long since, long revision, List<KvWatcher> woken)
    {
        for (; node is not null; node = node.Right)
        {
            WakeAll(node.Left, since, revision, woken);
            node.Watchers.WakeAll(since, revision, woken);
        }
    }

    private static void Wake(Node? node, KeyVersion version, List<KvWatcher> woken)
    {
        while (node is not null && EndsAfter(node.MaxEnd, version.Key))
        {
            Wake(node.Left, version, woken);
            if (version.Key.AsSpan().SequenceCompareTo(node.Start) < 0) return;
            if (EndsAfter(node.End, version.Key)) node.Watchers.Wake(version, woken);
            node = node.Right;
        }
    }

    private static bool EndsAfter(byte[] end, byte[] key) => end.Length == 0 || key.AsSpan().SequenceCompareTo(end) < 0;

    /// <summary>An empty end stands for no end.</summary>
    private static (byte[] Start, byte[] End) Interval(KvWatcher watcher) =>
        (watcher.Range.Start.ToArray(), watcher.Range.End!.Value.ToArray());

    private static int Order(byte[] start, byte[] end, Node node)
    {
        var order = start.AsSpan().SequenceCompareTo(node.Start);
        return order != 0 ? order : end.AsSpan().SequenceCompareTo(node.End);
    }

    private ulong NextPriority()
    {
        var mixed = ++_made * 0x9E3779B97F4A7C15;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
        return mixed ^ (mixed >> 27);
    }

    private Node? Find(byte[] start, byte[] end)
    {
        var node = _root;
        while (node is not null)
        {
            var order = Order(start, end, node);
            if (order == 0) return node;
            node = order < 0 ? node.Left : node.Right;
        }

        return null;
    }

    private static Node Insert(Node? node, Node added)
    {
        if (node is null) return added;
        if (Order(added.Start, added.End, node) < 0)
        {
            node.Left = Insert(node.Left, added);
            if (node.Left.Priority > node.Priority) return RotateRight(node);
        }
        else
        {
            node.Right = Insert(node.Right, added);
            if (node.Right.Priority > node.Priority) return RotateLeft(node);
        }

        node.Refresh();
        return node;
    }

    private static Node? Delete(Node node, Node gone)
    {
        var order = Order(gone.Start, gone.End, node);
        if (order == 0) return Join(node.Left, node.Right);
        if (order < 0) node.Left = Delete(node.Left!, gone);
        else node.Right = Delete(node.Right!, gone);
        node.Refresh();
        return node;
    }

    private static Node? Join(Node? left, Node? right)
    {
        if (left is null) return right;
        if (right is null) return left;
        if (left.Priority > right.Priority)
        {
            left.Right = Join(left.Right, right);
            left.Refresh();
            return left;
        }

        right.Left = Join(left, right.Left);
        right.Refresh();
        return right;
    }

    private static Node RotateRight(Node node)
    {
        var top = node.Left!;
        node.Left = top.Right;
        node.Refresh();
        top.Right = node;
        top.Refresh();
        return top;
    }

    private static Node RotateLeft(Node node)
    {
        var top = node.Right!;
        node.Right = top.Left;
        node.Refresh();
        top.Left = node;
        top.Refresh();
        return top;
    }

    private sealed class Node(byte[] start, byte[] end, ulong priority)
    {
        public byte[] Start { get; } = start;

        public byte[] End { get; } = end;

        public byte[] MaxEnd { get; private set; } = end;

        public ulong Priority { get; } = priority;

        public WatcherSet Watchers { get; } = new();

        public Node? Left { get; set; }

        public Node? Right { get; set; }

        public void Refresh()
        {
            var most = End;
            if (Left is not null) most = Later(most, Left.MaxEnd);
            if (Right is not null) most = Later(most, Right.MaxEnd);
            MaxEnd = most;
        }

        private static byte[] Later(byte[] x, byte[] y)
        {
            if (x.Length == 0 || y.Length == 0) return [];
            return x.AsSpan().SequenceCompareTo(y) >= 0 ? x : y;
        }
    }
}

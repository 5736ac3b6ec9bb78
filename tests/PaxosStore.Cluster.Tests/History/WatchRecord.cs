namespace PaxosStore.Cluster.Tests.History;

/// <summary>One event as a watcher was told it.</summary>
/// <param name="Revision">The key's revision of change.</param>
/// <param name="Key">The key.</param>
/// <param name="Value">What it holds now; null: deleted.</param>
/// <param name="Previous">What it held before, if the watcher asked and was told.</param>
/// <param name="CreateRevision">When the key came to be; 0 for a delete.</param>
/// <param name="Version">How often it was written since; 0 for a delete.</param>
public readonly record struct SeenEvent(long Revision, string Key, string? Value, string? Previous, long CreateRevision, long Version)
{
    /// <summary>The change as the log knows it.</summary>
    public KeyChange Change => new(Revision, Key, Value);
}

/// <summary>What a reply on a watch's stream was.</summary>
public enum WatchReplyKind
{
    /// <summary>The watch stands.</summary>
    Created,

    /// <summary>Events.</summary>
    Events,

    /// <summary>Nothing happened up to the revision that was not told already.</summary>
    Progress,

    /// <summary>The watch has ended.</summary>
    Canceled,
}

/// <summary>One reply on a watch's stream.</summary>
/// <param name="Time">When it arrived, by the clock of the history.</param>
/// <param name="Kind">What it was.</param>
/// <param name="Revision">The revision in its header.</param>
/// <param name="Events">The events in it, in order.</param>
/// <param name="IsFragment">More of the same reply follows in the next one.</param>
/// <param name="CompactRevision">Canceled because history below this revision is gone; 0: for another reason.</param>
public sealed record WatchReply(long Time, WatchReplyKind Kind, long Revision, IReadOnlyList<SeenEvent> Events, bool IsFragment = false, long CompactRevision = 0);

/// <summary>One stream of a watch: what was asked of which node, and all it told until it broke.</summary>
public sealed class WatchStream(string node, long start, long call)
{
    /// <summary>The node asked.</summary>
    public string Node { get; } = node;

    /// <summary>The revision asked for; 0: from now on.</summary>
    public long Start { get; } = start;

    /// <summary>When it was asked.</summary>
    public long Call { get; } = call;

    /// <summary>The replies in order.</summary>
    public List<WatchReply> Replies { get; init; } = [];
}

/// <summary>
/// What a client wanted to follow, over all the streams it took: each goes on behind the last revision that the one before it told.
/// </summary>
public sealed class Subscription(int watcher, string prefix, bool previous = false, bool noPut = false, bool noDelete = false, bool fragment = false)
{
    /// <summary>The client.</summary>
    public int Watcher { get; } = watcher;

    /// <summary>Keys that begin with this; empty: all keys.</summary>
    public string Prefix { get; } = prefix;

    /// <summary>Previous values are wanted.</summary>
    public bool WantsPrevious { get; } = previous;

    /// <summary>Puts are not wanted.</summary>
    public bool NoPut { get; } = noPut;

    /// <summary>Deletes are not wanted.</summary>
    public bool NoDelete { get; } = noDelete;

    /// <summary>Large replies may come in parts.</summary>
    public bool Fragment { get; } = fragment;

    /// <summary>Its streams, in order.</summary>
    public List<WatchStream> Streams { get; init; } = [];

    /// <summary>Whether it must have been told everything up to the end of the run.</summary>
    public bool ToTheEnd { get; set; }

    /// <summary>Whether a change is one it asked for.</summary>
    public bool Wants(KeyChange change) =>
        change.Key.StartsWith(Prefix, StringComparison.Ordinal) && !(change.IsDelete ? NoDelete : NoPut);
}

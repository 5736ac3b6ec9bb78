namespace PaxosStore.Gateways.Etcd.Compaction;

/// <summary>Decides up to which revision history may go. Pure: time and revisions are told to it.</summary>
internal abstract class CompactionRule
{
    /// <summary>How often to ask it.</summary>
    internal abstract TimeSpan Interval { get; }

    /// <summary>The revision to compact to, or 0 while all is to stay.</summary>
    /// <param name="now">Elapsed time; never less than the time before.</param>
    /// <param name="revision">The store's revision at that time.</param>
    internal abstract long Target(TimeSpan now, long revision);

    /// <summary>The rule of a setting; null when nothing is ever to go by itself.</summary>
    internal static CompactionRule? For(AutoCompaction setting) => setting switch
    {
        AutoCompaction.Periodic periodic => new PeriodicRule(periodic.Retention),
        AutoCompaction.Revision revision => new RevisionRule(revision.Retention),
        _ => null,
    };
}

/// <summary>
/// Keeps what is younger than the retention. Revisions do not tell their age, so the newest one is written down ten times per retention (and ten times an
/// hour at least, once a second at most): history reaches that much further back than asked for, never less.
/// </summary>
internal sealed class PeriodicRule(TimeSpan retention) : CompactionRule
{
    private const int SamplesPerRetention = 10;

    private static readonly TimeSpan ShortestInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestInterval = TimeSpan.FromHours(1) / SamplesPerRetention;

    private readonly Queue<(TimeSpan At, long Revision)> samples = [];
    private TimeSpan? sampled;
    private long target;

    /// <inheritdoc/>
    internal override TimeSpan Interval { get; } = new(Math.Clamp(retention.Ticks / SamplesPerRetention, ShortestInterval.Ticks, LongestInterval.Ticks));

    /// <inheritdoc/>
    internal override long Target(TimeSpan now, long revision)
    {
        // Asked more often than agreed, it would write down more than it needs.
        if (sampled is not { } last || now - last >= Interval / 2)
        {
            sampled = now;
            samples.Enqueue((now, revision));
        }

        while (samples.Count > 0 && now - samples.Peek().At >= retention) target = samples.Dequeue().Revision;
        return target;
    }
}

/// <summary>
/// Keeps the newest revisions, as many as the retention says. Looked at every few seconds rather than every five minutes as etcd does: what is kept beyond
/// the retention is what is written in that time.
/// </summary>
internal sealed class RevisionRule(long retention) : CompactionRule
{
    /// <inheritdoc/>
    internal override TimeSpan Interval => TimeSpan.FromSeconds(3);

    /// <inheritdoc/>
    internal override long Target(TimeSpan now, long revision) => Math.Max(0, revision - retention);
}

namespace PaxosStore.Consensus;

/// <summary>Timing and bounds of the engine. Safety depends on none of them.</summary>
public sealed record PaxosOptions
{
    /// <summary>How often a leader shows that it is alive.</summary>
    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Least time without a leader's sign of life before a node tries to lead; each wait is drawn from 1 to 2 times this.</summary>
    public TimeSpan ElectionTimeout { get; init; } = TimeSpan.FromMilliseconds(600);

    /// <summary>α: most slots in flight.</summary>
    public int PipelineWindow { get; init; } = 64;

    /// <summary>Most bytes in flight.</summary>
    public int PipelineBytes { get; init; } = 8 << 20;

    /// <summary>While this many slots are in flight, further commands gather into the next batch (group commit).</summary>
    public int EagerSlots { get; init; } = 2;

    /// <summary>A batch this large is proposed without waiting for the slots in flight.</summary>
    public int BatchBytes { get; init; } = 256 << 10;

    /// <summary>Most bytes of one batch, unless a single command is larger.</summary>
    public int MaxBatchBytes { get; init; } = 1 << 20;

    /// <summary>Most commands waiting behind the window.</summary>
    public int QueueCommands { get; init; } = 20_000;

    /// <summary>Most bytes waiting behind the window.</summary>
    public int QueueBytes { get; init; } = 32 << 20;

    /// <summary>Most read barriers waiting.</summary>
    public int QueueReads { get; init; } = 20_000;

    /// <summary>Read confirmation rounds in flight before further reads share the next one.</summary>
    public int ReadRounds { get; init; } = 2;

    /// <summary>Most bytes of entries in one message (parts of promises, catch-up).</summary>
    public int MessageBytes { get; init; } = 1 << 20;

    /// <summary>
    /// While so many bytes wait for the disk, what would add to them is dropped as if it had been lost on its way (<see cref="Acceptor.DropsWhileBehind"/>,
    /// <see cref="Learner.AddsToBacklog"/>): a disk that is full or stands still costs no more memory than that.
    /// </summary>
    public int BacklogBytes { get; init; } = 64 << 20;

    /// <summary>Most slots a learner holds that it cannot deliver yet.</summary>
    public int LearnerWindow { get; init; } = 4096;

    /// <summary>Pause after each piece of a snapshot that is fetched: with the size of the pieces it bounds what the transfer takes from the network.</summary>
    public TimeSpan SnapshotPause { get; init; } = TimeSpan.FromMilliseconds(5);
}

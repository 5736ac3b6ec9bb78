using System.Collections.Immutable;

namespace PaxosStore.Consensus;

/// <summary>
/// What one slot of the log holds: a batch of opaque commands, perhaps the next configuration, and the stamps its first proposer gave it.
/// A leader that adopts a value in phase 1 proposes it unchanged, stamps included, so the stamps are a pure function of the log.
/// </summary>
/// <param name="Round">Round of the ballot it was first proposed under.</param>
/// <param name="LogTime">
/// The leader's elapsed time since it took over, added to the log time it took over at. Values that several leaders left behind can stand out of order, so
/// who applies the log goes by the highest so far.
/// </param>
/// <param name="WallClock">Unix milliseconds at the leader, for times shown to people; nothing is decided by it.</param>
/// <param name="Commands">The batch, in order.</param>
/// <param name="Next">The configuration that governs from α slots further on; null in almost all values.</param>
public sealed record Value(long Round, TimeSpan LogTime, long WallClock, ImmutableArray<ReadOnlyMemory<byte>> Commands, Configuration? Next = null)
{
    /// <summary>True for the filler of gaps and the marker of a new leader.</summary>
    public bool IsNoOp => Commands.IsEmpty && Next is null;

    /// <summary>Bytes of all commands, plus a fixed overhead each: what windows and batches are measured in.</summary>
    public int Size { get; } = 64 + Commands.Sum(c => c.Length + 8) + (Next?.Members.Sum(m => 32 + m.Address.Length) ?? 0);

    /// <inheritdoc/>
    public bool Equals(Value? other)
    {
        if (ReferenceEquals(this, other)) return true;
        if (other is null || Round != other.Round || LogTime != other.LogTime || WallClock != other.WallClock
            || Commands.Length != other.Commands.Length || !Equals(Next, other.Next)) return false;
        for (var i = 0; i < Commands.Length; i++)
        {
            if (!Commands[i].Span.SequenceEqual(other.Commands[i].Span)) return false;
        }

        return true;
    }

    /// <inheritdoc/>
    public override int GetHashCode() => unchecked((int)(Round * 397) ^ (int)LogTime.Ticks ^ Commands.Length);

    /// <inheritdoc/>
    public override string ToString() => IsNoOp ? $"NoOp@{Round}" : Next is null ? $"Commands({Commands.Length})@{Round}" : $"{Next}@{Round}";
}

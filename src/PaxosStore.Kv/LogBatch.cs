using System.Collections.Immutable;

namespace PaxosStore.Kv;

/// <summary>One log entry's worth of commands, as the learner delivers them in slot order.</summary>
/// <param name="Slot">Position in the log; the first is 1, and none is left out.</param>
/// <param name="Term">Ballot round under which the entry was chosen.</param>
/// <param name="LogTime">Elapsed time as the leaders counted it; a step back counts as standing still.</param>
/// <param name="WallClockUnixMs">The leader's wall clock, for people only; a step back counts as standing still.</param>
/// <param name="Commands">Encoded by <see cref="CommandCodec.Encode"/>; empty for a no-op.</param>
public readonly record struct LogBatch(
    long Slot, ulong Term, TimeSpan LogTime, long WallClockUnixMs, IReadOnlyList<ReadOnlyMemory<byte>> Commands);

/// <summary>What became of one command of a batch.</summary>
/// <param name="ClientId">Client session it came from.</param>
/// <param name="RequestNumber">Its number in that session.</param>
/// <param name="Result">Its reply.</param>
/// <param name="Repeat">True when it had been applied before, and the reply comes from the client session's memory.</param>
public readonly record struct AppliedCommand(ulong ClientId, long RequestNumber, KvResult Result, bool Repeat);

/// <summary>A command with what makes it happen exactly once.</summary>
/// <param name="ClientId">Client session.</param>
/// <param name="RequestNumber">Number in the session, never used for another command.</param>
/// <param name="AcknowledgedBelow">The client will not ask again for requests below this number.</param>
/// <param name="Command">The command.</param>
public sealed record CommandEnvelope(ulong ClientId, long RequestNumber, long AcknowledgedBelow, KvCommand Command);

/// <summary>What a member publishes of itself.</summary>
/// <param name="Name">Its human name.</param>
/// <param name="ClientUrls">Where clients reach it.</param>
/// <param name="Incarnation">The first one it named that was not 0; 0 when it has named none.</param>
public sealed record MemberAttributes(string Name, ImmutableArray<string> ClientUrls, ulong Incarnation = 0)
{
    /// <summary>By content.</summary>
    public bool Equals(MemberAttributes? other) =>
        other is not null && Name == other.Name && Incarnation == other.Incarnation && ClientUrls.AsSpan().SequenceEqual(other.ClientUrls.AsSpan());

    /// <summary>By content, the same in every process.</summary>
    public override int GetHashCode() => (Name.Length * 31) + (ClientUrls.IsDefault ? 0 : ClientUrls.Length);
}

namespace PaxosStore.Cluster.Tests.Judges;

/// <summary>What a judge found: nothing, or the violations in words.</summary>
public sealed record Verdict(IReadOnlyList<string> Violations)
{
    /// <summary>No violation found.</summary>
    public static Verdict Clean { get; } = new([]);

    /// <summary>Whether the history stands.</summary>
    public bool IsClean => Violations.Count == 0;

    /// <summary>The first violations, one per line.</summary>
    public override string ToString() =>
        IsClean ? "clean" : $"{Violations.Count} violation(s):\n" + string.Join('\n', Violations.Take(20));
}

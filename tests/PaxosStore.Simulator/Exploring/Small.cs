namespace PaxosStore.Simulator.Exploring;

/// <summary>Explorations that take seconds.</summary>
internal static class Small
{
    private static readonly Bounds One = new() { Slots = 1, Commands = 0, Fetches = 0 };

    /// <summary>Mistakes that bounds so small can show, each with the bounds that show it.</summary>
    public static IReadOnlyList<(string Name, Bounds Bounds)> Mutants { get; } =
    [
        ("promise-not-recorded", One),
        ("vote-not-recorded", One),
    ];
}

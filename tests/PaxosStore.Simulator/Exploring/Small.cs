namespace PaxosStore.Simulator.Exploring;

/// <summary>Explorations that take seconds.</summary>
internal static class Small
{
    private static readonly Bounds One = new() { Slots = 1, Commands = 0, Fetches = 0 };
    private static readonly Bounds Two = new() { Fetches = 0 };

    /// <summary>Mistakes that bounds so small can show, each with the bounds that show it.</summary>
    public static IReadOnlyList<(string Name, Bounds Bounds)> Mutants { get; } =
    [
        ("promise-not-recorded", One),
        ("vote-not-recorded", One),
        ("promises-anything", One),
        ("ballot-reused-after-restart", One),
        ("own-promise-not-first", One),
        ("stale-promise-counts", One),
        ("duplicates-count", One),
        ("leads-again-under-old-ballot", One),
        ("accept-does-not-promise", One),
        ("nothing-adopted", One),
        ("any-local-vote-is-chosen", One),
        ("vote-before-durable", One),
        ("promise-before-durable", One),
        ("first-vote-not-reported", One),
        ("accepts-anything", One),
        ("vote-of-other-ballot-counts", One),
        ("watermark-skips-gap", Two),
        ("part-of-promise-is-enough", Two with { PromisesInParts = true }),
        ("applies-twice", One with { Fetches = 1, Crashes = 0 }),
    ];
}

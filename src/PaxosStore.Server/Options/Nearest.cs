namespace PaxosStore.Server.Options;

/// <summary>Finds what somebody may have meant.</summary>
internal static class Nearest
{
    /// <summary>The candidate that is closest to <paramref name="typed"/>, or null when none is close.</summary>
    internal static string? Find(string typed, IEnumerable<string> candidates)
    {
        var best = candidates
            .Select(candidate => (candidate, distance: Distance(typed, candidate)))
            .DefaultIfEmpty()
            .MinBy(pair => pair.distance);
        if (best.candidate is null) return null;
        var tolerated = Math.Max(2, best.candidate.Length / 3);
        return best.distance <= tolerated ? best.candidate : null;
    }

    /// <summary>Inserted, removed, replaced or swapped characters that turn one into the other.</summary>
    internal static int Distance(string a, string b)
    {
        var rows = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++) rows[i, 0] = i;
        for (var j = 0; j <= b.Length; j++) rows[0, j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            for (var j = 1; j <= b.Length; j++)
            {
                var replaced = rows[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                var cost = Math.Min(replaced, Math.Min(rows[i - 1, j], rows[i, j - 1]) + 1);
                var swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                rows[i, j] = swapped ? Math.Min(cost, rows[i - 2, j - 2] + 1) : cost;
            }
        }

        return rows[a.Length, b.Length];
    }
}

using System.Globalization;
using System.Text.RegularExpressions;

namespace PaxosStore.Gateways.Etcd.Compaction;

/// <summary>How much of the keys' history is kept without anybody asking for a compaction.</summary>
public abstract partial record AutoCompaction
{
    private AutoCompaction()
    {
    }

    /// <summary>All of it, until a client compacts.</summary>
    public sealed record Off : AutoCompaction;

    /// <summary>What is younger than <paramref name="Retention"/>.</summary>
    public sealed record Periodic(TimeSpan Retention) : AutoCompaction;

    /// <summary>The newest <paramref name="Retention"/> revisions.</summary>
    public sealed record Revision(long Retention) : AutoCompaction;

    /// <summary>Reads the two options as etcd does: a bare number counts hours or revisions, by the mode; 0 is off.</summary>
    /// <param name="mode"><c>periodic</c> or <c>revision</c>.</param>
    /// <param name="retention">Such as <c>8</c>, <c>30m</c>, <c>1h30m</c> or, for revisions, <c>1000</c>.</param>
    /// <exception cref="FormatException">They can't be read; the message says what is expected.</exception>
    public static AutoCompaction Parse(string mode, string retention)
    {
        if (mode is not ("periodic" or "revision")) throw new FormatException($"the mode is 'periodic' or 'revision', not '{mode}'");
        if (long.TryParse(retention, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            if (number == 0) return new Off();
            if (mode == "revision") return new Revision(number);
            if (number <= LongestHours) return new Periodic(TimeSpan.FromHours(number));
        }
        else if (mode == "periodic" && Duration(retention) is { } duration)
        {
            return duration == TimeSpan.Zero ? new Off() : new Periodic(duration);
        }

        throw new FormatException(mode == "periodic"
            ? $"'{retention}' is not usable; expected hours such as 8, or a duration such as 30m or 1h30m, of 1s to {LongestHours}h"
            : $"'{retention}' is not usable; expected a number of revisions such as 1000");
    }

    private const int LongestHours = 10 * 365 * 24;

    private static TimeSpan? Duration(string text)
    {
        if (!DurationPattern().IsMatch(text)) return null;
        var seconds = PartPattern().Matches(text).Sum(part =>
            double.Parse(part.Groups["number"].Value, CultureInfo.InvariantCulture) * part.Groups["unit"].Value switch
            {
                "h" => 3600,
                "m" => 60,
                "s" => 1,
                _ => 0.001,
            });
        return seconds is 0 or (>= 1 and <= LongestHours * 3600.0) ? TimeSpan.FromSeconds(seconds) : null;
    }

    [GeneratedRegex(@"^(\d{1,9}(\.\d{1,9})?(h|ms|m|s))+$")]
    private static partial Regex DurationPattern();

    [GeneratedRegex(@"(?<number>\d+(\.\d+)?)(?<unit>h|ms|m|s)")]
    private static partial Regex PartPattern();
}

using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;

namespace PaxosStore.Server.Options;

/// <summary>Checks a value and brings it into the form the node reads.</summary>
internal static partial class OptionValue
{
    private static readonly TimeSpan LongestDuration = TimeSpan.FromHours(24);

    /// <exception cref="OptionsException">It is not what the option expects.</exception>
    internal static Given Check(ServerOption option, string text, string source)
    {
        var trimmed = text.Trim();
        if (trimmed.Length == 0) throw Bad(source, text, Expectation(option));
        var value = option.Kind switch
        {
            OptionKind.Name when trimmed.IndexOfAny([' ', '\t', ',', '=']) >= 0 => throw Bad(source, text, Expectation(option)),
            OptionKind.Duration => Duration(option, trimmed, source),
            OptionKind.Count => Count(option, trimmed, source),
            OptionKind.Bytes => Bytes(option, trimmed, source),
            OptionKind.Switch => Switch(trimmed) is { } on ? on ? "true" : "false" : throw Bad(source, text, Expectation(option)),
            OptionKind.Choice => Choice(option, trimmed, source),
            OptionKind.Members => Members(option, trimmed, source),
            OptionKind.ListenUrl or OptionKind.AdvertisedUrl => OneUrl(option, trimmed, source),
            OptionKind.ListenUrls or OptionKind.AdvertisedUrls => string.Join(',', Split(trimmed).Select(url => Url(option, url, source))),
            _ => trimmed,
        };
        return value.Length > 0 ? new Given(value, source) : throw Bad(source, text, Expectation(option));
    }

    /// <summary>What a value of the option looks like, as the end of a sentence.</summary>
    internal static string Expectation(ServerOption option) => option.Kind switch
    {
        OptionKind.Name => "a name without blanks, commas and equal signs, such as n1",
        OptionKind.Text => "some text",
        OptionKind.Path => "a path",
        OptionKind.ListenUrl => "a URL with an IP address or localhost, such as http://127.0.0.1:2380",
        OptionKind.ListenUrls => "URLs with an IP address or localhost, separated by commas, such as http://127.0.0.1:2379",
        OptionKind.AdvertisedUrl => "a URL such as http://10.0.0.1:2380",
        OptionKind.AdvertisedUrls => "URLs separated by commas, such as http://10.0.0.1:2379",
        OptionKind.Members => "members as name=url separated by commas, such as n1=http://10.0.0.1:2380,n2=http://10.0.0.2:2380",
        OptionKind.Duration => "a duration such as 100ms, 2s, 1m30s or 500 (milliseconds)",
        OptionKind.Count when option.Most < int.MaxValue => $"a whole number from {option.Least} to {option.Most}",
        OptionKind.Count => $"a whole number of at least {option.Least}",
        OptionKind.Bytes => "a whole number of bytes such as 4294967296",
        OptionKind.Retention => "a number such as 8, or a duration such as 30m",
        OptionKind.Switch => "true or false",
        OptionKind.Choice => string.Join(" or ", option.Choices),
        _ => throw new ArgumentOutOfRangeException(nameof(option), option.Kind, null),
    };

    /// <summary>True for an address that means "every interface".</summary>
    internal static bool IsWildcard(Uri url) =>
        IPAddress.TryParse(url.DnsSafeHost, out var address) && (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any));

    /// <summary>Yes or no, as Go's programs read it; null for anything else.</summary>
    internal static bool? Switch(string text) => text switch
    {
        "1" or "t" or "T" or "true" or "TRUE" or "True" => true,
        "0" or "f" or "F" or "false" or "FALSE" or "False" => false,
        _ => null,
    };

    internal static string[] Split(string text) => text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static OptionsException Bad(string source, string value, string expected) =>
        new($"{source}: '{value}' is not usable; expected {expected}");

    private static string Duration(ServerOption option, string text, string source)
    {
        var match = DurationPattern().Match(text);
        if (!match.Success) throw Bad(source, text, Expectation(option));
        var (numbers, units) = (match.Groups["number"].Captures, match.Groups["unit"].Captures);
        var milliseconds = numbers.Zip(units, (number, unit) => double.Parse(number.Value, CultureInfo.InvariantCulture) * Unit(unit.Value)).Sum();
        if (numbers.Count > units.Count) milliseconds = double.Parse(text, CultureInfo.InvariantCulture);
        if (milliseconds == 0 && option.AllowsZero) return "0ms";
        if (milliseconds < 1 || milliseconds > LongestDuration.TotalMilliseconds) throw Bad(source, text, "a duration from 1ms to 24h");
        return string.Create(CultureInfo.InvariantCulture, $"{(long)milliseconds}ms");
    }

    private static double Unit(string unit) => unit switch
    {
        "ns" => 1e-6,
        "us" or "µs" => 1e-3,
        "ms" or "milli" or "millis" or "millisecond" or "milliseconds" => 1,
        "s" or "second" or "seconds" => 1_000,
        "m" or "min" or "minute" or "minutes" => 60_000,
        _ => 3_600_000,
    };

    private static string Count(ServerOption option, string text, string source) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= option.Least && number <= option.Most
            ? number.ToString(CultureInfo.InvariantCulture)
            : throw Bad(source, text, Expectation(option));

    private static string Bytes(ServerOption option, string text, string source) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number.ToString(CultureInfo.InvariantCulture)
            : throw Bad(source, text, Expectation(option));

    private static string Choice(ServerOption option, string text, string source) =>
        option.Choices.Contains(text) ? text : throw Bad(source, text, Expectation(option));

    private static string Members(ServerOption option, string text, string source)
    {
        foreach (var entry in Split(text))
        {
            var equals = entry.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0) throw Bad(source, entry, Expectation(option));
            Url(option, entry[(equals + 1)..], source);
        }

        return string.Join(',', Split(text));
    }

    private static string OneUrl(ServerOption option, string text, string source) => Split(text) is [var url]
        ? Url(option, url, source)
        : throw new OptionsException($"{source}: '{text}' has several URLs; expected {Expectation(option)}");

    private static string Url(ServerOption option, string text, string source)
    {
        if (!text.Contains("://", StringComparison.Ordinal))
        {
            throw new OptionsException($"{source}: '{text}' lacks its scheme; expected http://{text} or https://{text}");
        }

        var pattern = UrlPattern().Match(text);
        if (!pattern.Success || !Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Port < 1) throw Bad(source, text, Expectation(option));
        var listens = option.Kind is OptionKind.ListenUrl or OptionKind.ListenUrls;
        if (listens && url.DnsSafeHost != "localhost" && !IPAddress.TryParse(url.DnsSafeHost, out _)) throw Bad(source, text, Expectation(option));
        if (!listens && IsWildcard(url))
        {
            throw new OptionsException(
                $"{source}: '{text}' means every interface, which nobody can connect to; expected an address that reaches this node");
        }

        return text.TrimEnd('/');
    }

    [GeneratedRegex(
        @"^(?:(?<number>\d{1,12}(?:\.\d{1,9})?)\s*(?<unit>ns|us|µs|ms|milli(?:s|seconds?)?|s|seconds?|m|min|minutes?|h|hours?))+$|^(?<number>\d{1,12}(?:\.\d{1,6})?)$")]
    private static partial Regex DurationPattern();

    // The port must be written: http's own, 80, is hardly ever meant.
    [GeneratedRegex(@"^https?://([^/\s@:\[\]]+|\[[0-9a-fA-F:.]+\]):\d{1,5}/?$", RegexOptions.IgnoreCase)]
    private static partial Regex UrlPattern();
}

using System.Globalization;

namespace PaxosStore.Campaign;

/// <summary>The command line behind the command.</summary>
internal sealed record Options
{
    public int Seed { get; init; } = -1;

    public int Runs { get; init; } = -1;

    public TimeSpan Time { get; init; } = TimeSpan.MaxValue;

    public string? Plan { get; init; }

    public string? Directory { get; init; }

    public string? Name { get; init; }

    public double LeastRate { get; init; } = 100;

    public bool Keep { get; init; }

    public long From { get; init; }

    public long Seeds { get; init; }

    public double Seconds { get; init; }

    public long Violations { get; init; }

    /// <summary>Reads the arguments behind the command.</summary>
    public static Options Parse(IReadOnlyList<string> arguments)
    {
        var options = new Options();
        for (var i = 0; i < arguments.Count; i++)
        {
            string Value() => ++i < arguments.Count ? arguments[i] : throw new FormatException($"{arguments[i - 1]} needs a value");
            options = arguments[i] switch
            {
                "--seed" => options with { Seed = (int)Number(Value()) },
                "--runs" => options with { Runs = (int)Number(Value()) },
                "--plan" => options with { Plan = Value() },
                "--least-rate" => options with { LeastRate = Number(Value()) },
                "--keep" => options with { Keep = true },
                "--from" => options with { From = Number(Value()) },
                "--seeds" => options with { Seeds = Number(Value()) },
                "--seconds" => options with { Seconds = Number(Value()) },
                "--violations" => options with { Violations = Number(Value()) },
                ['-', ..] unknown => throw new FormatException($"unknown option {unknown}"),
                [.., 's' or 'm' or 'h'] time when char.IsAsciiDigit(time[0]) => options with { Time = Duration(time) },
                var name => options with { Name = name, Directory = name },
            };
        }

        return options;
    }

    private static long Number(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : throw new FormatException($"{text} is no number");

    private static TimeSpan Duration(string text)
    {
        var count = Number(text[..^1]);
        return text[^1] switch
        {
            's' => TimeSpan.FromSeconds(count),
            'm' => TimeSpan.FromMinutes(count),
            _ => TimeSpan.FromHours(count),
        };
    }
}

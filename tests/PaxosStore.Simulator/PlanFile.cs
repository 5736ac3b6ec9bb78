using System.Text.Json;
using System.Text.Json.Serialization;

namespace PaxosStore.Simulator;

/// <summary>A plan in a file, and the mistake that is made in it, if any: all that a run depends on but the program.</summary>
/// <param name="Plan">The plan.</param>
/// <param name="Mutant">Name of the mistake; null for the product as it is.</param>
/// <param name="Invariant">What failed when it was written.</param>
internal sealed record PlanFile(Plan Plan, string? Mutant, string? Invariant)
{
    private static readonly JsonSerializerOptions Format = new()
    {
        WriteIndented = true,
        IgnoreReadOnlyProperties = true,
        Converters = { new JsonStringEnumConverter() },
    };

    public static PlanFile Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<PlanFile>(File.ReadAllText(path), Format) ?? throw new FormatException($"{path} is empty");
        }
        catch (Exception x) when (x is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new FormatException($"{path} can't be read as a plan: {x.Message}", x);
        }
    }

    public void Write(string path) => File.WriteAllText(path, JsonSerializer.Serialize(this, Format) + Environment.NewLine);
}

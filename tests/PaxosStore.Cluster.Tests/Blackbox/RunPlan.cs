using System.Text.Json;
using System.Text.Json.Serialization;

namespace PaxosStore.Cluster.Tests.Blackbox;

/// <summary>One fault of a plan.</summary>
/// <param name="At">Seconds after the faults begin.</param>
/// <param name="Kind">What is done: a name of <see cref="FaultTable"/>.</param>
/// <param name="Target">To whom: n1..n5, leader, follower, or, where several are meant, one of minority, majority, all.</param>
/// <param name="Seconds">How long it lasts; 0 where it has no duration.</param>
/// <param name="Amount">How much of it, in the unit of its kind.</param>
public sealed record PlannedFault(double At, string Kind, string Target, double Seconds = 0, int Amount = 0)
{
    public override string ToString() => $"{At:F1} s {Kind} {Target}" + (Seconds > 0 ? $" for {Seconds:F1} s" : "") + (Amount != 0 ? $" ({Amount})" : "");
}

/// <summary>Everything a run does, so that it can be done again.</summary>
public sealed record RunPlan
{
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
    };

    /// <summary>Where the plan came from; also what clients choose by.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public required int Seed { get; init; }

    /// <summary>How many nodes.</summary>
    public required int Nodes { get; init; }

    /// <summary>Flags of all nodes.</summary>
    public required IReadOnlyList<string> Flags { get; init; }

    /// <summary>Seconds of load before the faults.</summary>
    public double Before { get; init; } = 5;

    /// <summary>Seconds in which faults begin; each then lasts as long as it says, or until all are healed.</summary>
    public required double Faulty { get; init; }

    /// <summary>Seconds of load after all faults are healed.</summary>
    public double After { get; init; } = 5;

    /// <summary>History is compacted this often, in milliseconds; 0: never.</summary>
    public int CompactEvery { get; init; }

    /// <summary>Clients that read and write, and clients that watch.</summary>
    public int Clients { get; init; } = 8;

    /// <summary>The faults in order.</summary>
    public required IReadOnlyList<PlannedFault> Faults { get; init; }

    /// <summary>Whether any fault is of this kind.</summary>
    public bool Has(string kind) => Faults.Any(f => f.Kind == kind);

    /// <summary>
    /// The node whose clock can be shifted, null when none is: the first that a fault names. One alone, for whatever asks for the time through libfaketime costs four
    /// times the processor, and three such nodes answer next to nothing on two cores.
    /// </summary>
    [JsonIgnore]
    public string? ClockNode => Faults.Where(f => f.Kind == "clock").Select(f => f.Target is ['n', ..] ? f.Target : "n1").FirstOrDefault();

    public string ToJson() => JsonSerializer.Serialize(this, Json);

    /// <summary>Reads what <see cref="ToJson"/> wrote; says what is wrong with a text that is no plan.</summary>
    public static RunPlan FromJson(string text)
    {
        RunPlan plan;
        try
        {
            plan = JsonSerializer.Deserialize<RunPlan>(text, Json) ?? throw new FormatException("the plan is empty");
        }
        catch (JsonException e)
        {
            throw new FormatException($"this is no plan: {e.Message}", e);
        }

        if (plan.Faults.FirstOrDefault(f => !FaultTable.Kinds.Contains(f.Kind)) is { } unknown)
            throw new FormatException($"the plan has a fault of unknown kind {unknown.Kind}; there are: {string.Join(", ", FaultTable.Kinds)}");
        return plan;
    }
}

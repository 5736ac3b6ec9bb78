using PaxosStore.Consensus;

namespace PaxosStore.Simulator.Whole;

/// <summary>What a client does.</summary>
internal enum StepKind
{
    Put,
    PutLeased,
    Delete,
    DeleteRange,
    Get,
    StaleGet,
    ReadTxn,
    Txn,
    Compact,
    Grant,
    KeepAlive,
    Revoke,
    Watch,
    EndWatch,
    AuthOn,
    AuthOff,
    AuthSetup,
    Permit,
    Forbid,
    GiveRole,
    TakeRole,
    Password,
    SignIn,
}

/// <summary>One thing a client does. Explicit, so that it can be left out, stored and done again.</summary>
/// <param name="Id">Unique in the plan; makes values unique, and draws what the step does not say.</param>
/// <param name="Client">Who.</param>
/// <param name="Think">How long after the client's last step was done, us.</param>
/// <param name="Kind">What.</param>
/// <param name="Home">Node it is asked of, or the next that is up.</param>
/// <param name="Key">Which key or range.</param>
/// <param name="Arg">See the kind.</param>
internal readonly record struct Step(int Id, int Client, long Think, StepKind Kind, int Home, int Key, int Arg);

/// <summary>Draws what the clients of a plan do.</summary>
internal static class Steps
{
    public const int MostPerClient = 150;

    /// <summary>Steps that make users and roles before checking can be switched on.</summary>
    public const int SetupSteps = 10;

    private static readonly (StepKind Kind, int Weight)[] Usual =
    [
        (StepKind.Put, 24), (StepKind.PutLeased, 8), (StepKind.Delete, 8), (StepKind.DeleteRange, 3), (StepKind.Get, 20), (StepKind.StaleGet, 6), (StepKind.ReadTxn, 3),
        (StepKind.Txn, 14), (StepKind.Compact, 5), (StepKind.Grant, 4), (StepKind.KeepAlive, 5), (StepKind.Revoke, 2), (StepKind.Watch, 5), (StepKind.EndWatch, 1),
    ];

    private static readonly (StepKind Kind, int Weight)[] Admin =
    [
        (StepKind.AuthOn, 6), (StepKind.AuthOff, 3), (StepKind.Permit, 5), (StepKind.Forbid, 4), (StepKind.GiveRole, 3), (StepKind.TakeRole, 2), (StepKind.Password, 1),
        (StepKind.SignIn, 3),
    ];

    public static List<Step> Draw(SplitMix r, Plan plan)
    {
        var steps = new List<Step>();
        var auth = r.Below(2) == 0;
        var compacts = r.Below(4) == 0;
        for (var client = 0; client < plan.Clients; client++)
        {
            var count = 0;
            if (auth && client == 0) count = DrawSetup(r, plan, steps);
            for (var at = 0L; at < plan.FaultsEnd && count < MostPerClient; count++)
            {
                var think = 200 + (long)(-Math.Log(1 - r.NextUnit()) * plan.ThinkMean);
                at += think + (2 * plan.DelayMean);
                var kind = auth && r.Below(client == 0 ? 2 : 8) == 0 ? Pick(r, Admin) : compacts && r.Below(8) == 0 ? StepKind.Compact : Pick(r, Usual);
                steps.Add(new Step(steps.Count + 1, client, think, kind, r.Below(plan.Nodes), r.Below(1 << 16), r.Below(1 << 16)));
            }
        }

        return steps;
    }

    private static int DrawSetup(SplitMix r, Plan plan, List<Step> steps)
    {
        for (var i = 0; i < SetupSteps; i++) steps.Add(new Step(steps.Count + 1, 0, 500, StepKind.AuthSetup, r.Below(plan.Nodes), 0, i));
        return SetupSteps;
    }

    private static StepKind Pick(SplitMix r, (StepKind Kind, int Weight)[] kinds)
    {
        var at = r.Below(kinds.Sum(k => k.Weight));
        foreach (var (kind, weight) in kinds)
        {
            at -= weight;
            if (at < 0) return kind;
        }

        return kinds[0].Kind;
    }
}

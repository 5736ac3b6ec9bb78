using PaxosStore.Cluster.Tests.Blackbox;

namespace PaxosStore.Campaign;

/// <summary>The commands; scripts/campaign.sh is what people call.</summary>
internal static class CommandLine
{
    private const string Help =
        """
        Runs campaigns; scripts/campaign.sh builds what is needed and calls this.

          blackbox [30m] [--runs N] [--seed N] [--plan FILE] [--least-rate R] [--keep]
          plan --seed N                    print the plan of a seed
          judge DIRECTORY                  judge again what a run left
          broken [NAME] [--runs N]         builds with a mistake in them: runs until each is caught
          next-seed NAME                   the first seed that no campaign has run
          note-sim NAME --from N --seeds N --seconds N --violations N
          report                           write the generated parts of docs/correctness.md
        """;

    public static async Task<int> RunAsync(string[] arguments)
    {
        var options = Options.Parse(arguments.Skip(1).ToArray());
        switch (arguments.FirstOrDefault())
        {
            case "blackbox":
                return await new BlackboxCampaign(options).RunAsync() ? 0 : 1;
            case "plan":
                Console.WriteLine(BlackboxRun.PlanOf(options.Seed).ToJson());
                return 0;
            case "judge":
                return Judge(options.Directory ?? throw new FormatException("judge needs a directory"));
            case "broken":
                return await new BrokenBuilds(options).RunAsync() ? 0 : 1;
            case "next-seed":
                Console.WriteLine(Results.NextSeed(options.Name ?? "protocol"));
                return 0;
            case "note-sim":
                Results.Add(new SimulatorResult(Results.Stamp(), options.Name ?? "protocol", options.From, options.Seeds, options.Violations, options.Seconds));
                return 0;
            case "report":
                Report.Write();
                return 0;
            case "--help" or "-h":
                Console.WriteLine(Help);
                return 0;
            default:
                throw new FormatException($"unknown command {arguments.FirstOrDefault() ?? "(none)"}");
        }
    }

    private static int Judge(string directory)
    {
        var findings = Evidence.Judge(directory).ToArray();
        foreach (var finding in findings)
            Console.WriteLine(finding);
        Console.WriteLine(findings.Length == 0 ? "nothing found" : $"{findings.Length} findings");
        return findings.Length == 0 ? 0 : 1;
    }
}

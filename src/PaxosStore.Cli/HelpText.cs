using System.Text;
using PaxosStore.Cli.Commands;

namespace PaxosStore.Cli;

/// <summary>The help, made from the table of commands.</summary>
internal static class HelpText
{
    private const int Width = 100;
    private static readonly string[] HelpWords = ["--help", "-h", "help", "-help"];

    /// <summary>The help, if the arguments ask for it: of one command, of a group, or of all.</summary>
    internal static string? Asked(IReadOnlyList<string> arguments)
    {
        if (!arguments.Any(a => HelpWords.Contains(a))) return null;
        string[] words = [.. arguments.Where(a => !a.StartsWith('-') && !HelpWords.Contains(a))];
        if (CommandTable.Find(words) is { } command) return Of(command);
        var group = CommandTable.All.Where(c => words.Length > 0 && c.Words.StartsWith(words[0] + " ", StringComparison.Ordinal)).ToArray();
        return group.Length > 0 ? string.Concat(group.Select(Of)) : All();
    }

    private static string All()
    {
        var text = new StringBuilder();
        text.Append(
            """
            paxosctl: what operators do with a PaxosStore cluster.

            Usage: paxosctl COMMAND [--option value]...

            Look at a cluster, back it up, and check the backup:

              paxosctl --endpoints 10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379 status
              paxosctl snapshot save backup.snapshot
              paxosctl snapshot status backup.snapshot

            Commands:

            """);
        var width = CommandTable.All.Max(command => Shown(command).Length);
        foreach (var command in CommandTable.All) text.Append("  ").Append(Shown(command).PadRight(width + 2)).Append(command.Summary).Append('\n');
        text.Append("\nOptions (each command's help says which it takes):\n");
        foreach (var option in CommandTable.Options) AppendOption(text, option);
        text.Append(
            """

            Member ids are hexadecimal. Members are asked in the order they are named; each command asks one, and
            status, defrag and hashkv ask all.

            Exit codes: 0 done, 1 could not be done, 2 wrong arguments.
            More about a command: paxosctl COMMAND --help; about operating a cluster: docs/operations.md

            """);
        return text.ToString();
    }

    private static string Of(Command command)
    {
        var text = new StringBuilder($"Usage: paxosctl {Shown(command)} [--option value]...\n\n");
        AppendWrapped(text, command.Summary);
        if (command.Details.Length > 0)
        {
            text.Append('\n');
            AppendWrapped(text, command.Details);
        }

        var options = CommandTable.Options.Where(command.Takes).ToArray();
        if (options.Length > 0) text.Append("\nOptions:\n");
        foreach (var option in options) AppendOption(text, option);
        return text.Append('\n').ToString();
    }

    private static string Shown(Command command) => string.Join(' ', command.Operands.Prepend(command.Words));

    private static void AppendOption(StringBuilder text, CtlOption option)
    {
        var flag = $"--{option.Name}{(option.Placeholder is null ? "" : " " + option.Placeholder)}{(option.Short is null ? "" : $", -{option.Short}")}";
        text.Append("  ").Append(flag.PadRight(28)).Append(' ').Append(option.Help).Append('\n');
    }

    private static void AppendWrapped(StringBuilder text, string sentence)
    {
        var column = 0;
        foreach (var word in sentence.Split(' '))
        {
            if (column > 0 && column + 1 + word.Length > Width)
            {
                text.Append('\n');
                column = 0;
            }

            if (column > 0) text.Append(' ');
            text.Append(word);
            column += (column > 0 ? 1 : 0) + word.Length;
        }

        text.Append('\n');
    }
}

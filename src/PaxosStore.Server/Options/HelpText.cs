using System.Text;

namespace PaxosStore.Server.Options;

/// <summary>The help and the reference page, both made from the option table.</summary>
internal static class HelpText
{
    private const int Width = 100;
    private const int Indent = 6;

    /// <summary>What <c>--help</c> prints.</summary>
    internal static string Render()
    {
        var text = new StringBuilder();
        text.Append(
            """
            PaxosStore: a distributed consensus store that etcd's clients can use.

            Usage: PaxosStore.Server [--flag value | --flag=value]...

            Without any flag it runs a cluster of one on this machine:

              PaxosStore.Server
              ETCDCTL_API=3 etcdctl --endpoints=127.0.0.1:2379 put hello world

            Three nodes; this is the first, the others differ in name and addresses:

              PaxosStore.Server --name n1 \
                --listen-client-urls http://10.0.0.1:2379 --listen-peer-urls http://10.0.0.1:2380 \
                --initial-cluster n1=http://10.0.0.1:2380,n2=http://10.0.0.2:2380,n3=http://10.0.0.3:2380

            Three nodes on one machine, to try: scripts/cluster.sh up


            """);
        foreach (var group in OptionTable.All.GroupBy(option => option.Group))
        {
            text.Append(OptionTable.Title(group.Key)).Append(":\n");
            foreach (var option in group) AppendOption(text, option);
            text.Append('\n');
        }

        text.Append(
            """
            Other:
              --help
                  Print this text.
              --version
                  Print the version.

            Each option can also be set, from weakest to strongest:
              1. in a HOCON file named by --config-file:         paxosstore { name = "n1" } (or etcd's YAML)
              2. by environment variables:                       PAXOSSTORE_NAME=n1 (or etcd's ETCD_NAME)
              3. on the command line:                            --name n1
            Durations are written 100ms, 2s, 1m30s; a bare number counts milliseconds.
            Other flags of etcd's are accepted, with a line that says why they change nothing.

            Exit codes: 0 stopped as asked, 1 could not start or go on, 2 wrong options.
            More: docs/configuration.md, config/paxosstore.conf, README.md

            """);
        return text.ToString();
    }

    /// <summary>The table of <c>docs/configuration.md</c>.</summary>
    internal static string Markdown()
    {
        var text = new StringBuilder();
        foreach (var group in OptionTable.All.GroupBy(option => option.Group))
        {
            text.Append("### ").Append(OptionTable.Title(group.Key)).Append("\n\n| Flag | Default | Meaning |\n|---|---|---|\n");
            foreach (var option in group)
            {
                text.Append("| `").Append(option.Flag).Append("` | ").Append(Cell(option)).Append(" | ").Append(Sentence(option)).Append(" |\n");
            }

            text.Append('\n');
        }

        return text.ToString().TrimEnd('\n') + "\n";
    }

    private static string Cell(ServerOption option) =>
        OptionTable.Default(option) is { Length: > 0 } value ? $"`{value}`" : option.DerivedDefault.Replace("<", "\\<", StringComparison.Ordinal);

    private static string Sentence(ServerOption option) => option.Advice.Length == 0 ? option.Help : $"{option.Help} {option.Advice}";

    private static void AppendOption(StringBuilder text, ServerOption option)
    {
        text.Append("  ").Append(option.Flag).Append(' ').Append(option.Placeholder);
        if (OptionTable.ShownDefault(option) is { Length: > 0 } value) text.Append("   (default: ").Append(value).Append(')');
        text.Append('\n');
        AppendWrapped(text, Sentence(option));
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

            text.Append(column == 0 ? new string(' ', Indent) : " ").Append(word);
            column += (column == 0 ? Indent : 1) + word.Length;
        }

        text.Append('\n');
    }
}

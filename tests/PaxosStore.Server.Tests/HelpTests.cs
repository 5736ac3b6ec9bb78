using System.Text.RegularExpressions;
using PaxosStore.Server.Hosting;
using PaxosStore.Server.Options;

namespace PaxosStore.Server.Tests;

public sealed class HelpTests
{
    private const string TableStart = "<!-- options: start -->\n";
    private const string TableEnd = "<!-- options: end -->";

    public static TheoryData<string> OptionNames => [.. OptionTable.All.Select(option => option.Name)];

    [Theory]
    [MemberData(nameof(OptionNames))]
    public void The_help_explains_every_option_and_its_default(string name)
    {
        var option = OptionTable.Find(name)!;

        var start = $"  {option.Flag} {option.Placeholder}";
        var line = Assert.Single(HelpText.Render().Split('\n'), line => line.StartsWith(start, StringComparison.Ordinal));

        var shown = OptionTable.ShownDefault(option);
        Assert.NotEmpty(shown);
        Assert.EndsWith($"(default: {shown})", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_key_of_the_reference_configuration_is_an_option()
    {
        var keys = PaxosStore.Node.NodeDefaults.Reference.GetValue(ConfigFiles.Root).GetObject().Items.Keys;

        Assert.Equal(keys.Order(), OptionTable.All.Where(option => option.InFile).Select(option => option.Name).Order());
    }

    [Fact]
    public async Task Help_and_version_are_printed_whatever_else_is_asked()
    {
        using var output = new StringWriter();

        Assert.Equal(0, await Lifecycle.MainAsync(["--name", "x", "--help"], new Dictionary<string, string>(), output, TextWriter.Null));
        Assert.StartsWith("PaxosStore:", output.ToString(), StringComparison.Ordinal);

        output.GetStringBuilder().Clear();
        Assert.Equal(0, await Lifecycle.MainAsync(["--version"], new Dictionary<string, string>(), output, TextWriter.Null));
        Assert.Matches(@"^PaxosStore Version: \d+\.\d+\.\d+\S*\netcd Version: \d+\.\d+\.\d+\n", output.ToString());
    }

    [Fact]
    public void No_line_of_the_help_is_wider_than_a_terminal() =>
        Assert.DoesNotContain(HelpText.Render().Split('\n'), line => line.Length > 120);

    [Fact]
    public void The_reference_page_has_the_table_of_the_options()
    {
        const string path = "docs/configuration.md";
        var page = Repository.Read(path);
        var start = page.IndexOf(TableStart, StringComparison.Ordinal) + TableStart.Length;
        var end = page.IndexOf(TableEnd, StringComparison.Ordinal);
        if (Environment.GetEnvironmentVariable("PAXOSSTORE_UPDATE_DOCS") == "1")
        {
            page = page[..start] + HelpText.Markdown() + page[end..];
            File.WriteAllText(Path.Combine(Repository.Root, path), page);
            end = page.IndexOf(TableEnd, StringComparison.Ordinal);
        }

        Assert.True(HelpText.Markdown() == page[start..end], $"{path} is out of date: run this test with PAXOSSTORE_UPDATE_DOCS=1");
    }

    [Fact]
    public void The_sample_file_lists_every_key_with_its_default()
    {
        var sample = Repository.Read("config/paxosstore.conf");
        foreach (var option in OptionTable.All.Where(option => option.InFile))
        {
            var match = Regex.Match(sample, $@"^  #{Regex.Escape(option.Name)} = ""?(?<value>[^""\n]*)""?$", RegexOptions.Multiline);
            Assert.True(match.Success, $"config/paxosstore.conf lacks '#{option.Name} = ...'");
            Assert.Equal(OptionTable.Default(option), match.Groups["value"].Value);
        }
    }

    [Theory]
    [InlineData("config/paxosstore.conf", 1)]
    [InlineData("config/single-node.conf", 1)]
    [InlineData("config/three-nodes/n1.conf", 3)]
    [InlineData("config/three-nodes/n2.conf", 3)]
    [InlineData("config/three-nodes/n3.conf", 3)]
    public void The_sample_files_are_usable(string path, int members) =>
        Assert.Equal(members, Load.From("--config-file", Path.Combine(Repository.Root, path)).Node.InitialCluster.Count);

    [Fact]
    public void The_sample_for_a_database_is_usable_with_its_connection()
    {
        var path = Path.Combine(Repository.Root, "config/postgresql.conf");
        var node = Load.From("--config-file", path, "--storage-connection", "Host=db;Password='a\"b\\;c'").Node;
        Assert.Equal((Node.StorageProvider.PostgreSql, "Host=db;Password='a\"b\\;c'"), (node.StorageProvider, node.StorageConnection));
        Assert.Contains("storage-connection", Assert.Throws<OptionsException>(() => Load.From("--config-file", path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_sample_with_all_keys_is_usable_when_every_key_is_set()
    {
        var sample = Repository.Read("config/paxosstore.conf");
        using var file = new TemporaryFile(Regex.Replace(sample, @"^  #(?=[a-z-]+ = (?!""""))", "  ", RegexOptions.Multiline));

        Assert.Equal(Load.From().Node.ElectionTimeout, Load.From("--config-file", file.Path).Node.ElectionTimeout);
    }
}

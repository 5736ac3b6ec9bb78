namespace PaxosStore.Cli.Tests;

/// <summary>Wrong arguments are told with what is expected; the help teaches the rest.</summary>
public sealed class ArgumentTests
{
    public static TheoryData<string> Commands =>
    [
        "status", "member list", "member add", "member promote", "member update", "member remove", "move-leader", "snapshot save", "snapshot status",
        "snapshot restore", "recover", "alarm list", "alarm disarm", "compact", "defrag", "hashkv",
    ];

    [Theory]
    [InlineData("say what to do")]
    [InlineData("there is no command 'frobnicate'", "frobnicate")]
    [InlineData("'member' needs one of: member list, member add", "member")]
    [InlineData("'snapshot' needs one of: snapshot save, snapshot status, snapshot restore", "snapshot", "take")]
    [InlineData("'snapshot save' takes one operand (FILE), not 0", "snapshot", "save")]
    [InlineData("'status' takes no operands, not 1", "status", "x")]
    [InlineData("'member update' takes 2 operands (ID PEER-URL), not 1", "member", "update", "5")]
    [InlineData("there is no option --colour", "status", "--colour")]
    [InlineData("'status' has no option --learner", "status", "--learner")]
    [InlineData("'recover' has no option --endpoints", "recover", "--endpoints=127.0.0.1:1")]
    [InlineData("--endpoints needs a value: Members to ask", "status", "--endpoints")]
    [InlineData("--learner takes no value", "member", "add", "http://127.0.0.1:1", "--learner=yes")]
    [InlineData("--write-out: 'xml' is neither table nor json", "snapshot", "status", "f", "-w", "xml")]
    [InlineData("--timeout: 'soon' is not usable; expected a whole number from 1 to 86400", "member", "list", "--timeout", "soon")]
    [InlineData("--endpoints: '127.0.0.1' is not usable; expected addresses such as 10.0.0.1:2379", "member", "list", "--endpoints", "127.0.0.1")]
    [InlineData("--endpoints: 'ftp://127.0.0.1:1' is not usable; expected addresses such as", "status", "--endpoints", "ftp://127.0.0.1:1")]
    [InlineData("--cert is given without --key: give both", "member", "list", "--endpoints", "https://127.0.0.1:1", "--cert", "x.crt")]
    [InlineData("'snapshot status' has no option --cacert", "snapshot", "status", "f", "--cacert", "x.crt")]
    [InlineData("--endpoints: name at least one", "status", "--endpoints", ",")]
    [InlineData("ID: 'n1' is no member id; expected hexadecimal digits as 'paxosctl member list' shows them", "member", "remove", "n1")]
    [InlineData("ID: '0' is no member id", "move-leader", "0")]
    [InlineData("PEER-URL: '127.0.0.1:1' is not usable; expected an address such as http://10.0.0.4:2380", "member", "add", "127.0.0.1:1")]
    [InlineData("REVISION: '-1' is not usable; expected a whole number of at least 0", "compact", "-1")]
    [InlineData("--data-dir is needed", "snapshot", "restore", "f")]
    [InlineData("--revision-bump: '-5' is not usable", "snapshot", "restore", "f", "--data-dir=d", "--revision-bump", "-5")]
    [InlineData(
        "--initial-cluster: 'n1' is not usable; expected members as name=http://host:port",
        "snapshot", "restore", "f", "--data-dir=d", "--initial-cluster=n1")]
    [InlineData("--data-dir is needed", "recover")]
    public async Task Wrong_arguments_end_with_2_and_say_what_is_expected(string words, params string[] arguments)
    {
        var run = await Run.Async(arguments);
        run.Failed(Ctl.Usage, $"error: {words}");
        Assert.Empty(run.Output);
        Assert.Matches(@"\nRun 'paxosctl [a-z -]*--help' to see how it is used\.\n$", run.Error);
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task Every_command_is_in_the_help_and_has_its_own(string command)
    {
        Assert.Contains($"\n  {command} ", (await Run.Async("--help")).Done().Output, StringComparison.Ordinal);
        var own = (await Run.Async([.. command.Split(' '), "--help"])).Done().Output;
        Assert.StartsWith($"Usage: paxosctl {command}", own, StringComparison.Ordinal);
        Assert.Contains("\nOptions:\n", own, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("-h")]
    [InlineData("help")]
    [InlineData("status", "--endpoints", "x", "--help")]
    [InlineData("member", "--help")]
    public async Task Help_is_printed_whatever_else_is_asked_and_fits_a_terminal(params string[] arguments)
    {
        var help = (await Run.Async(arguments)).Done().Output;
        Assert.Contains("paxosctl", help, StringComparison.Ordinal);
        Assert.DoesNotContain(help.Split('\n'), line => line.Length > 130);
    }
}

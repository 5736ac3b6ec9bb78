namespace PaxosStore.Cli.Tests;

/// <summary>The last resort is hard to take by accident.</summary>
public sealed class RecoverTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Accepted_it_marks_the_directory_and_says_what_is_next()
    {
        await JournalAsync();
        await File.WriteAllTextAsync(folder.At("LOCK"), "");
        var run = (await Run.Async("recover", "--data-dir", folder.Path, "--i-accept-data-loss")).Done();
        Assert.Equal("""{"version":1}""", await File.ReadAllTextAsync(folder.At("recover.json")));
        Assert.Equal(["LOCK", "journal.db", "recover.json"], Directory.GetFiles(folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Contains("ARE LOST", run.Error, StringComparison.Ordinal);
        Assert.Contains($"PaxosStore.Server --name <NAME> --data-dir {folder.Path}", run.Output, StringComparison.Ordinal);
        Assert.Contains("member add http://<OTHER ADDRESS>:2380", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("accept\n", true)]
    [InlineData("yes\n", false)]
    [InlineData("", false)]
    public async Task A_person_types_the_word(string typed, bool done)
    {
        await JournalAsync();
        var run = await Run.WithAsync([], typed, "recover", "--data-dir", folder.Path);
        if (done) run.Done();
        else run.Failed(Ctl.Failure, "nothing was done");
        Assert.Equal(done, File.Exists(folder.At("recover.json")));
    }

    [Fact]
    public async Task Without_a_person_it_needs_the_flag()
    {
        await JournalAsync();
        (await Run.Async("recover", "--data-dir", folder.Path)).Failed(Ctl.Usage, "to go on, add --i-accept-data-loss");
        Assert.False(File.Exists(folder.At("recover.json")));
    }

    [Fact]
    public async Task A_directory_without_a_journal_is_none_to_recover_from()
    {
        (await Run.Async("recover", "--data-dir", folder.Path, "--i-accept-data-loss")).Failed(Ctl.Failure, "holds no journal (journal.db)");
        await File.WriteAllTextAsync(folder.At("journal.db"), "");
        (await Run.Async("recover", "--data-dir", folder.Path, "--i-accept-data-loss")).Failed(Ctl.Failure, "holds no journal (journal.db)");
        (await Run.Async("recover", "--data-dir", folder.At("x"), "--i-accept-data-loss")).Failed(Ctl.Failure, "is not there");
    }

    [Fact]
    public async Task A_node_that_runs_is_stopped_first()
    {
        await JournalAsync();
        using var held = new FileStream(folder.At("LOCK"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        (await Run.Async("recover", "--data-dir", folder.Path, "--i-accept-data-loss")).Failed(Ctl.Failure, "is in use by a node that runs");
        Assert.False(File.Exists(folder.At("recover.json")));
    }

    private Task JournalAsync() => File.WriteAllTextAsync(folder.At("journal.db"), "SQLite format 3");
}

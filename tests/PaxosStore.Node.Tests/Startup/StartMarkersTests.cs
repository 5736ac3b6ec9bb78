using PaxosStore.Node.Startup;

namespace PaxosStore.Node.Tests.Startup;

public sealed class StartMarkersTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("paxosstore-markers-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void An_ordinary_directory_has_none()
    {
        var markers = new StartMarkers(_directory);
        Assert.Null(markers.Restore);
        Assert.False(markers.Recover);
        markers.Clear();
    }

    [Fact]
    public void They_are_read_and_cleared()
    {
        Write("restore.json", """{ "revisionBump": 1234 }""");
        Write("restore.snapshot", "");
        Write("recover.json", "{}");
        var markers = new StartMarkers(_directory);
        Assert.Equal((Path.Combine(_directory, "restore.snapshot"), 1234L), markers.Restore);
        Assert.True(markers.Recover);
        markers.Clear();
        Assert.Empty(Directory.GetFiles(_directory));
    }

    [Fact]
    public void The_word_on_users_and_roles_is_kept_until_it_is_heeded()
    {
        Write("auth-off.json", "{}");
        var markers = new StartMarkers(_directory);
        markers.Clear();
        Assert.True(markers.AuthOff);
        markers.ClearAuthOff();
        Assert.Empty(Directory.GetFiles(_directory));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("""{ "revisionBump": "many" }""")]
    [InlineData("""{ "revisionBump": 1.5 }""")]
    public void A_broken_one_stops_the_start_and_names_the_way_back(string content)
    {
        Write("restore.json", content);
        var error = Assert.Throws<NodeStartupException>(() => new StartMarkers(_directory).Restore);
        Assert.Contains("paxosctl snapshot restore", error.Message, StringComparison.Ordinal);
    }

    private void Write(string file, string content) => File.WriteAllText(Path.Combine(_directory, file), content);
}

namespace PaxosStore.Node.Tests.Storage;

/// <summary>What keeps the data is said once, and clearly.</summary>
public sealed class StorageSettingsTests
{
    [Fact]
    public void Files_are_the_default_and_a_database_needs_its_connection()
    {
        Assert.Equal((StorageProvider.Sqlite, ""), Storage(""));
        Assert.Equal((StorageProvider.PostgreSql, "Host=db;Username=x"), Storage("storage = postgresql\nstorage-connection = \"Host=db;Username=x\""));
    }

    [Theory]
    [InlineData("storage = postgresql", "storage-connection")]
    [InlineData("storage-connection = \"Host=db\"", "set storage to postgresql")]
    [InlineData("storage = mysql", "expected sqlite or postgresql")]
    public void What_contradicts_itself_is_named_with_the_next_step(string lines, string step) =>
        Assert.Contains(step, Assert.Throws<NodeStartupException>(() => Storage(lines)).Message, StringComparison.Ordinal);

    private static (StorageProvider, string) Storage(string lines)
    {
        var settings = TestNode.Settings(lines);
        return (settings.StorageProvider, settings.StorageConnection);
    }
}

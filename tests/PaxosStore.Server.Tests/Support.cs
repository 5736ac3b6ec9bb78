using PaxosStore.Server.Options;

namespace PaxosStore.Server.Tests;

/// <summary>Short ways to what the server makes of its options.</summary>
internal static class Load
{
    internal static ServerOptions From(params string[] arguments) => With([], arguments);

    internal static ServerOptions With(Dictionary<string, string> environment, params string[] arguments) =>
        ServerOptions.Load(CommandLine.Parse(arguments), environment);

    internal static string ErrorOf(params string[] arguments) => Assert.Throws<OptionsException>(() => From(arguments)).Message;
}

/// <summary>A configuration file that lives as long as the test.</summary>
internal sealed class TemporaryFile : IDisposable
{
    internal TemporaryFile(string text, string extension = ".conf")
    {
        Path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"paxosstore-{Guid.NewGuid():n}{extension}");
        File.WriteAllText(Path, text);
    }

    internal string Path { get; }

    public void Dispose() => File.Delete(Path);
}

/// <summary>The checked-out sources.</summary>
internal static class Repository
{
    internal static string Root { get; } = Find();

    internal static string Read(string path) => File.ReadAllText(Path.Combine(Root, path)).ReplaceLineEndings("\n");

    private static string Find()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "Directory.Packages.props"))) directory = directory.Parent;
        return directory?.FullName ?? throw new InvalidOperationException("the tests must run inside the repository");
    }
}

using PaxosStore.Testing;

namespace PaxosStore.Cli.Tests;

/// <summary>One finished run of <c>paxosctl</c>.</summary>
internal sealed record Run(int Code, string Output, string Error)
{
    /// <summary>Runs it with nobody at the terminal.</summary>
    internal static Task<Run> Async(params string[] arguments) => WithAsync([], null, arguments);

    /// <summary>Runs it against a door.</summary>
    internal static Task<Run> Async(DoorHost door, params string[] arguments) =>
        WithAsync([], null, [.. arguments, $"--endpoints=127.0.0.1:{door.Port}"]);

    /// <summary>Runs it with an environment and, unless null, with a person who types.</summary>
    internal static async Task<Run> WithAsync(Dictionary<string, string> environment, string? typed, params string[] arguments)
    {
        using var input = new StringReader(typed ?? "");
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await Ctl.RunAsync(arguments, environment, new Terminal(input, output, error, typed is not null));
        return new Run(code, output.ToString().ReplaceLineEndings("\n"), error.ToString().ReplaceLineEndings("\n"));
    }

    /// <summary>The lines of the answer, each with single blanks.</summary>
    internal string[] Lines =>
        [.. Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))];

    /// <summary>Asserts that it ended well and returns it.</summary>
    internal Run Done()
    {
        Assert.True(Code == Ctl.Success, $"ended with {Code}: {Error}");
        return this;
    }

    /// <summary>Asserts that it failed with this code and these words.</summary>
    internal void Failed(int code, string words)
    {
        Assert.Contains(words, Error, StringComparison.Ordinal);
        Assert.Equal(code, Code);
    }
}

/// <summary>A folder that lives as long as the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    internal string Path { get; } = Directory.CreateTempSubdirectory("paxosctl-").FullName;

    internal string At(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

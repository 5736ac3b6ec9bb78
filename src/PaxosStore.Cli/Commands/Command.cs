namespace PaxosStore.Cli.Commands;

/// <summary>One thing that can be asked for.</summary>
/// <param name="Words">How it is called, such as <c>snapshot save</c>.</param>
/// <param name="Operands">What must follow, in order.</param>
/// <param name="Summary">What it does, in one line.</param>
/// <param name="Run">Does it; the result is the exit code.</param>
internal sealed record Command(string Words, IReadOnlyList<string> Operands, string Summary, Func<Session, Task<int>> Run)
{
    /// <summary>What to know before using it.</summary>
    public string Details { get; init; } = "";

    /// <summary>Options it takes besides those all commands that talk to a cluster take.</summary>
    public IReadOnlyList<string> Options { get; init; } = [];

    /// <summary>True when it talks to a cluster.</summary>
    public bool Online { get; init; } = true;

    /// <summary>Whether the option may stand with it.</summary>
    internal bool Takes(CtlOption option) =>
        Options.Contains(option.Name) || (Online && option.Name is "endpoints" or "timeout" or "user" or "cacert" or "cert" or "key");
}

/// <summary>One option.</summary>
/// <param name="Name">As typed after two dashes.</param>
/// <param name="Placeholder">Stands for its value in the help; null for a switch.</param>
/// <param name="Help">What it means.</param>
/// <param name="Short">One letter that means the same, or null.</param>
internal sealed record CtlOption(string Name, string? Placeholder, string Help, string? Short = null);

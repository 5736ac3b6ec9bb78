using PaxosStore.Cli.Commands;

namespace PaxosStore.Cli;

/// <summary>A command with what was typed after it.</summary>
/// <param name="Command">Which.</param>
/// <param name="Operands">As many as it takes.</param>
/// <param name="Options">Option name to value; a switch has the value <c>true</c>.</param>
internal sealed record Invocation(Command Command, IReadOnlyList<string> Operands, IReadOnlyDictionary<string, string> Options)
{
    private static readonly string[] FromEnvironment = ["endpoints", "user", "cacert", "cert", "key"];

    /// <exception cref="UsageException">They can't be understood.</exception>
    internal static Invocation Parse(IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment)
    {
        var words = new List<string>();
        var options = new List<(string Name, string? Value)>();
        for (var i = 0; i < arguments.Count; i++)
        {
            if (!IsOption(arguments[i]))
            {
                words.Add(arguments[i]);
                continue;
            }

            var (name, value) = Split(arguments[i]);
            var takesValue = CommandTable.Option(name) is { Placeholder: not null };
            if (takesValue && value is null && i + 1 < arguments.Count && !IsOption(arguments[i + 1])) value = arguments[++i];
            options.Add((name, value));
        }

        var command = CommandTable.Find(words) ?? throw Unknown(words);
        var operands = words.Skip(command.Words.Split(' ').Length).ToArray();
        if (operands.Length != command.Operands.Count)
        {
            throw new UsageException($"'{command.Words}' takes {Expected(command)}, not {operands.Length}", command);
        }

        var given = options.ToDictionary(command);
        foreach (var name in FromEnvironment)
        {
            if (environment.TryGetValue("PAXOSCTL_" + name.ToUpperInvariant(), out var value) && value.Length > 0) given.TryAdd(name, value);
        }

        return new Invocation(command, operands, given);
    }

    private static bool IsOption(string argument) => argument.Length > 1 && argument[0] == '-' && !char.IsDigit(argument[1]);

    private static (string Name, string? Value) Split(string argument)
    {
        var name = argument.TrimStart('-');
        var equals = name.IndexOf('=', StringComparison.Ordinal);
        return equals < 0 ? (name, null) : (name[..equals], name[(equals + 1)..]);
    }

    private static string Expected(Command command) => command.Operands.Count switch
    {
        0 => "no operands",
        1 => $"one operand ({command.Operands[0]})",
        var count => $"{count} operands ({string.Join(' ', command.Operands)})",
    };

    private static UsageException Unknown(List<string> words)
    {
        if (words.Count == 0) return new UsageException("say what to do");
        var group = CommandTable.All.Where(c => c.Words.StartsWith(words[0] + " ", StringComparison.Ordinal)).Select(c => c.Words).ToArray();
        return new UsageException(group.Length > 0
            ? $"'{words[0]}' needs one of: {string.Join(", ", group)}"
            : $"there is no command '{string.Join(' ', words)}'");
    }
}

/// <summary>Checks options against the command they stand with.</summary>
internal static class InvocationOptions
{
    internal static Dictionary<string, string> ToDictionary(this List<(string Name, string? Value)> options, Command command)
    {
        var given = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in options)
        {
            if (CommandTable.Option(name) is not { } option) throw new UsageException($"there is no option --{name}", command);
            if (!command.Takes(option)) throw new UsageException($"'{command.Words}' has no option --{option.Name}", command);
            if (option.Placeholder is null && value is not null) throw new UsageException($"--{option.Name} takes no value", command);
            given[option.Name] = option.Placeholder is null
                ? "true"
                : value is { Length: > 0 } ? value : throw new UsageException($"--{option.Name} needs a value: {option.Help}", command);
        }

        return given;
    }
}

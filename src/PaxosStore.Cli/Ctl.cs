using Grpc.Core;
using PaxosStore.Cli.Commands;

namespace PaxosStore.Cli;

/// <summary>One run of <c>paxosctl</c>, from its arguments to its exit code.</summary>
public static class Ctl
{
    /// <summary>Done.</summary>
    public const int Success = 0;

    /// <summary>It could not be done; the last line says why.</summary>
    public const int Failure = 1;

    /// <summary>The arguments are wrong.</summary>
    public const int Usage = 2;

    /// <summary>Reads the arguments and does what they say.</summary>
    public static async Task<int> RunAsync(
        IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment, Terminal terminal, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(terminal);
        try
        {
            if (HelpText.Asked(arguments) is { } help)
            {
                await terminal.Output.WriteAsync(help);
                return Success;
            }

            var invocation = Invocation.Parse(arguments, environment);
            var session = new Session(invocation, terminal, cancellation);
            if (invocation.Command.Online) await Member.SignInAsync(session);
            return await invocation.Command.Run(session);
        }
        catch (UsageException e)
        {
            await terminal.Error.WriteLineAsync($"error: {e.Message}");
            await terminal.Error.WriteLineAsync($"Run 'paxosctl {e.Help}--help' to see how it is used.");
            return Usage;
        }
        catch (Exception e) when (cancellation.IsCancellationRequested && e is OperationCanceledException or RpcException { StatusCode: StatusCode.Cancelled })
        {
            await terminal.Error.WriteLineAsync("error: interrupted");
            return Failure;
        }
        catch (Exception e) when (Reason(e) is { } reason)
        {
            await terminal.Error.WriteLineAsync($"error: {reason}");
            return Failure;
        }
    }

    private static string? Reason(Exception failure) => failure switch
    {
        CtlException or IOException or UnauthorizedAccessException => failure.Message,
        RpcException refused => Hints.Explain(refused),
        _ => null,
    };
}

/// <summary>What was asked for could not be done; the message says why and what to do next.</summary>
internal sealed class CtlException(string message) : Exception(message);

/// <summary>The arguments are wrong; the message says which and what is expected.</summary>
/// <param name="message">What is wrong.</param>
/// <param name="command">The command whose help says more, or null.</param>
internal sealed class UsageException(string message, Command? command = null) : Exception(message)
{
    /// <summary>The words to put before <c>--help</c>.</summary>
    internal string Help { get; } = command is null ? "" : command.Words + " ";
}

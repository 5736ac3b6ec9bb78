using System.Diagnostics;

namespace PaxosStore.Cluster.Tests.Processes;

/// <summary>Other programs the tests lean on.</summary>
internal static class Programs
{
    /// <summary>Skips the test if <paramref name="program"/> is not on the path; fails it where PAXOSSTORE_REQUIRE_ALL=1.</summary>
    public static void Require(string program)
    {
        var directories = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        Skip.IfNot(Found(directories.Any(d => File.Exists(Path.Combine(d, program))), program), $"{program} is not installed (scripts/install-test-tools.sh)");
    }

    /// <summary>Whether something was found; not finding it is a failure where everything must run.</summary>
    public static bool Found(bool found, string what) =>
        found || Environment.GetEnvironmentVariable("PAXOSSTORE_REQUIRE_ALL") != "1"
            ? found
            : throw new InvalidOperationException($"{what} is missing and PAXOSSTORE_REQUIRE_ALL=1");

    /// <summary>Runs a program to its end.</summary>
    public static async Task<ProgramResult> RunAsync(
        string program, IEnumerable<string> arguments, string? input = null, IReadOnlyDictionary<string, string>? environment = null, TimeSpan? timeout = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        using var cancellation = new CancellationTokenSource(timeout ?? TimeSpan.FromSeconds(30));
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        await process.StandardInput.WriteAsync(input ?? "");
        process.StandardInput.Close();
        try
        {
            await process.WaitForExitAsync(cancellation.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw new TimeoutException($"{program} {string.Join(' ', start.ArgumentList)} did not end in time:\n{await output}{await error}");
        }

        return new ProgramResult(process.ExitCode, await output, await error);
    }
}

/// <summary>What a program left behind.</summary>
internal sealed record ProgramResult(int ExitCode, string Output, string Error)
{
    public override string ToString() => $"exit {ExitCode}\n{Output}{Error}";
}

namespace PaxosStore.Cli;

/// <summary>Where a run reads from and writes to.</summary>
/// <param name="Input">What the operator types.</param>
/// <param name="Output">The answer: nothing else is written here.</param>
/// <param name="Error">Progress, warnings and errors.</param>
/// <param name="Interactive">A person sits there: progress may be overwritten, questions may be asked.</param>
public sealed record Terminal(TextReader Input, TextWriter Output, TextWriter Error, bool Interactive);

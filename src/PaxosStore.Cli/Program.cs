using System.Collections;
using System.Runtime.InteropServices;
using PaxosStore.Cli;

using var stop = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
var environment = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
    .ToDictionary(entry => (string)entry.Key, entry => (string?)entry.Value ?? "", StringComparer.Ordinal);
var terminal = new Terminal(Console.In, Console.Out, Console.Error, !Console.IsInputRedirected && !Console.IsErrorRedirected);
return await Ctl.RunAsync(args, environment, terminal, stop.Token);

void Stop(PosixSignalContext context)
{
    // What was begun is cleaned up; a second signal is not held back.
    context.Cancel = !stop.IsCancellationRequested;
    stop.Cancel();
}

using System.Diagnostics;
using System.Globalization;

namespace PaxosStore.Cli.Snapshots;

/// <summary>Tells how far a download is: on one line that a person sees change, or now and then for a log.</summary>
internal sealed class Progress(Terminal terminal) : IDisposable
{
    private static readonly TimeSpan Often = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan NowAndThen = TimeSpan.FromSeconds(10);

    private readonly Stopwatch watch = Stopwatch.StartNew();
    private TimeSpan told;
    private bool begun;

    internal void Report(long received, long remaining)
    {
        if (watch.Elapsed - told < (terminal.Interactive ? Often : NowAndThen)) return;
        told = watch.Elapsed;
        var speed = Shown((long)(received / watch.Elapsed.TotalSeconds));
        var line = $"{Shown(received)} of about {Shown(received + remaining)}, {speed}/s";
        if (terminal.Interactive) terminal.Error.Write($"\r{line,-60}");
        else terminal.Error.WriteLine(line);
        begun = true;
    }

    /// <summary>Bytes as people read them.</summary>
    internal static string Shown(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0.0} MiB");

    public void Dispose()
    {
        if (begun && terminal.Interactive) terminal.Error.WriteLine();
    }
}

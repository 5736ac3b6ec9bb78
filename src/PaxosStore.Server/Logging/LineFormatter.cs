using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace PaxosStore.Server.Logging;

/// <summary>One event, one line: time (UTC), level, category, text with its values as <c>key=value</c>.</summary>
internal sealed class LineFormatter(TimeProvider time) : ConsoleFormatter(FormatterName)
{
    internal const string FormatterName = "line";
    private const string OwnNamespace = "PaxosStore.";
    private const string ClientDropped = "Http2QueueOperationsExceeded";

    /// <inheritdoc/>
    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var level = LevelOf(logEntry.LogLevel, logEntry.EventId);
        textWriter.Write(time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture));
        textWriter.Write(' ');
        textWriter.Write(Level(level));
        textWriter.Write(' ');
        textWriter.Write(Short(logEntry.Category));
        textWriter.Write(' ');
        textWriter.Write(OneLine(logEntry.Formatter(logEntry.State, logEntry.Exception)));
        if (logEntry.Exception is { } exception) WriteException(exception, level, textWriter);
        textWriter.Write('\n');
    }

    /// <summary>The value of a <c>key=value</c> pair: in quotation marks where it would not be read as one word.</summary>
    internal static string Quoted(string value) =>
        value.Length == 0 || value.AsSpan().IndexOfAny(" \"=\r\n") >= 0
            ? '"' + OneLine(value).Replace("\"", "\\\"", StringComparison.Ordinal) + '"'
            : value;

    // The stack helps whoever repairs the program; of an event that the program handles, its reason is enough.
    private static void WriteException(Exception exception, LogLevel level, TextWriter writer)
    {
        writer.Write(" error=");
        writer.Write(Quoted($"{exception.GetType().Name}: {exception.Message}"));
        if (level < LogLevel.Critical) return;
        writer.Write('\n');
        writer.Write(exception.ToString());
    }

    // The web server calls it critical when it can't queue the end of a stream: its client resets streams faster than they are cleared away, or the connection is
    // just being closed. To an operator that is the end of one connection; what else it calls critical stays so.
    private static LogLevel LevelOf(LogLevel level, EventId happened) =>
        happened.Name == ClientDropped && level == LogLevel.Critical ? LogLevel.Warning : level;

    private static string Level(LogLevel level) => level switch
    {
        LogLevel.Trace => "TRC",
        LogLevel.Debug => "DBG",
        LogLevel.Information => "INF",
        LogLevel.Warning => "WRN",
        LogLevel.Error => "ERR",
        _ => "CRT",
    };

    private static string Short(string category) => category.StartsWith(OwnNamespace, StringComparison.Ordinal)
        ? category[OwnNamespace.Length..]
        : category[(category.LastIndexOf('.') + 1)..];

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");
}

using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using PaxosStore.Server.Logging;

namespace PaxosStore.Server.Tests;

public sealed class LogTests
{
    [Fact]
    public void An_event_is_one_line_with_time_level_and_short_category() =>
        Assert.Equal("1970-01-01T00:00:00.000Z INF Node.Acceptor two lines\n", Line(LogLevel.Information, "PaxosStore.Node.Acceptor", "two\nlines"));

    [Fact]
    public void Others_are_named_by_the_last_part_of_their_category() =>
        Assert.Equal("1970-01-01T00:00:00.000Z WRN Kestrel x\n", Line(LogLevel.Warning, "Microsoft.AspNetCore.Server.Kestrel", "x"));

    [Fact]
    public void An_exception_is_its_reason_and_only_a_critical_one_its_stack()
    {
        var exception = new InvalidOperationException("no \"way\"");

        Assert.Equal(
            "1970-01-01T00:00:00.000Z ERR c x error=\"InvalidOperationException: no \\\"way\\\"\"\n", Line(LogLevel.Error, "c", "x", exception));
        Assert.Contains("\nSystem.InvalidOperationException: no", Line(LogLevel.Critical, "c", "x", exception), StringComparison.Ordinal);
    }

    [Fact]
    public void The_end_of_one_connection_is_no_more_than_a_warning()
    {
        const string http2 = "Microsoft.AspNetCore.Server.Kestrel.Http2";
        var exception = new InvalidOperationException("y");
        Assert.Equal(
            "1970-01-01T00:00:00.000Z WRN Http2 x error=\"InvalidOperationException: y\"\n",
            Line(LogLevel.Critical, http2, "x", exception, new EventId(60, "Http2QueueOperationsExceeded")));
        Assert.StartsWith("1970-01-01T00:00:00.000Z CRT Http2 x", Line(LogLevel.Critical, http2, "x", exception, new EventId(63, "Other")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("", "\"\"")]
    [InlineData("a b", "\"a b\"")]
    [InlineData("a=b", "\"a=b\"")]
    public void A_value_is_quoted_where_it_would_not_be_read_as_one_word(string value, string written) =>
        Assert.Equal(written, LineFormatter.Quoted(value));

    private static string Line(LogLevel level, string category, string message, Exception? exception = null, EventId happened = default)
    {
        using var writer = new StringWriter();
        var entry = new LogEntry<string>(level, category, happened, message, exception, (state, _) => state);
        new LineFormatter(new Epoch()).Write(in entry, null, writer);
        return writer.ToString();
    }

    private sealed class Epoch : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch;
    }
}

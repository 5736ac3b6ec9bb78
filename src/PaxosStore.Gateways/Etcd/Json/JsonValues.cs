using System.Buffers;
using System.IO.Pipelines;

namespace PaxosStore.Gateways.Etcd.Json;

/// <summary>A JSON value is longer than any message may be.</summary>
internal sealed class JsonTooLargeException(long bytes) : Exception
{
    internal long Bytes { get; } = bytes;
}

/// <summary>
/// Cuts a body into the JSON values that follow each other in it, looking at every byte once. It only finds where a value ends; whether it is one, the
/// parser says. Of a body at most one value is held, and no more of it than the limit.
/// </summary>
internal sealed class JsonValues(PipeReader input, long maxBytes)
{
    private static readonly SearchValues<byte> Boundaries = SearchValues.Create(" \t\r\n{[\""u8);

    private bool inString;
    private bool escaped;
    private bool nested;
    private bool bare;
    private int depth;

    /// <summary>Hands the next value to <paramref name="take"/>; false at the end of the body.</summary>
    /// <exception cref="JsonShapeException">The body ends within a value.</exception>
    /// <exception cref="JsonTooLargeException">The value is longer than the limit.</exception>
    /// <exception cref="OperationCanceledException">Reading was stopped.</exception>
    internal async ValueTask<bool> ReadAsync(Action<ReadOnlySequence<byte>> take, CancellationToken cancellation)
    {
        // The web server's reader must be left as it was found, which a read that is cancelled by its token does not do.
        await using var stop = cancellation.UnsafeRegister(static reader => Wake((PipeReader)reader!), input);
        var scanned = 0L;
        while (true)
        {
            var read = await input.ReadAsync(CancellationToken.None);
            var buffer = read.Buffer;
            if (scanned == 0) buffer = SkipBlanks(buffer);
            var end = Scan(buffer.Slice(scanned));
            var length = end < 0 ? buffer.Length : scanned + end;
            if (read.IsCanceled || length > maxBytes)
            {
                input.AdvanceTo(buffer.End);
                throw read.IsCanceled ? new OperationCanceledException(cancellation) : new JsonTooLargeException(length);
            }

            if (end < 0 && read.IsCompleted && bare && buffer.Length > 0) end = buffer.Length - scanned;
            if (end >= 0)
            {
                Reset();
                var value = buffer.Slice(0, scanned + end);
                try
                {
                    take(value);
                }
                finally
                {
                    input.AdvanceTo(value.End);
                }

                return true;
            }

            scanned = buffer.Length;
            input.AdvanceTo(buffer.Start, buffer.End);
            if (!read.IsCompleted) continue;
            return scanned == 0 ? false : throw new JsonShapeException("unexpected EOF");
        }
    }

    private static void Wake(PipeReader reader)
    {
        try
        {
            reader.CancelPendingRead();
        }
        catch (IOException)
        {
            // The client has aborted its stream: the read fails by itself.
            return;
        }
    }

    private static ReadOnlySequence<byte> SkipBlanks(ReadOnlySequence<byte> buffer)
    {
        var reader = new SequenceReader<byte>(buffer);
        reader.AdvancePastAny(" \t\r\n"u8);
        return buffer.Slice(reader.Position);
    }

    /// <summary>Bytes up to the end of the value, or −1 when it goes on.</summary>
    private long Scan(ReadOnlySequence<byte> buffer)
    {
        var position = 0L;
        foreach (var segment in buffer)
        {
            var span = segment.Span;
            for (var i = 0; i < span.Length; i++)
            {
                if (bare && Boundaries.Contains(span[i])) return position + i;
                if (Ends(span[i])) return position + i + 1;
            }

            position += span.Length;
        }

        return -1;
    }

    // Whether the value ends with this byte. One that begins with neither bracket nor quotation mark is bare: it ends before the next blank or value.
    private bool Ends(byte next)
    {
        if (inString)
        {
            if (escaped) escaped = false;
            else if (next == '\\') escaped = true;
            else if (next == '"') inString = false;
            return !inString && !nested;
        }

        switch (next)
        {
            case (byte)'"': inString = true; return false;
            case (byte)'{' or (byte)'[':
                nested = true;
                depth++;
                return false;
            case (byte)'}' or (byte)']' when nested: return --depth == 0;
            default:
                if (!nested) bare = true;
                return false;
        }
    }

    private void Reset() => (inString, escaped, nested, bare, depth) = (false, false, false, false, 0);
}

using System.Buffers;
using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;

namespace PaxosStore.Gateways.Listening;

/// <summary>
/// Accepts the connections of one socket and hands each, untouched, to one of two listeners: HTTP/2 when it begins with that protocol's preface, else
/// HTTP/1.1, whose parser answers what is no HTTP at all. Looking costs one read that the parser would have made; nothing is copied. A connection
/// that does not say in time what it is, is cut.
/// </summary>
internal sealed class ConnectionSorter : IAsyncDisposable
{
    /// <summary>How long a connection may keep silent about its protocol.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    // Connections handed over and not yet fetched; the web server fetches in a loop.
    private const int Handed = 512;

    private readonly IConnectionListener socket;
    private readonly TimeProvider time;
    private readonly CancellationTokenSource closed = new();
    private readonly Task accepting;
    private int unbound;
    private int disposed;

    internal ConnectionSorter(IConnectionListener socket, TimeProvider time)
    {
        (this.socket, this.time) = (socket, time);
        Http2 = new Half(this);
        Http1 = new Half(this);
        accepting = AcceptAsync();
    }

    internal Half Http2 { get; }

    internal Half Http1 { get; }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0) return;
        await UnbindAsync();
        await accepting;
        await socket.DisposeAsync();
    }

    private async ValueTask UnbindAsync()
    {
        if (Interlocked.Exchange(ref unbound, 1) != 0) return;
        await socket.UnbindAsync();
        await closed.CancelAsync();
    }

    private async Task AcceptAsync()
    {
        Exception? failure = null;
        try
        {
            while (await socket.AcceptAsync() is { } connection) _ = SortAsync(connection);
        }
#pragma warning disable CA1031 // Whatever ends the accepting is handed to the web server, which waits for connections and reports it.
        catch (Exception e)
#pragma warning restore CA1031
        {
            failure = e;
        }

        Http2.Complete(failure);
        Http1.Complete(failure);
    }

    private async Task SortAsync(ConnectionContext connection)
    {
        var half = await FindAsync(connection);
        if (half is not null && await half.HandAsync(connection, closed.Token)) return;
        connection.Abort();
        await connection.DisposeAsync();
    }

    /// <summary>Where the connection belongs; null when it ended or kept silent.</summary>
    private async Task<Half?> FindAsync(ConnectionContext connection)
    {
        var input = connection.Transport.Input;
        using var limit = new CancellationTokenSource(Patience, time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, closed.Token);
        var examined = 0L;
        try
        {
            while (true)
            {
                var read = await input.ReadAsync(stop.Token);
                var verdict = HttpPreface.Judge(read.Buffer);
                var empty = read.Buffer.IsEmpty;
                if (verdict is null && !read.IsCompleted)
                {
                    examined = read.Buffer.Length;
                    input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                    continue;
                }

                // Nothing is consumed, and no more examined than was before: the next reader finds it all at once.
                input.AdvanceTo(read.Buffer.Start, read.Buffer.GetPosition(examined));
                return empty ? null : verdict == true ? Http2 : Http1;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or ConnectionAbortedException)
        {
            return null;
        }
    }

    /// <summary>The listener of one protocol.</summary>
    internal sealed class Half(ConnectionSorter sorter) : IConnectionListener
    {
        private readonly Channel<ConnectionContext> connections =
            Channel.CreateBounded<ConnectionContext>(new BoundedChannelOptions(Handed) { SingleReader = true });

        /// <inheritdoc/>
        public EndPoint EndPoint => sorter.socket.EndPoint;

        /// <inheritdoc/>
        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            while (await connections.Reader.WaitToReadAsync(cancellationToken))
            {
                if (connections.Reader.TryRead(out var connection)) return connection;
            }

            return null;
        }

        /// <inheritdoc/>
        public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => sorter.UnbindAsync();

        /// <inheritdoc/>
        public async ValueTask DisposeAsync()
        {
            await sorter.DisposeAsync();
            while (connections.Reader.TryRead(out var left))
            {
                left.Abort();
                await left.DisposeAsync();
            }
        }

        internal void Complete(Exception? failure) => connections.Writer.TryComplete(failure);

        /// <summary>False when nobody fetches connections any more.</summary>
        internal async ValueTask<bool> HandAsync(ConnectionContext connection, CancellationToken closed)
        {
            try
            {
                await connections.Writer.WriteAsync(connection, closed);
                return true;
            }
            catch (Exception e) when (e is ChannelClosedException or OperationCanceledException)
            {
                return false;
            }
        }
    }
}

/// <summary>The bytes every HTTP/2 connection begins with.</summary>
internal static class HttpPreface
{
    private static ReadOnlySpan<byte> Preface => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;

    /// <summary>True for HTTP/2, false when it can't be, null while it may yet become it.</summary>
    internal static bool? Judge(in ReadOnlySequence<byte> begun)
    {
        Span<byte> copy = stackalloc byte[Preface.Length];
        var known = (int)Math.Min(begun.Length, Preface.Length);
        begun.Slice(0, known).CopyTo(copy);
        if (!Preface.StartsWith(copy[..known])) return false;
        return known == Preface.Length ? true : null;
    }
}

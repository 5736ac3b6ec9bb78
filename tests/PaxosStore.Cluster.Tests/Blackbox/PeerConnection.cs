using System.Net.Sockets;
using System.Threading.Channels;
using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Blackbox;

/// <summary>One connection between two nodes: two directions, each with a short queue of what has been read and not yet been passed on.</summary>
internal sealed class PeerConnection(PeerNetwork network, FaultCounts counts, NodeProcess caller, NodeProcess called, Socket incoming, Socket outgoing) : IDisposable
{
    private const int ChunkBytes = 16 * 1024;
    private const int Queue = 64;
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(5);
    private readonly CancellationTokenSource _closed = new();

    /// <summary>Who opened the connection.</summary>
    public NodeProcess Caller => caller;

    /// <summary>Who was called.</summary>
    public NodeProcess Called => called;

    /// <summary>Carries until one side ends.</summary>
    public async Task RunAsync()
    {
        Task[] directions = [CarryAsync(incoming, outgoing, caller, called), CarryAsync(outgoing, incoming, called, caller)];
        await Task.WhenAny(directions);
        Close(reset: false);
        await Task.WhenAll(directions);
    }

    /// <summary>Ends both sides; by a reset, what is under way is lost for good and the nodes see an error.</summary>
    public void Close(bool reset)
    {
        if (_closed.IsCancellationRequested)
            return;
        _closed.Cancel();
        foreach (var socket in (Socket[])[incoming, outgoing])
            socket.Close(reset ? 0 : 1);
    }

    public void Dispose() => _closed.Dispose();

    private async Task CarryAsync(Socket from, Socket to, NodeProcess sender, NodeProcess receiver)
    {
        var queue = Channel.CreateBounded<(byte[] Bytes, long Due)>(Queue);
        var reading = ReadAsync(from, queue.Writer, sender, receiver);
        try
        {
            await foreach (var (bytes, due) in queue.Reader.ReadAllAsync(_closed.Token))
            {
                await PassAsync(bytes.Length, due, sender, receiver);
                await to.SendAsync(bytes, _closed.Token);
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            Close(reset: false); // the nodes notice by themselves
        }

        await reading;
    }

    private async Task ReadAsync(Socket from, ChannelWriter<(byte[] Bytes, long Due)> queue, NodeProcess sender, NodeProcess receiver)
    {
        var buffer = new byte[ChunkBytes];
        try
        {
            while (await from.ReceiveAsync(buffer, _closed.Token) is var count and > 0)
            {
                var delay = network.RuleFor(sender, receiver).Delay;
                if (delay > TimeSpan.Zero)
                    counts.Add("messages delayed", 1);
                await queue.WriteAsync((buffer[..count], HistoryRecorder.Now + (long)delay.TotalNanoseconds), _closed.Token);
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // As above.
        }

        queue.TryComplete();
    }

    /// <summary>Waits until the chunk may arrive.</summary>
    private async Task PassAsync(int bytes, long due, NodeProcess sender, NodeProcess receiver)
    {
        if (due - HistoryRecorder.Now is var wait and > 0)
            await Task.Delay(TimeSpan.FromMilliseconds(wait / 1e6), _closed.Token);
        var rule = network.RuleFor(sender, receiver);
        if (rule.Stalled)
            counts.Add("messages stalled", 1);
        while (network.RuleFor(sender, receiver).Stalled)
            await Task.Delay(Look, _closed.Token);
        if (rule.BytesPerSecond > 0)
        {
            counts.Add("messages slowed", 1);
            await Task.Delay(TimeSpan.FromSeconds((double)bytes / rule.BytesPerSecond), _closed.Token);
        }
    }
}

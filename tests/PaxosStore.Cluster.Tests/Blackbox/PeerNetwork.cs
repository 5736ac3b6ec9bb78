using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using PaxosStore.Cluster.Tests.Processes;
using PaxosStore.Testing;

namespace PaxosStore.Cluster.Tests.Blackbox;

/// <summary>
/// The network between the nodes: each is found by its peers behind a port of this one, which passes bytes on by rules for each direction of each pair. Nothing is
/// lost or changed within a connection, as with TCP; connections break, stall, crawl.
/// </summary>
internal sealed class PeerNetwork : IDisposable
{
    private readonly CancellationTokenSource _end = new();
    private readonly List<TcpListener> _listeners = [];
    private readonly ConcurrentDictionary<PeerConnection, bool> _connections = [];
    private readonly Lock _gate = new();
    private readonly FaultCounts _counts;
    private Func<IReadOnlyList<NodeProcess>> _nodes = () => [];
    private ImmutableList<Imposed> _imposed = [];

    public PeerNetwork(FaultCounts counts) => _counts = counts;

    /// <summary>Whose connections these are.</summary>
    public void Serve(Func<IReadOnlyList<NodeProcess>> nodes) => _nodes = nodes;

    /// <summary>Ports for a node that its peers find behind this network.</summary>
    public NodePorts NewPorts()
    {
        var ports = new NodePorts(FreePorts.One(), FreePorts.One(), FreePorts.One());
        var listener = new TcpListener(IPAddress.Loopback, ports.Advertised);
        listener.Start();
        lock (_gate)
            _listeners.Add(listener);
        _ = AcceptAsync(listener, ports.Peer);
        return ports;
    }

    /// <summary>Imposes a rule on what nodes for which <paramref name="from"/> holds send to those for which <paramref name="to"/> holds, until it is disposed.</summary>
    public IDisposable Impose(LinkRule rule, Func<NodeProcess, bool> from, Func<NodeProcess, bool> to)
    {
        var imposed = new Imposed(this, rule, from, to);
        ImmutableInterlocked.Update(ref _imposed, l => l.Add(imposed));
        if (rule.Refused)
            Break(from, to, reset: false);
        return imposed;
    }

    /// <summary>Breaks the connections between the two, by a reset or by an orderly end; how many.</summary>
    public int Break(Func<NodeProcess, bool> from, Func<NodeProcess, bool> to, bool reset)
    {
        var broken = 0;
        foreach (var connection in _connections.Keys.Where(c => (from(c.Caller) && to(c.Called)) || (from(c.Called) && to(c.Caller))))
        {
            connection.Close(reset);
            broken++;
        }

        _counts.Add(reset ? "connections reset" : "connections cut", broken);
        return broken;
    }

    public void Dispose()
    {
        _end.Cancel();
        lock (_gate)
            _listeners.ForEach(l => l.Stop());
        foreach (var connection in _connections.Keys)
            connection.Close(reset: true);
        _end.Dispose();
    }

    internal LinkRule RuleFor(NodeProcess from, NodeProcess to) =>
        Volatile.Read(ref _imposed).Where(i => i.From(from) && i.To(to)).Aggregate(default(LinkRule), (sum, i) => sum + i.Rule);

    private async Task AcceptAsync(TcpListener listener, int port)
    {
        while (!_end.IsCancellationRequested)
        {
            Socket socket;
            try
            {
                socket = await listener.AcceptSocketAsync(_end.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }

            _ = Task.Run(() => CarryAsync(socket, port));
        }
    }

    /// <summary>Passes one connection on. One that cannot be told whose it is ends at once: its node tries again.</summary>
    private async Task CarryAsync(Socket socket, int port)
    {
        using var incoming = socket;
        var nodes = _nodes();
        var called = nodes.FirstOrDefault(n => n.Ports.Peer == port);
        var caller = SocketOwners.Of(((IPEndPoint)incoming.RemoteEndPoint!).Port, nodes);
        if (caller is null || called is null)
        {
            _counts.Add("connections of unknown origin", 1);
            return;
        }

        if (RuleFor(caller, called).Refused || RuleFor(called, caller).Refused)
        {
            _counts.Add("connections refused", 1);
            return;
        }

        using var outgoing = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        incoming.NoDelay = true;
        try
        {
            await outgoing.ConnectAsync(IPAddress.Loopback, port, _end.Token);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return; // the node is down, as its caller finds out
        }

        using var connection = new PeerConnection(this, _counts, caller, called, incoming, outgoing);
        _connections[connection] = true;
        await connection.RunAsync();
        _connections.TryRemove(connection, out _);
    }

    private sealed class Imposed(PeerNetwork network, LinkRule rule, Func<NodeProcess, bool> from, Func<NodeProcess, bool> to) : IDisposable
    {
        public LinkRule Rule => rule;

        public Func<NodeProcess, bool> From => from;

        public Func<NodeProcess, bool> To => to;

        public void Dispose() => ImmutableInterlocked.Update(ref network._imposed, l => l.Remove(this));
    }
}

using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using PaxosStore.Consensus;
using PaxosStore.Node.Storage;
using PaxosStore.Node.Wire;
using PaxosStore.Testing;

namespace PaxosStore.Node.Tests.Wire;

/// <summary>Links between peers whose connections come and go at unlucky moments.</summary>
public sealed class PeerLinkTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(15);
    private readonly string _directory = Directory.CreateTempSubdirectory("paxosstore-links-").FullName;
    private readonly int[] _ports = FreePorts.Take(4);

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    /// <summary>
    /// The first opens a connection to the second, which dies; when the second comes back it connects first, and only then the first's connection gets through.
    /// Akka.Remote has given that one up by then without closing it, and the second takes it for the one to listen to.
    /// </summary>
    [Fact]
    public async Task A_restarted_peer_hears_although_a_connection_to_its_former_self_is_answered_late()
    {
        using var toFirst = new Gate(_ports[0], _ports[1]);
        using var toSecond = new Gate(_ports[2], _ports[3]);
        await using var first = new Peer(Settings("first", _ports[0], _ports[1], _ports[2]), _directory);
        await using var former = new Peer(Settings("second", _ports[2], _ports[3], _ports[0]), _directory);
        await UntilAsync("both hear each other", () => (first.Heard, former.Heard) is (not null, not null), first.Speak, former.Speak);
        toFirst.Hold();
        toSecond.Hold();
        former.Stop();
        await UntilAsync("the second is gone and the first calls it", () => IsFree(_ports[3]) && toSecond.Waiting > 0, first.Speak);
        toFirst.Pass();
        await using var second = new Peer(Settings("second", _ports[2], _ports[3], _ports[0]), _directory);
        first.Forget();
        await UntilAsync("the first hears the new second", () => first.Heard is not null, second.Speak);
        toSecond.Pass();
        await UntilAsync("the late call is answered", () => toSecond.Answered, first.Speak);

        var answered = Stopwatch.GetTimestamp();
        await UntilAsync(
            "the second hears what was said a second later", () => second.Heard is { } said && Stopwatch.GetElapsedTime(answered, said) > TimeSpan.FromSeconds(1),
            first.Speak, second.Speak);
    }

    private static NodeSettings Settings(string name, int advertised, int port, int other) => NodeSettings.FromConfig(ConfigurationFactory.ParseString($$"""
        akka.loglevel = OFF
        akka.coordinated-shutdown.run-by-actor-system-terminate = off
        paxosstore {
          name = "{{name}}"
          listen-peer-urls = "http://127.0.0.1:{{port}}"
          initial-advertise-peer-urls = "http://127.0.0.1:{{advertised}}"
          initial-cluster = "{{name}}=http://127.0.0.1:{{advertised}},other=http://127.0.0.1:{{other}}"
        }
        """));

    private static bool IsFree(int port)
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        try
        {
            listener.Start();
            return true;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            return false;
        }
    }

    private static async Task UntilAsync(string what, Func<bool> holds, params Action[] meanwhile)
    {
        for (var watch = Stopwatch.StartNew(); !holds(); await Task.Delay(20))
        {
            Assert.True(watch.Elapsed < Limit, $"did not come about: {what}");
            foreach (var action in meanwhile) action();
        }
    }

    /// <summary>One end of the link: an ActorSystem as a node's is, and an actor that keeps what the other end said last, which is the time.</summary>
    private sealed class Peer : IAsyncDisposable
    {
        private readonly ActorSystem _system;
        private readonly IActorRef _other;
        private Probe? _heard;

        public Peer(NodeSettings settings, string directory)
        {
            var storage = SqliteStorage.Open(Directory.CreateDirectory(Path.Combine(directory, settings.Name)).FullName, NullLogger.Instance);
            _system = ActorSystem.Create(AkkaConfig.SystemName, AkkaConfig.Setup(settings, storage));
            _system.ActorOf(Props.Create(() => new Ear(this)), "ear");
            var url = settings.InitialCluster["other"];
            _other = ((ExtendedActorSystem)_system).Provider.ResolveActorRef($"akka.tcp://{AkkaConfig.SystemName}@{url.Host}:{url.Port}/user/ear");
        }

        /// <summary>When the newest that was heard had been said, in ticks of the stopwatch.</summary>
        public long? Heard => Volatile.Read(ref _heard)?.Number;

        public void Forget() => Volatile.Write(ref _heard, null);

        public void Speak() => _other.Tell(new PeerMessage(1, new NodeId(1), new Probe(Stopwatch.GetTimestamp())), ActorRefs.NoSender);

        public void Stop() => _ = _system.Terminate();

        public async ValueTask DisposeAsync() => await _system.Terminate();

        private sealed class Ear : ReceiveActor
        {
            public Ear(Peer peer) => Receive<PeerMessage>(m => Volatile.Write(ref peer._heard, (Probe)m.Message));
        }
    }

    /// <summary>A port behind which a peer is found. While it holds, those that were let in are thrown out and who calls waits without an answer.</summary>
    private sealed class Gate : IDisposable
    {
        private readonly TcpListener _listener;
        private readonly int _port;
        private readonly Lock _gate = new();
        private readonly List<Socket> _open = [];
        private TaskCompletionSource _pass = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _waiting;
        private int _answered;

        public Gate(int advertised, int port)
        {
            _port = port;
            _pass.SetResult();
            _listener = new TcpListener(IPAddress.Loopback, advertised);
            _listener.Start();
            _ = AcceptAsync();
        }

        /// <summary>Calls that waited here.</summary>
        public int Waiting => Volatile.Read(ref _waiting);

        /// <summary>Whether the first of them got an answer.</summary>
        public bool Answered => Volatile.Read(ref _answered) == 1;

        public void Hold()
        {
            lock (_gate)
            {
                _pass = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

                // In order, as the connections of a killed process end: a reset is taken for a planned end.
                foreach (var socket in _open.Where(s => s.Connected)) socket.Shutdown(SocketShutdown.Send);
                _open.Clear();
            }
        }

        public void Pass() => _pass.TrySetResult();

        public void Dispose()
        {
            _listener.Stop();
            lock (_gate) _open.ForEach(s => s.Dispose());
        }

        private async Task AcceptAsync()
        {
            while (true)
            {
                Socket incoming;
                try
                {
                    incoming = await _listener.AcceptSocketAsync();
                }
                catch (Exception e) when (e is SocketException or ObjectDisposedException)
                {
                    return; // the test is over
                }

                _ = CarryAsync(incoming);
            }
        }

        private async Task CarryAsync(Socket incoming)
        {
            using var outgoing = new Socket(SocketType.Stream, ProtocolType.Tcp);
            using var ended = incoming;
            Task pass;
            lock (_gate)
            {
                _open.AddRange([incoming, outgoing]);
                pass = _pass.Task;
            }

            var first = !pass.IsCompleted && Interlocked.Increment(ref _waiting) == 1;
            await pass;
            try
            {
                await outgoing.ConnectAsync(IPAddress.Loopback, _port);
                await Task.WhenAny(PumpAsync(incoming, outgoing, () => { }), PumpAsync(outgoing, incoming, () => { if (first) Volatile.Write(ref _answered, 1); }));
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // Nobody is there, or the caller was thrown out while it waited: it ends, as its owner finds out.
            }
        }

        private static async Task PumpAsync(Socket from, Socket to, Action passed)
        {
            var buffer = new byte[65536];
            try
            {
                while (await from.ReceiveAsync(buffer) is > 0 and var count)
                {
                    await to.SendAsync(buffer.AsMemory(0, count));
                    passed();
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The connection has ended, which is all there is to know.
            }
        }
    }
}

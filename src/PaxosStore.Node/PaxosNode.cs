using System.Globalization;
using System.Security.Cryptography;
using Akka.Actor;
using Microsoft.Extensions.Logging;
using PaxosStore.Consensus;
using PaxosStore.Node.Actors;
using PaxosStore.Node.Facade;
using PaxosStore.Node.Startup;
using PaxosStore.Node.Storage;
using PaxosStore.Node.Tls;
using PaxosStore.Node.Wire;

namespace PaxosStore.Node;

/// <summary>How a node's owner learns how it fares.</summary>
public interface INodeLifetime
{
    /// <summary>Completes when the node has served a first linearizable read.</summary>
    Task Ready { get; }

    /// <summary>Completes, with the reason, when the node must stop.</summary>
    Task<string> Failed { get; }

    /// <summary>Before a planned stop: lets another voter lead, if this node does. Returns once one does, or soon when none can.</summary>
    Task HandOverAsync();
}

/// <summary>One running node: its directory, its ActorSystem, its roles.</summary>
public sealed class PaxosNode : INodeLifetime, IAsyncDisposable
{
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan RescueTimeout = TimeSpan.FromSeconds(30);

    private readonly NodeSettings _settings;
    private readonly ILogger _log;
    private readonly DataDirectory _directory;
    private readonly bool _throttler;
    private readonly KvStateMachine _state = new();
    private readonly PaxosKvStore _store;
    private readonly NodeProgress _progress;
    private readonly NodeContext _context;
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<string> _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _introduction;
    private Task _rescue = Task.CompletedTask;
    private int _disposed;

    private PaxosNode(NodeSettings settings, ILogger log, DataDirectory directory, RescuedJournal? rescued, bool throttler)
    {
        (_settings, _log, _directory, _throttler) = (settings, log, directory, throttler);
        _context = new NodeContext(settings, TimeProvider.System);
        _progress = new NodeProgress(_state.View);
        _store = new PaxosKvStore(_context, _state, _progress, () => directory.Storage.Bytes);
        Admin = new StoreAdmin(_context, _store, _progress, directory);
        System = Run(rescued);
        _introduction = IntroduceAsync();
        _ = FailWithStorageAsync(directory.Storage);
    }

    /// <summary>The node's ActorSystem.</summary>
    public ActorSystem System { get; private set; }

    /// <summary>The store as the doors see it.</summary>
    public IKvStore Store => _store;

    /// <summary>The cluster behind it, as operators see it.</summary>
    public IStoreAdmin Admin { get; }

    /// <inheritdoc/>
    public Task Ready => _ready.Task;

    /// <inheritdoc/>
    public Task<string> Failed => _failed.Task;

    /// <summary>Starts a node; it becomes ready once a quorum of its cluster is there.</summary>
    /// <exception cref="NodeStartupException">It can't start; the message says why.</exception>
    public static PaxosNode Start(NodeSettings settings, ILogger log) => Start(settings, log, throttler: false);

    internal static PaxosNode Start(NodeSettings settings, ILogger log, bool throttler)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var directory = DataDirectory.Open(settings, log);
        try
        {
            var rescued = directory.Storage.Health is { State: JournalState.Damaged } health ? Rescue(directory, health.Reason, log) : null;
            return new PaxosNode(settings, log, directory, rescued, throttler);
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task HandOverAsync()
    {
        if (_progress.Leader != _context.Self.Value || _context.Newest.Voters is [_]) return;
        var message = new PeerMessage(_context.ClusterId, _context.Self, new HandOver(null));
        _context.Send(new Outgoing(_context.Self, Role.Proposer, message.Message));
        for (var waited = TimeSpan.Zero; waited < _settings.ElectionTimeout && _progress.Leader == _context.Self.Value; waited += TimeSpan.FromMilliseconds(10))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10)).ConfigureAwait(false);
        }

        if (_progress.Leader is not 0 and var leader && leader != _context.Self.Value) _log.HandedOver(new NodeId(leader).ToString());
    }

    /// <summary>Stops serving, flushes the journal and leaves.</summary>
    public async ValueTask DisposeAsync()
    {
        // The host stops it, the container disposes it: once is enough.
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        await HandOverAsync().ConfigureAwait(false);
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _introduction.ConfigureAwait(false);
        await _rescue.ConfigureAwait(false);
        await TerminateAsync().ConfigureAwait(false);
        _directory.Dispose();
        _stopping.Dispose();
    }

    private ActorSystem Run(RescuedJournal? rescued)
    {
        var system = CreateSystem();
        _context.Connect(system);
        var seed = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8));
        var parts = new NodeParts(
            _state, _progress, _store, FindOwner(), _directory.Storage.Found, new StartMarkers(_directory.Path), rescued,
            bytes => _directory.Storage.HasRoom(bytes), GiveBack, seed, _log, Fail, SetJournalAside, _stopping.Token);
        system.ActorOf(Props.Create(() => new NodeSupervisor(_context, parts)), AkkaConfig.RootActor);
        system.ActorOf(Props.Create(() => new PeerLinkLog(_log, new News(TimeProvider.System))), "peer-links");
        if (NodeSettings.IsTls(_settings.ListenPeerUrl)) system.ActorOf(Props.Create(() => new HandshakeLog(_log, new News(TimeProvider.System))), "handshakes");
        return system;
    }

    /// <summary>The id that the first start here went by: it came from the peer URL, which may have changed since.</summary>
    private NodeId FindOwner() => new(_directory.Storage.Found is { } journal
        ? ulong.Parse(journal.Id[NodeSupervisor.JournalPrefix.Length..], NumberStyles.HexNumber, CultureInfo.InvariantCulture)
        : _settings.MemberId);

    private ActorSystem CreateSystem()
    {
        try
        {
            return ActorSystem.Create(AkkaConfig.SystemName, AkkaConfig.Setup(_settings, _directory.Storage, PeerTls.Open(_settings, _log, TimeProvider.System), _throttler));
        }
        catch (Exception e) when (e is not NodeStartupException && e.GetBaseException() is global::System.Net.Sockets.SocketException socket)
        {
            throw new NodeStartupException(
                $"can't listen for peers on {_settings.ListenPeerUrl} ({socket.Message}): is another node running there? Choose another port with --listen-peer-urls");
        }
    }

    private async Task TerminateAsync()
    {
        if (await Task.WhenAny(System.Terminate(), Task.Delay(StopTimeout)).ConfigureAwait(false) is var first && !System.WhenTerminated.IsCompleted)
        {
            _log.StopTimedOut(StopTimeout.TotalSeconds, first.Status.ToString());
        }
    }

    /// <summary>The journal can't be read: begin again without it, knowing only who this node is. The others know what it may have voted for.</summary>
    private void SetJournalAside(string reason) => _rescue = Task.Run(async () =>
    {
        try
        {
            await System.Terminate().WaitAsync(RescueTimeout).ConfigureAwait(false);
            var rescued = Rescue(_directory, reason, _log);
            if (!_stopping.IsCancellationRequested) System = Run(rescued);
        }
        catch (Exception e) when (e is NodeStartupException or IOException or TimeoutException)
        {
            Fail(e.Message);
        }
    });

    /// <exception cref="NodeStartupException">The journal does not even say whose it is.</exception>
    private static RescuedJournal Rescue(DataDirectory directory, string reason, ILogger log)
    {
        var rescued = directory.Storage.Rescue() ?? throw new NodeStartupException(
            $"the journal in {directory.Storage.Place} is damaged ({reason}) and does not even say whose it is. Look at the disk; then remove this member (etcdctl member "
            + "remove), add it anew (etcdctl member add) and start it on an empty directory with --initial-cluster-state existing");
        log.JournalSetAside(reason, directory.SetJournalAside(log));
        return rescued;
    }

    /// <summary>After a cut: free pages go back to the file system, a slice at a time and with pauses, so that the journal is not kept waiting.</summary>
    private void GiveBack() => _ = _directory.GiveBackAsync(_stopping.Token);

    /// <summary>Whoever may write to the data directory may also have users and roles switched off, when the way in is lost.</summary>
    private async Task SwitchAuthOffAsync()
    {
        var markers = new StartMarkers(_directory.Path);
        if (!markers.AuthOff) return;
        await _store.ExecuteAsync(new AuthSwitchCommand(Enable: false) { Caller = Caller.Node }, _stopping.Token).ConfigureAwait(false);
        markers.ClearAuthOff();
        _log.AuthSwitchedOff();
    }

    /// <summary>Publishes name and client URLs, and learns whether the cluster serves; repeats until it does.</summary>
    private async Task IntroduceAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                // First the log: with it comes who this node is.
                await _store.ReadAsync(ReadConsistency.Linearizable, _stopping.Token).ConfigureAwait(false);
                var publish = new PublishMemberCommand(
                    _context.Self.Value, _settings.Name, [.. _settings.AdvertiseClientUrls.Select(u => $"{u.Scheme}://{u.Authority}")], _context.Identity.Incarnation)
                {
                    Caller = _store.View.Auth.ThisNode,
                };
                if (!IsPublished(publish)) await _store.ExecuteAsync(publish, _stopping.Token).ConfigureAwait(false);
                await SwitchAuthOffAsync().ConfigureAwait(false);
                await _store.ReadAsync(ReadConsistency.Linearizable, _stopping.Token).ConfigureAwait(false);
                _ready.TrySetResult();
                return;
            }
            catch (KvException e) when (e.Code != KvErrorCode.Stopped)
            {
                // No quorum yet: the wait is in the request's own time-out.
            }
            catch (KvException)
            {
                // The roles have stopped: for good, or to begin again without a damaged journal.
                await Task.WhenAny(Task.Delay(_settings.ElectionTimeout, _stopping.Token)).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private bool IsPublished(PublishMemberCommand publish) =>
        _store.View.Members.TryGetValue(publish.MemberId, out var known)
        && known.Name == publish.Name && known.Incarnation == publish.Incarnation && known.ClientUrls.SequenceEqual(publish.ClientUrls);

    private async Task FailWithStorageAsync(INodeStorage storage) => Fail(await storage.Lost.ConfigureAwait(false));

    private void Fail(string reason)
    {
        if (!_stopping.IsCancellationRequested) _failed.TrySetResult(reason);
    }
}

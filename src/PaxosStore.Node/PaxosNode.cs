using System.Collections.Immutable;
using System.Diagnostics;
using System.Security.Cryptography;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Microsoft.Extensions.Logging;
using PaxosStore.Node.Actors;
using PaxosStore.Node.Facade;

namespace PaxosStore.Node;

/// <summary>How a node's owner learns how it fares.</summary>
public interface INodeLifetime
{
    /// <summary>Completes when the node has served a first linearizable read.</summary>
    Task Ready { get; }

    /// <summary>Completes, with the reason, when the node must stop.</summary>
    Task<string> Failed { get; }
}

/// <summary>One running node: its directory, its ActorSystem, its roles.</summary>
public sealed class PaxosNode : INodeLifetime, IAsyncDisposable
{
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(2);

    private readonly NodeSettings _settings;
    private readonly ILogger _log;
    private readonly DataDirectory _directory;
    private readonly PaxosKvStore _store;
    private readonly NodeProgress _progress;
    private readonly NodeContext _context;
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<string> _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _introduction;
    private int _disposed;

    private PaxosNode(NodeSettings settings, ILogger log, DataDirectory directory, bool throttler)
    {
        (_settings, _log, _directory) = (settings, log, directory);
        _context = new NodeContext(settings, TimeProvider.System);
        var state = new KvStateMachine();
        _progress = new NodeProgress(state.View);
        _store = new PaxosKvStore(_context, state, _progress, () => directory.StorageBytes);
        log.Identity(_context.Self.ToString(), _context.ClusterId.ToString("x"), settings.InitialCluster.Count, directory.Path);
        System = CreateSystem(settings, directory, throttler);
        _context.Connect(System);
        var seed = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8));
        var parts = new NodeParts(state, _progress, _store, seed, log, Fail);
        System.ActorOf(Props.Create(() => new NodeSupervisor(_context, parts)), AkkaConfig.RootActor);
        _introduction = IntroduceAsync();
    }

    /// <summary>The node's ActorSystem.</summary>
    public ActorSystem System { get; }

    /// <summary>The store as the doors see it.</summary>
    public IKvStore Store => _store;

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
        var directory = DataDirectory.Open(settings.DataDirectory);
        try
        {
            return new PaxosNode(settings, log, directory, throttler);
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    /// <summary>Stops serving, flushes the journal and leaves.</summary>
    public async ValueTask DisposeAsync()
    {
        // The host stops it, the container disposes it: once is enough.
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _introduction.ConfigureAwait(false);
        if (await Task.WhenAny(System.Terminate(), Task.Delay(StopTimeout)).ConfigureAwait(false) is var first && !System.WhenTerminated.IsCompleted)
        {
            _log.StopTimedOut(StopTimeout.TotalSeconds, first.Status.ToString());
        }

        _directory.Dispose();
        _stopping.Dispose();
    }

    private static ActorSystem CreateSystem(NodeSettings settings, DataDirectory directory, bool throttler)
    {
        try
        {
            var config = AkkaConfig.For(settings, directory.JournalConnection, directory.SnapshotConnection, throttler);
            return ActorSystem.Create(AkkaConfig.SystemName, ActorSystemSetup.Create(BootstrapSetup.Create().WithConfig(config)));
        }
        catch (Exception e) when (e is not NodeStartupException && e.GetBaseException() is global::System.Net.Sockets.SocketException socket)
        {
            throw new NodeStartupException(
                $"can't listen for peers on {settings.ListenPeerUrl} ({socket.Message}): is another node running there? Choose another port with --listen-peer-urls");
        }
    }

    /// <summary>Publishes name and client URLs, and learns whether the cluster serves; repeats until it does.</summary>
    private async Task IntroduceAsync()
    {
        var publish = new PublishMemberCommand(
            _context.Self.Value, _settings.Name, [.. _settings.AdvertiseClientUrls.Select(u => $"{u.Scheme}://{u.Authority}")]);
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                if (!IsPublished(publish)) await _store.ExecuteAsync(publish, _stopping.Token).ConfigureAwait(false);
                await _store.ReadAsync(ReadConsistency.Linearizable, _stopping.Token).ConfigureAwait(false);
                _ready.TrySetResult();
                return;
            }
            catch (KvException e) when (e.Code != KvErrorCode.Stopped)
            {
                // No quorum yet: the wait is in the request's own time-out.
            }
            catch (Exception e) when (e is OperationCanceledException or KvException)
            {
                return;
            }
        }
    }

    private bool IsPublished(PublishMemberCommand publish) =>
        _store.View.Members.TryGetValue(publish.MemberId, out var known) && known.Name == publish.Name && known.ClientUrls.SequenceEqual(publish.ClientUrls);

    private void Fail(string reason)
    {
        if (!_stopping.IsCancellationRequested) _failed.TrySetResult(reason);
    }
}

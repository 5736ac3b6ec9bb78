using System.Runtime.CompilerServices;
using Akka.Actor;
using Akka.Cluster;
using Akka.Configuration;

namespace PaxosStore.Node.Facade;

/// <summary>What a read saw, with the revision and the ballot round of the state it was taken from.</summary>
public sealed record KvReply<T>(T Result, long Revision, ulong Term) where T : KvOpResult;

/// <summary>
/// PaxosStore for a node of the same Akka cluster that has no vote: it writes, reads, watches and leases through the facade actor of a member, and
/// turns to another member when that one fails. Safe for use from any thread; one per ActorSystem is enough.
/// <para>
/// A write is sent to one member; it goes to another only when the first said that it did not and will not happen. When its reply is lost, the
/// answer is <see cref="KvException"/> with <see cref="KvOutcome.Unknown"/>. Reads are repeated until the time is up.
/// </para>
/// </summary>
public sealed class PaxosStoreClient : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly MemberChoice _members;
    private readonly TimeProvider _time;
    private int _pending;

    /// <summary>
    /// A client of the members that <paramref name="system"/>, which has joined their Akka cluster or is about to, learns of by their role.
    /// </summary>
    /// <exception cref="InvalidOperationException">The system carries the role of the members itself.</exception>
    public PaxosStoreClient(ActorSystem system, PaxosStoreClientOptions? options = null)
        : this(system, Discover(system), options, TimeProvider.System)
    {
    }

    /// <summary>A client of the members at <paramref name="members"/>, in whatever state the Akka cluster is.</summary>
    public PaxosStoreClient(ActorSystem system, IReadOnlyList<Address> members, PaxosStoreClientOptions? options = null)
        : this(system, members, options, TimeProvider.System)
    {
    }

    internal PaxosStoreClient(ActorSystem system, IReadOnlyList<Address> members, PaxosStoreClientOptions? options, TimeProvider time)
        : this(system, () => members, options, time)
    {
        ArgumentNullException.ThrowIfNull(members);
        ArgumentOutOfRangeException.ThrowIfZero(members.Count, nameof(members));
    }

    private PaxosStoreClient(ActorSystem system, Func<IReadOnlyList<Address>> members, PaxosStoreClientOptions? options, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(system);
        Options = options ?? new PaxosStoreClientOptions();
        Options.Check();
        _time = time;
        _members = new MemberChoice(members, time);
        Link = new FacadeLink(system, time);
    }

    /// <summary>Name that every ActorSystem of the Akka cluster carries.</summary>
    public static string SystemName => AkkaConfig.SystemName;

    /// <summary>Role that PaxosStore's members carry in the Akka cluster. Give it to no other node.</summary>
    public static string MemberRole => AkkaConfig.MemberRole;

    /// <summary>
    /// What the configuration of the client's ActorSystem must hold beside its own: <c>Config.WithFallback(own)</c>. It binds the serializer of the
    /// facade's messages, connects as members do, raises the frame to their size and refuses messages no serializer is bound to, rather than sending them as JSON.
    /// </summary>
    public static Config Config { get; } = ConfigurationFactory.ParseString("""
        akka {
          actor {
            provider = cluster
            serialization-settings.allow-unregistered-types = false
            serializers.paxosstore = "PaxosStore.Node.Wire.PaxosSerializer, PaxosStore.Node"
            serialization-bindings {
              "PaxosStore.Node.Facade.FacadeRequest, PaxosStore.Node" = paxosstore
              "PaxosStore.Node.Facade.FacadeReply, PaxosStore.Node" = paxosstore
            }
          }
          remote {
            retry-gate-closed-for = 500ms
            use-passive-connections = off
            dot-netty.tcp {
              connection-timeout = 5s
              maximum-frame-size = 8MiB
              send-buffer-size = 16MiB
              receive-buffer-size = 16MiB
            }
          }
        }
        """);

    internal PaxosStoreClientOptions Options { get; }

    internal FacadeLink Link { get; }

    internal TimeProvider Time => _time;

    /// <summary>Agrees on a command; completes once it is applied on the member that was asked.</summary>
    /// <exception cref="KvException">Refused, or not decided in time; its outcome tells whether it may have happened.</exception>
    /// <exception cref="OperationCanceledException">The token fired; the outcome is unknown.</exception>
    public async Task<KvResult> ExecuteAsync(KvCommand command, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(command);
        return (await RunAsync(Checked(command), attemptTimeout: null, cancellationToken).ConfigureAwait(false)).Result;
    }

    /// <summary>Reads keys.</summary>
    /// <exception cref="KvException">The revision is compacted or in the future, or no member could serve it in time.</exception>
    public Task<KvReply<RangeResult>> RangeAsync(
        RangeOp range, ReadConsistency consistency = ReadConsistency.Linearizable, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(range);
        return ReadAsync<RangeResult>(range, consistency, cancellationToken);
    }

    /// <summary>Runs a transaction: as a linearizable read when it writes nothing, else as a write.</summary>
    /// <exception cref="KvException">As for <see cref="RangeAsync"/> and <see cref="ExecuteAsync"/>.</exception>
    public async Task<KvReply<TxnResult>> TxnAsync(TxnOp txn, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(txn);
        if (txn.IsReadOnly) return await ReadAsync<TxnResult>(txn, ReadConsistency.Linearizable, cancellationToken).ConfigureAwait(false);
        return Reply<TxnResult>(await ExecuteAsync(new WriteCommand(txn), cancellationToken).ConfigureAwait(false));
    }

    /// <summary>
    /// The events of some keys from a revision on: every one, once, in order, also across failures of members. Nothing is buffered ahead: a slow
    /// consumer slows its own watch only. Watching starts with the first <c>MoveNextAsync</c>; use <see cref="OpenWatchAsync"/> to know when it
    /// has.
    /// </summary>
    /// <exception cref="KvException"><see cref="KvErrorCode.Compacted"/>: the next revision due is gone.</exception>
    public async IAsyncEnumerable<KvEventBatch> WatchAsync(WatchSpec spec, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await using var watch = await OpenWatchAsync(spec, cancellationToken).ConfigureAwait(false);
        while (true) yield return await watch.NextAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Opens a watch; once it is there, it will deliver every event after <see cref="PaxosStoreWatch.Revision"/>.</summary>
    /// <exception cref="KvException">No member answered in time.</exception>
    public async Task<PaxosStoreWatch> OpenWatchAsync(WatchSpec spec, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var watch = new PaxosStoreWatch(this, spec, TakePlace());
        try
        {
            await watch.OpenAsync(Options.RequestTimeout, cancellationToken).ConfigureAwait(false);
            return watch;
        }
        catch
        {
            await watch.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Grants a key lease and keeps it alive until it is disposed or lost.</summary>
    /// <param name="ttl">Whole seconds, at least 2.</param>
    /// <param name="cancellationToken">Gives up the grant; not the lease.</param>
    /// <exception cref="KvException">As for <see cref="ExecuteAsync"/>; a lease granted without our knowledge ends by its TTL.</exception>
    public async Task<PaxosStoreLease> GrantLeaseAsync(TimeSpan ttl, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ttl, TimeSpan.FromSeconds(2));
        var before = _time.GetTimestamp();
        var granted = (LeaseGrantResult)await ExecuteAsync(new LeaseGrantCommand(0, (long)ttl.TotalSeconds), cancellationToken).ConfigureAwait(false);
        ttl = TimeSpan.FromSeconds(granted.TtlSeconds);
        if (_time.GetElapsedTime(before) > ttl / 3)
        {
            // Granting took so long that little of the time may be left: what is handed out is fresh.
            before = _time.GetTimestamp();
            var alive = await PaxosStoreLease.RenewAsync(this, granted.Id, ttl, cancellationToken).ConfigureAwait(false);
            if (!alive) throw new KvException(KvErrorCode.LeaseNotFound);
        }

        return new PaxosStoreLease(this, granted, before);
    }

    /// <summary>Ends the client; requests still waiting time out.</summary>
    public ValueTask DisposeAsync()
    {
        Link.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>A command that does no harm when it happens twice.</summary>
    internal async Task<KvResult> ExecuteRepeatableAsync(KvCommand command, TimeSpan patience, CancellationToken cancellationToken)
    {
        var attempt = patience < Options.AttemptTimeout ? patience : Options.AttemptTimeout;
        return (await RunAsync(Checked(command), attempt, cancellationToken).ConfigureAwait(false)).Result;
    }

    internal Address? ChooseMember() => _members.Choose();

    internal void Suspect(Address member) => _members.Suspect(member);

    private static Func<IReadOnlyList<Address>> Discover(ActorSystem system)
    {
        ArgumentNullException.ThrowIfNull(system);
        var cluster = Cluster.Get(system);
        if (cluster.SelfRoles.Contains(MemberRole))
        {
            throw new InvalidOperationException(
                $"this ActorSystem carries the role {MemberRole}, which belongs to PaxosStore's members: take it out of akka.cluster.roles");
        }

        return () => MemberChoice.InCluster(cluster);
    }

    private static KvReply<T> Reply<T>(KvResult result) where T : KvOpResult => new((T)((WriteResult)result).Op, result.Revision, result.Term);

    private static bool MayHelpElsewhere(KvErrorCode code) =>
        code is KvErrorCode.NoLeader or KvErrorCode.Timeout or KvErrorCode.LeaderChanged or KvErrorCode.Stopped;

    private Func<long, FacadeRequest> Checked(KvCommand command)
    {
        if (Options.AsNode) command = command with { Caller = Caller.Node };
        if (CommandCodec.Encode(0, 0, 0, command).Length > Options.MaxRequestBytes) throw new KvException(KvErrorCode.RequestTooLarge);
        return id => new FacadeExecute(id, command);
    }

    private async Task<KvReply<T>> ReadAsync<T>(KvOp op, ReadConsistency consistency, CancellationToken cancellationToken) where T : KvOpResult
    {
        var reply = await RunAsync(id => new FacadeRead(id, op, consistency) { AsNode = Options.AsNode }, Options.AttemptTimeout, cancellationToken).ConfigureAwait(false);
        return Reply<T>(reply.Result);
    }

    /// <param name="request">Makes the request with the id it goes out under.</param>
    /// <param name="attemptTimeout">For what may be repeated: when to ask another member. Null: an attempt of unknown fate is the last.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    private async Task<FacadeResult> RunAsync(Func<long, FacadeRequest> request, TimeSpan? attemptTimeout, CancellationToken cancellationToken)
    {
        var repeatable = attemptTimeout is not null;
        using var place = TakePlace();
        var start = _time.GetTimestamp();
        var failure = new KvException(KvErrorCode.NoLeader);
        while (Options.RequestTimeout - _time.GetElapsedTime(start) is var left && left > TimeSpan.Zero)
        {
            if (_members.Choose() is not { } member)
            {
                await Task.Delay(Pause, _time, cancellationToken).ConfigureAwait(false);
                continue;
            }

            var wait = attemptTimeout is { } attempt && attempt < left ? attempt : left;
            var reply = await Link.AskAsync(member, request, wait, cancellationToken).ConfigureAwait(false);
            if (reply is FacadeResult result) return result;
            failure = reply is FacadeFailure f
                ? new KvException(f.Code, f.Outcome, f.CompactRevision)
                : new KvException(KvErrorCode.Timeout, repeatable ? KvOutcome.DidNotHappen : KvOutcome.Unknown);
            if (reply is not null && !MayHelpElsewhere(failure.Code)) throw failure;
            _members.Suspect(member);
            if (!repeatable && failure.Outcome == KvOutcome.Unknown) throw failure;
            if (reply is not null) await Task.Delay(Pause, _time, cancellationToken).ConfigureAwait(false);
        }

        throw failure;
    }

    private Place TakePlace()
    {
        if (Interlocked.Increment(ref _pending) <= Options.MaxPendingRequests) return new Place(this);
        Interlocked.Decrement(ref _pending);
        throw new KvException(KvErrorCode.Overloaded);
    }

    /// <summary>One of the client's bounded places for requests and watches.</summary>
    internal sealed class Place(PaxosStoreClient client) : IDisposable
    {
        private int _given;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _given, 1) == 0) Interlocked.Decrement(ref client._pending);
        }
    }
}
